"""Token classification: which tag a token stands for, and that tags are learned."""

from pathlib import Path

import pytest
import torch

from tests.tasks.helpers import documents, new_task
from tests.tiny_models import plain_ids, write_model
from tokenmill.core.errors import UserError
from tokenmill.model.folder import load_model
from tokenmill.model.heads import build_model
from tokenmill.tasks.labelling import IGNORE_INDEX
from tokenmill.tasks.token_classification import token_labels
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

NUMBERS = {"n": 0, "r": 1, "v": 2, "w": 3}
TASK = "token-classification"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # Tokens: 我喜欢, and 看 as three bytes.
        (
            [("我", "r"), ("喜欢", "v"), ("看", "v")],
            {0: 1, 3: 2},
        ),  # 喜欢 has no token
        ([("我喜欢", "n"), ("看", "v")], {0: 0, 3: 2}),
        ([("我喜", "n"), ("欢看", "unheard of")], {0: 0, 3: IGNORE_INDEX}),
    ],
)
def test_a_token_has_the_tag_of_the_word_in_which_it_begins(
    tmp_path: Path, words: list[tuple[str, str]], expected: dict[int, int]
) -> None:
    _, vocabulary = load_model(write_model(tmp_path / "model"))
    ((encoding,),) = vocabulary.encode_whole(["".join(word for word, _ in words)], 32)
    labels = token_labels(encoding, words, NUMBERS)
    assert labels[0] == IGNORE_INDEX  # <bos>
    assert {
        begin: label for (begin, _), label in list(zip(encoding.offsets, labels, strict=True))[1:]
    } == expected


def test_tags_are_those_of_training_and_groups_have_none(tmp_path: Path) -> None:
    task = new_task(
        tmp_path,
        TASK,
        documents(
            ("中央台，我看", None, "[中央/n 台/n]nt ，/w 我/r 看/v", "train"),
            ("我看", "no tags", None, "train"),
            ("我哦", None, "我/r 哦/y", "validation"),
        ),
    )
    assert task.config.labels == ("n", "r", "v", "w")
    assert (task.train.documents, task.validation.documents) == (1, 1)
    labels = task.validation.examples([0]).labels
    assert set(labels.flatten().tolist()) == {task.config.labels.index("r"), IGNORE_INDEX}, "y is not known"


def test_long_texts_are_read_to_their_end(tmp_path: Path) -> None:
    text, target = "qx" * 30, " ".join(["q/n x/v"] * 30)
    task = new_task(
        tmp_path, TASK, documents((text, None, target, "train"), (text, None, target, "validation"))
    )
    assert task.train.documents == 1 and max(map(len, task.train.rows)) == 16
    everything = range(len(task.train.rows))
    assert task.train.examples(everything).total == 60
    _, vocabulary = load_model(tmp_path / "base")
    inside = [token for row in task.train.rows for token in row[1:-1]]
    assert inside == plain_ids(vocabulary, text)


def test_a_decoder_sees_what_follows(tmp_path: Path) -> None:
    rows = documents(("我看", None, "我/r 看/v", "train"), ("我看", None, "我/r 看/v", "validation"))
    assert not new_task(tmp_path, TASK, rows, "causal-lm").config.causal


def test_a_tag_that_depends_on_what_follows_is_learned(tmp_path: Path) -> None:
    pairs = [("ab", "a/n b/v"), ("ac", "a/v c/n"), ("bab", "b/v a/n b/v"), ("bac", "b/v a/v c/n")]
    rows = [(text, None, target, split) for split in ("train", "validation") for text, target in pairs]
    task = new_task(tmp_path, TASK, documents(*rows), batch_size=2)
    torch.manual_seed(0)
    model = build_model(task.config)
    fit(
        model,
        task,
        Schedule(steps=task.steps(40), learning_rate=0.02, seed=1),
        checkpoint=tmp_path / "last.ckpt",
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000.0, log_every_steps=100),
        validations=1,
    )
    assert task.validate(model)["accuracy"] == 1.0


def test_one_tag_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    rows = documents(("我看", None, "我/x 看/x", "train"), ("我看", None, "我/x 看/x", "validation"))
    with pytest.raises(UserError, match=r"finetune\.mine\.source is letters, whose words have 1 tag\(s\)"):
        new_task(tmp_path, TASK, rows)
