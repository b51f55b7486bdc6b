"""Named entities: what is learnt of which document, that it is learnt, and what is refused."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.tasks.helpers import documents, learn, new_task
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span, write_spans
from tokenmill.inference.entities import entities
from tokenmill.model.bio import read_bio
from tokenmill.model.folder import load_model
from tokenmill.model.heads import build_model
from tokenmill.tasks.memory import memory

TEXTS = ["我喜欢江泽民。", "我喜欢看北京电影。", "a small New York test", "我喜欢阅读。"]
SPANS = [[Span(3, 6, "PER")], [Span(4, 6, "LOC")], [Span(8, 16, "LOC")], []]
"""喜欢 is inside of a token, and so is no entity's edge; New York has a space."""


def _frame(splits: str = "ttvv") -> pl.DataFrame:
    names = {"t": "train", "v": "validation", "e": "test"}
    frame = documents(*((text, None, None, names[split]) for text, split in zip(TEXTS, splits, strict=True)))
    return frame.with_columns(spans=pl.Series([write_spans(spans) for spans in SPANS]))


def _learnt(texts: Any, labels: tuple[str, ...]) -> list[tuple[str, str]]:
    """The entities in the labels of pieces, as words."""
    return [
        ("".join(map(chr, piece.characters[span.begin : span.end])), span.label)
        for piece, row in zip(texts.pieces, texts.labels, strict=True)
        for span in read_bio(row.tolist(), labels)
    ]


def test_every_entity_is_learnt_though_it_lies_inside_of_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "我喜欢我喜欢"  # 我喜欢 is one token
    frame = documents(
        *((text, None, "我喜/x 欢我/nr 喜/ns 欢/x", split) for split in ("train", "validation"))
    )
    task = new_task(tmp_path, "ner", frame, labels={"nr": "PER", "ns": "LOC"})
    assert task.config.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert not task.config.causal
    assert _learnt(task.train, task.config.labels) == [("欢我", "PER"), ("喜", "LOC")]
    assert capsys.readouterr().err == "mine: 2 entities in 1 pieces of 1 documents; all can be learnt\n"


def test_an_entity_longer_than_a_piece_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "a" * 40
    frame = documents(*((f"x {long} bc", None, None, split) for split in ("train", "validation")))
    frame = frame.with_columns(spans=pl.lit(write_spans([Span(2, 42, "X"), Span(43, 45, "X")])))
    task = new_task(tmp_path, "ner", frame)
    assert _learnt(task.train, task.config.labels) == [("bc", "X")]
    assert "1 are longer than a piece (16 tokens) and are not learnt" in capsys.readouterr().err


def test_a_model_learns_its_texts_and_finds_their_entities(tmp_path: Path) -> None:
    frame = pl.concat([_frame("tttt"), _frame("vvvv")])
    task = new_task(tmp_path, "ner", frame, max_tokens=32, dropout=0.0)
    model = build_model(task.config)
    before, after = learn(model, task, tmp_path)
    assert set(after) == set(task.figures)
    assert before["f1"] == 0 and after["f1"] == after["precision"] == after["recall"] == 1
    assert after["loss"] < 0.1 * before["loss"]
    _, vocabulary = load_model(tmp_path / "base")
    found = entities(model, vocabulary, TEXTS)
    assert [[Span(s.start, s.end, s.label) for s in row] for row in found] == SPANS
    assert all(span.probability > 0.9 for row in found for span in row)


def test_memory_is_estimated_before_the_training(tmp_path: Path) -> None:
    task = new_task(tmp_path, "ner", _frame(), max_tokens=32)
    base, _ = load_model(tmp_path / "base")
    model = build_model(task.config)
    need = memory(task, base, 2)
    assert need.gradients == sum(weight.nbytes for weight in model.parameters())
    assert memory(task, base, 4).activations >= need.activations > 0


def test_both_parts_learn_each_on_its_own(tmp_path: Path) -> None:
    task = new_task(tmp_path, "ner", _frame("ttvv"), max_tokens=32, dropout=0.0)
    model = build_model(task.config)
    examples = task.batch(0).examples
    emissions, transitions = examples.batch.scores(model, apart=True)
    mean_emissions, mean_transitions = examples.batch.scores(model)
    assert emissions.shape[0] == transitions.shape[0] == 2
    assert mean_emissions.equal(emissions.mean(0)) and mean_transitions.equal(transitions.mean(0))
    alone = new_task(tmp_path / "alone", "ner", _frame("ttvv"), max_tokens=32, ngrams=0)
    assert build_model(alone.config).windows is None
    whole = float(examples.loss(model).detach())
    assert whole == pytest.approx(2 * alone.validate(build_model(alone.config))["loss"], rel=1)


@pytest.mark.parametrize(
    ("frame", "settings", "message"),
    {
        "no entity": (
            documents(("x", None, None, "train"), ("y", None, None, "validation")),
            {},
            "no train document of letters has an entity; its documents need spans",
        ),
        "tags that match nothing": (
            documents(("我", None, "我/r", "train"), ("我", None, "我/r", "validation")),
            {"labels": {"nz": "X"}},
            "no train document of letters has an entity; name tags that it has",
        ),
        "none for validation": (_frame("tttv"), {}, "no validation document of letters has an entity"),
        "a label that training never has": (
            _frame("tvev"),
            {},
            r"label 'LOC' of letters is in the validation split \(letters:1\) and on no document for",
        ),
        "overlapping": (
            _frame().with_columns(spans=pl.lit(write_spans([Span(0, 2, "X"), Span(1, 3, "Y")]))),
            {},
            "letters:0: X at 0 to 2 overlaps Y at 1 to 3; entities must lie apart: mend letters",
        ),
    }.values(),
)
def test_what_cannot_be_learnt_is_refused_in_a_line(
    tmp_path: Path, frame: pl.DataFrame, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        new_task(tmp_path, "ner", frame, **settings)
    assert "finetune.mine" in str(error.value) and "\n" not in str(error.value)
