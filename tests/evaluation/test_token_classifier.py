"""Tags of words: from labels of tokens, beside rivals, on the words of test documents."""

import shutil

import polars as pl
import pytest

from tests.evaluation.helpers import SOURCES, TAGGED, Project
from tokenmill.core.errors import UserError
from tokenmill.evaluation.token_classifier import word_answers
from tokenmill.inference.classify import Span
from tokenmill.model.digest import CONTROL


def test_a_word_has_the_label_of_the_first_token_that_begins_in_it() -> None:
    spans = [
        Span(0, 0, "a mark before the text", 1.0),
        Span(0, 3, "first", 0.9),  # words of 1, 1 and 2 characters: the second and part of the third
        Span(3, 4, "second", 0.8),
        Span(4, 5, "a byte", 0.7),
        Span(4, 5, "the next", 0.6),
    ]
    assert word_answers([1, 1, 2, 1], spans) == [
        ("first", 0.9, True),
        ("first", 0.9, False),
        ("second", 0.8, True),
        ("a byte", 0.7, True),
    ]
    assert word_answers([2], []) == [("", 0.0, False)]


def test_the_figures_are_those_of_the_predictions(shared: Project) -> None:
    found = shared.evaluate("speech")
    words = pl.read_parquet(shared.out["evaluation"] / "predictions.parquet")
    test = [TAGGED[text] for text, _ in SOURCES["diary"]["test"]]
    assert [f"{word}/{tag}" for word, tag in words.select("text", "label").iter_rows()] == " ".join(
        test
    ).split()
    assert (found["documents"], found["figures"]["words"]) == (len(test), words.height) == (6, 24)
    parts = {"": found["figures"], **{f"{name}_": values for name, values in found["rivals"].items()}}
    assert list(parts) == ["", "characters_", "control_", "lexicon_"]
    for prefix, part in parts.items():
        accuracy = (words["label"] == words[f"{prefix}predicted"]).mean()
        assert part["accuracy"] == pytest.approx(accuracy, abs=1e-6)
        assert part["accuracy_low"] <= part["accuracy"] <= part["accuracy_high"]
    # 我喜欢 is one token of the tokenizer: of such a text one word of four has none.
    liked = sum("喜欢" in text for text in test)
    assert found["figures"]["words_without_token"] == pytest.approx(liked / 24, abs=1e-6)
    compared = found["comparisons"]["lexicon"]
    gain = found["figures"]["accuracy"] - found["rivals"]["lexicon"]["accuracy"]
    assert compared["gain"] == pytest.approx(gain, abs=2e-6) and compared["p_value"] < 0.05
    assert shared.metrics["rivals"]["lexicon"] > 0.9 > shared.metrics["accuracy"]


def test_what_was_never_seen_has_the_usual_tag(made: Project) -> None:
    path = made.clean / "documents/diary.parquet"
    changed = pl.read_parquet(path).with_columns(
        text=pl.when(pl.col("split") == "test").then(pl.lit("他在。")).otherwise("text"),
        target=pl.when(pl.col("split") == "test").then(pl.lit("他/z 在/n 。/w")).otherwise("target"),
    )
    changed.write_parquet(path)
    made.save_model("speech")
    shutil.rmtree(made.model("speech") / CONTROL)
    found = made.evaluate("speech")
    words = pl.read_parquet(made.out["evaluation"] / "predictions.parquet").head(3)
    training = "".join(tag for tag in TAGGED.values())
    assert list(found["rivals"]) == ["characters", "lexicon"] and training.count("/r") == training.count("/w")
    assert words["lexicon_predicted"].to_list() == ["r", "r", "w"], "the first of the most frequent"
    assert words["characters_predicted"].to_list() == ["n", "n", "w"], "most characters are those of nouns"
    assert "z" not in words["predicted"], "a tag that training never saw is always wrong"


def test_documents_without_tags(made: Project) -> None:
    with pytest.raises(UserError, match="no test documents of news whose target is tagged text"):
        made.evaluate("speech", sources=["news"])
