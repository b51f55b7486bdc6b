"""Chat: what is learnt of a conversation, how one that is too long is cut, and mistakes."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.samples import conversation
from tests.tasks.helpers import new_task
from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.data.documents.conversations import Turn
from tokenmill.inference.chat import chat
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import build_model
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.text.chat import chat_rows
from tokenmill.text.chat_template import ASSISTANT, END_OF_TURN, SYSTEM, USER, is_chat
from tokenmill.text.tokenizer import BOS, fingerprint
from tokenmill.text.vocabulary import Vocabulary
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

HELLO = [("user", "我喜欢看电影。"), ("assistant", "books"), ("user", "a"), ("assistant", "films <eos>")]


def documents(*rows: tuple[Sequence[tuple[str, str]], str]) -> pl.DataFrame:
    """Conversations of the source ``letters``, given as (turns, split)."""
    made = [(f"letters:{n}", *conversation(turns), split) for n, (turns, split) in enumerate(rows)]
    return pl.DataFrame(made, dict.fromkeys(("id", "text", "spans", "split"), pl.String), orient="row")


def chat_task(folder: Path, *rows: tuple[Sequence[tuple[str, str]], str], **changes: object) -> object:
    given = {"max_tokens": 32, **changes}
    return new_task(folder, "chat", documents(*rows), "causal-lm", **given)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    """Of a tiny model."""
    return load_model(write_model(tmp_path_factory.mktemp("chat") / "model"))[1]


def test_the_answers_and_their_ends_are_learnt_and_nothing_else(
    tmp_path: Path, vocabulary: Vocabulary, capsys: pytest.CaptureFixture[str]
) -> None:
    task = chat_task(tmp_path, (HELLO, "train"), (HELLO, "validation"))
    examples = task.batch(0).examples
    learnt = examples.labels_BT[examples.labels_BT != IGNORE_INDEX].tolist()
    assert [learnt.count(id) for id in (USER, ASSISTANT, END_OF_TURN)] == [0, 0, 2]
    assert vocabulary.decode(learnt) == "booksfilms <eos>"
    assert examples.inputs_BT[0, 0] == BOS
    said = capsys.readouterr().out
    assert "<extra_28>我喜欢看电影。<extra_31><extra_29>[[books<extra_31>]]<extra_28>a" in said
    assert (
        "1 conversations for train, 0 of them in several rows of at most 32 tokens; 1 rows; 0 conversations"
        in said
    )


TURNS = st.lists(st.tuples(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12)), min_size=1)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TURNS, st.integers(20, 80), st.booleans())
def test_every_answer_that_fits_is_learnt_once_and_follows_its_question(
    vocabulary: Vocabulary, pairs: list[tuple[str, str]], most: int, system: bool
) -> None:
    turns = [Turn("system", "be kind")] * system
    for question, answer in pairs:
        turns += [Turn("user", question), Turn("assistant", answer)]
    made = chat_rows(vocabulary, turns, most)
    answers = []
    for row in made.rows:
        assert len(row.ids) == len(row.learnt) <= most
        assert row.ids[0] == BOS and row.ids[1] == (SYSTEM if system else USER)
        assert row.ids.count(SYSTEM) == system
        text = list[int]()
        for id, learnt in zip(row.ids, row.learnt, strict=True):
            if learnt and id == END_OF_TURN:
                answers.append(vocabulary.decode(text))
                text = []
            elif learnt:
                text.append(id)
        assert not text
        assert (
            row.ids.count(USER)
            == row.ids.count(ASSISTANT)
            == row.learnt.count(True)
            - sum(learnt and id != END_OF_TURN for id, learnt in zip(row.ids, row.learnt, strict=True))
        )
    assert len(answers) + made.left_out == len(pairs)
    if not made.left_out:
        assert answers == [answer for _, answer in pairs]


def test_a_long_conversation_becomes_several_rows_and_what_fits_nowhere_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = [("user", "a"), ("assistant", "q" * 90), *HELLO * 2]
    task = chat_task(tmp_path, (long, "train"), (HELLO, "validation"))
    assert len(task.train) == 2 and task.documents == 1
    said = capsys.readouterr().out
    assert "mine: 1 answers for train are left out, being longer than 32 tokens with the turn before" in said
    assert "(first in letters:0); raise finetune.mine.max_tokens" in said


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        (
            [("assistant", "hello"), ("user", "a")],
            "conversation letters:0 begins with the assistant",
        ),
        ([("user", "hello"), ("assistant", " ")], r"letters:0 has an empty turn \(2, assistant\)"),
        ([("user", "hello")], "letters: no train conversation has an answer of the assistant's"),
        ([("system", "hello")], "letters:0 has no turn of a user"),
        ([("user", "a"), ("system", "b"), ("assistant", "c")], "has a system turn that is not its first"),
        ([("user", "hello"), ("assistant", "q" * 90)], "no train conversation has an answer"),
    ],
    ids=["begins with the assistant", "empty turn", "no answer", "no user", "late system", "longer than all"],
)
def test_what_is_no_conversation(tmp_path: Path, turns: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        chat_task(tmp_path, (turns, "train"), (HELLO, "validation"))


def test_answers_are_learned_and_end(tmp_path: Path) -> None:
    pairs = [("a", "books"), ("b", "films"), ("我", "test")]
    rows = [
        ([("user", question), ("assistant", answer)], split)
        for split in ("train", "validation")
        for question, answer in pairs
    ]
    task = chat_task(tmp_path, *rows, batch_size=3, dropout=0.0)
    torch.manual_seed(0)
    model = build_model(task.config)
    fit(
        model,
        task,
        Schedule(steps=task.steps(60), learning_rate=0.02, seed=1),
        checkpoint=tmp_path / "last.ckpt",
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000.0, log_every_steps=100),
        validations=1,
    )
    assert task.validate(model)["loss"] < 0.1
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    save_model(tuned, model, tokenizer=base, ancestry={"tokenizer": fingerprint(base)}, chat=True)
    assert not is_chat(load_model(base)[1])
    model, vocabulary = load_model(tuned)
    asked = [[Turn("user", question)] for question, _ in pairs]
    assert chat(model, vocabulary, asked, max_new_tokens=10, temperature=0) == ["books", "films", "test"]
