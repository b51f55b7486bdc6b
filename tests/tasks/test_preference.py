"""Preferences: the loss of direct preference optimization, what is learnt of which row, and mistakes."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tests.samples import conversation
from tests.tasks.helpers import learn, new_task
from tests.tiny_models import tiny_model, write_model
from tokenmill.core.errors import UserError
from tokenmill.data.documents.conversations import Turn
from tokenmill.data.documents.preferences import Preference
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import LanguageModel
from tokenmill.text.chat_template import ASSISTANT, END_OF_TURN, USER
from tokenmill.text.preferences import preference_rows
from tokenmill.text.tokenizer import BOS, EOS, fingerprint

Given = tuple[str, str, str]
"""Prompt ("": none), chosen, rejected."""
GOOD: Given = ("我喜欢", "看电影。", "听音乐。")
OTHER: Given = ("", "a small test", "books and films")


def documents(*rows: tuple[Given, str]) -> pl.DataFrame:
    """Preferences of the source ``letters``, given as (prompt, chosen, rejected) and split."""
    made = []
    for number, ((prompt, chosen, rejected), split) in enumerate(rows):
        turns = [("user", prompt)] * bool(prompt) + [("chosen", chosen), ("rejected", rejected)]
        made.append((f"letters:{number}", *conversation(turns), split))
    return pl.DataFrame(made, dict.fromkeys(("id", "text", "spans", "split"), pl.String), orient="row")


def task_of(folder: Path, *rows: tuple[Given, str], **changes: Any) -> Any:
    given = {"max_tokens": 32, "dropout": 0.0, **changes}
    return new_task(folder, "preference", documents(*rows), "causal-lm", **given)


ROWS = ((GOOD, "train"), (OTHER, "train"), (GOOD, "validation"))


def summed(model: LanguageModel, ids: list[int], first: int) -> torch.Tensor:
    """Log-probability of the ids from the ``first`` on, token by token."""
    logits_TV = model(torch.tensor([ids]))[0].log_softmax(-1)
    return torch.stack([logits_TV[place - 1, ids[place]] for place in range(first, len(ids))]).sum()


def test_the_loss_is_that_of_the_paper(tmp_path: Path) -> None:
    task = task_of(tmp_path, *ROWS, beta=0.5)
    start, model = tiny_model("causal-lm", 1), tiny_model("causal-lm", 2)
    assert isinstance(start, LanguageModel) and isinstance(model, LanguageModel)
    task.begin(start)
    expected = []
    for pair in task.train:
        (c, c0), (r, r0) = (
            [summed(each, row.ids, row.learnt.index(True)) for each in (model, start)] for row in pair
        )
        expected.append(-torch.log(torch.sigmoid(0.5 * ((c - c0) - (r - r0)))))
    mean = torch.stack(expected).mean()
    examples = task.batch(0).examples
    torch.testing.assert_close(examples.loss(model), mean, atol=1e-4, rtol=1e-4)
    weight = model.backbone.embeddings.token.weight
    ours, theirs = (torch.autograd.grad(loss, weight)[0] for loss in (examples.loss(model), mean))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)
    assert examples.loss(start).item() == pytest.approx(0.6931, abs=1e-4), "log 2 where nothing is learnt yet"


def test_answers_and_their_ends_are_learnt_after_the_same_prompt(tmp_path: Path) -> None:
    _, vocabulary = load_model(write_model(tmp_path / "plain"))
    pair = preference_rows(vocabulary, Preference([Turn("user", "a small")], "test", "我"), 32)
    assert pair is not None
    for row, text in zip(pair, ("a small test", "a small我"), strict=True):
        assert (row.ids[0], row.ids[-1]) == (BOS, EOS) and vocabulary.decode(row.ids) == text
        learnt = [id for id, asked in zip(row.ids, row.learnt, strict=True) if asked]
        assert vocabulary.decode(learnt) == text.removeprefix("a small") and learnt[-1] == EOS
    assert preference_rows(vocabulary, Preference([], "test", "test " * 40), 32) is None


def test_a_model_for_conversations_reads_its_template(tmp_path: Path) -> None:
    model, _ = load_model(write_model(tmp_path / "plain"))
    folder = tmp_path / "talker"
    known = {"tokenizer": fingerprint(tmp_path / "plain")}
    save_model(folder, model, tokenizer=tmp_path / "plain", ancestry=known, chat=True)
    _, vocabulary = load_model(folder)
    pair = preference_rows(vocabulary, Preference([Turn("user", "a")], "books", "films"), 32)
    assert pair is not None
    assert [pair[0].ids.index(id) for id in (USER, ASSISTANT)] == [1, pair[0].learnt.index(True) - 1]
    assert pair[0].ids[-1] == END_OF_TURN


def test_the_chosen_answers_win(tmp_path: Path) -> None:
    task = task_of(tmp_path, *ROWS)
    model, _ = load_model(tmp_path / "base")
    task.begin(model)
    before, after = learn(model, task, tmp_path)
    assert before["margin"] == pytest.approx(0, abs=1e-5) and before["loss"] == pytest.approx(
        0.6931, abs=1e-4
    )
    assert after["reward_accuracy"] == 1 and after["margin"] > 0.5 and after["loss"] < before["loss"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("a", "books", "books"), r"letters:0 prefers an answer to the same one \(chosen equals rejected"),
        (("a", "books", " "), r"letters:0 has an empty answer \(rejected\)"),
        (("a", "books " * 40, "a"), "letters: no train preference to learn from"),
    ],
    ids=["equal", "empty", "longer than all"],
)
def test_what_is_no_preference(tmp_path: Path, given: Given, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        task_of(tmp_path, (given, "train"), (GOOD, "validation"))
    assert "\n" not in str(error.value)
