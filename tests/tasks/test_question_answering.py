"""Question answering: which tokens an answer stands for, what a window teaches, and that it is learned."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tests.tasks.helpers import new_task
from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.data.documents.questions import join_questions
from tokenmill.data.documents.spans import Span, write_spans
from tokenmill.inference.answer import answer
from tokenmill.model.folder import load_model
from tokenmill.model.heads import build_model
from tokenmill.tasks.question_answering import answer_tokens, lost_answers
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

TASK = "question-answering"
Asked = list[tuple[str, list[tuple[int, int]]]]


def passages(*rows: tuple[str, Asked, str]) -> pl.DataFrame:
    """Documents of the source ``letters``, given as (passage, questions with answers, split)."""
    made = []
    for number, (passage, asked, split) in enumerate(rows):
        text, spans = join_questions(passage, asked)
        made.append((f"letters:{number}", text, None, write_spans(spans), split))
    return pl.DataFrame(
        made, dict.fromkeys(("id", "text", "group", "spans", "split"), pl.String), orient="row"
    )


def both(passage: str, asked: Asked) -> pl.DataFrame:
    """The same document for training and for validation."""
    return passages((passage, asked, "train"), (passage, asked, "validation"))


def test_the_tokenizer_stays_where_single_characters_would_save_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = new_task(tmp_path, TASK, both("books and films", [("a", [(1, 3)])]), max_tokens=32)
    assert task.tokenizer is None
    assert capsys.readouterr().out == (
        "mine: 1 of 1 training answers begin or end inside a token; single characters would lose as many\n"
    )


def test_an_answer_is_learned_by_its_characters_whatever_the_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # 我喜欢 is one token: an answer of 喜欢 begins inside it.
    asked: Asked = [("谁", [(1, 3)]), ("喜", [(0, 3), (4, 7)])]
    task = new_task(tmp_path, TASK, both("我喜欢。我喜欢", asked), max_tokens=32)
    said = capsys.readouterr().out
    assert "1 of 3 training answers begin or end inside a token" in said and said.endswith("which leaves 0\n")
    assert task.config.kind == "span-extractor" and not task.config.labels and task.tokenizer is not None
    windows = task.train
    found = [
        {
            (windows.encodings[n].offsets[first][0], windows.encodings[n].offsets[last][1])
            for first, last in windows.answers[n]
        }
        for n in range(2)
    ]
    assert found == [{(1, 3)}, {(0, 3), (4, 7)}]
    rows = windows.rows([0, 1])
    assert rows.right_BT2.sum((1, 2)).tolist() == [2, 4] and not rows.right_BT2[:, 0].any()
    for row, window in enumerate(windows.encodings):
        sides = window.sequence_ids
        expected = [place == 0 or side == 1 for place, side in enumerate(sides)]
        assert rows.eligible_BT[row, : len(expected)].tolist() == expected
    whole = new_task(tmp_path / "whole", TASK, both("我喜欢。我喜欢", asked[1:]), max_tokens=32)
    assert whole.tokenizer is None and not capsys.readouterr().out


def test_an_answer_inside_a_word_takes_the_tokens_that_hold_it(tmp_path: Path) -> None:
    _, vocabulary = load_model(write_model(tmp_path / "model"))
    (window,) = vocabulary.encode_windows("谁", "我喜欢 books", 32, 0)
    assert answer_tokens(window, 1, 3) == answer_tokens(window, 0, 3)
    place = answer_tokens(window, 4, 9)
    assert place is not None and window.offsets[place[0]][0] in (3, 4) and window.offsets[place[1]][1] == 9
    assert answer_tokens(window, 4, 10) is None


def test_white_space_before_a_word_loses_no_answer(tmp_path: Path) -> None:
    task = new_task(tmp_path, TASK, both("small books and films", [("what", [(6, 11)])]), max_tokens=32)
    assert task.tokenizer is None and len(task.train.answers[0]) == 1
    assert lost_answers([], load_model(tmp_path / "base")[1]) == 0


def test_a_window_without_the_answer_answers_none(tmp_path: Path) -> None:
    passage = "q" * 40
    task = new_task(tmp_path, TASK, both(passage, [("w", [(30, 32)]), ("x", [])]), max_tokens=24, stride=4)
    windows = task.train
    of_first = len(windows.encodings) // 2
    assert of_first > 1 and task.steps(1) == -(-len(windows.encodings) // 4)
    assert [bool(answers) for answers in windows.answers[:of_first]].count(True) == 1
    assert not any(windows.answers[of_first:])
    rows = windows.rows(range(len(windows.encodings)))
    none = [not answers for answers in windows.answers]
    assert rows.right_BT2[:, 0, 0].tolist() == rows.right_BT2[:, 0, 1].tolist() == none


def test_the_loss_is_the_mean_of_both_cross_entropies_and_answers_add_up(tmp_path: Path) -> None:
    task = new_task(
        tmp_path, TASK, both("我a欢a", [("谁", [(1, 2), (3, 4)])]), "span-extractor", max_tokens=32
    )
    model = build_model(task.config).eval()
    torch.nn.init.normal_(model.classifier.weight, std=0.5)  # type: ignore[union-attr, arg-type]
    rows = task.train.rows([0])
    (window,), (places,) = task.train.encodings, task.train.answers
    logits = model(rows.tokens_BT)[0].detach()
    inside = [place for place, side in enumerate(window.sequence_ids) if place == 0 or side == 1]
    shares = logits[inside].softmax(0)
    begin = sum(float(shares[inside.index(first), 0]) for first, _ in places)
    end = sum(float(shares[inside.index(last), 1]) for _, last in places)
    expected = -(torch.tensor(begin).log() + torch.tensor(end).log()) / 2
    assert float(rows.loss(model).detach()) == pytest.approx(float(expected), rel=1e-5)
    assert float(task.validate(model)["loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_it_learns_where_the_answer_stands_and_a_decoder_sees_both_ways(tmp_path: Path) -> None:
    words = ("看", "买", "书", "报")
    rows: list[tuple[str, Asked, str]] = [
        (f"{word}在{other}", [("前", [(0, 1)]), ("后", [(2, 3)]), ("无", [])], split)
        for word in words
        for other in words
        for split in ("train", "validation")
    ]
    task = new_task(tmp_path, TASK, passages(*rows), "causal-lm", max_tokens=32, batch_size=16, dropout=0.0)
    assert not task.config.causal
    torch.manual_seed(1)
    model = build_model(task.config)
    schedule = Schedule(steps=task.steps(25), learning_rate=0.02, seed=1)
    fit(
        model, task, schedule, checkpoint=tmp_path / "answers.ckpt", runtime=Runtime(threads=1), validations=1
    )
    assert task.validate(model)["accuracy"] > 0.9
    _, vocabulary = load_model(tmp_path / "base")
    found = answer(model, vocabulary, ["前", "后", "无"], ["书在报"] * 3)
    assert [each.best and each.best.label for each in found] == ["书", "报", None]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            passages(("我喜欢", [("谁", [])], "train"), ("我", [("谁", [])], "validation")),
            "none of its 1 training q",
        ),
        (
            passages(("我喜欢", [("谁", [(0, 1)])], "train")),
            "letters: no validation documents with questions",
        ),
        (
            both("我喜欢", [("q" * 30, [(0, 1)])]),
            r"mine\.max_tokens: of letters:0:0 the question qqq.* no room",
        ),
        (both("我喜欢", [("谁", [(2, 5)])]), r"letters:0: answer:0 ends at 5, outside its passage of 3"),
        (
            both("我", [("谁", [(0, 1)])]).with_columns(spans=pl.lit(write_spans([Span(0, 99, "question")]))),
            "letters:0: span 0 to 99",
        ),
        (
            both("我", [("谁", [(0, 1)])]).with_columns(
                spans=pl.lit(write_spans([Span(0, 1, "answer:7"), Span(2, 3, "question")]))
            ),
            "answer:7 belongs to no question; there are 1",
        ),
    ],
)
def test_what_cannot_be_learned_is_one_line(tmp_path: Path, frame: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        new_task(tmp_path, TASK, frame)
    assert "\n" not in str(error.value)
