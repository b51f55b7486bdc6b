"""Classification: what labels there are, and that the parts of a model learn each on its own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.tasks.helpers import labelled, new_task
from tests.tiny_models import tiny_config, tiny_model
from tokenmill.core.errors import UserError
from tokenmill.model.heads import TaskModel, build_model
from tokenmill.tasks.labelling import Labelling
from tokenmill.tasks.table import TASKS
from tokenmill.tasks.text_labels import LabelledTexts
from tokenmill.text.ngrams import ngram_buckets
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule


def texts_of(count: int) -> LabelledTexts:
    """Texts that are all alike to the backbone; a rare run of characters decides the label."""
    random = np.random.default_rng(count)
    labels = random.integers(0, 2, count)
    texts = ["ab" * int(random.integers(1, 4)) + ("不好" if label else "好不") for label in labels]
    return LabelledTexts([[1, 40, 2]] * count, labels, 0, [ngram_buckets(text, 2) for text in texts])


def test_ngrams_learn_what_the_backbone_cannot_see(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model(tiny_config("sequence-classifier", ngrams=2))
    task = Labelling(model.config, train=texts_of(64), validation=texts_of(32), batch_size=8, seed=1)
    assert task.validate(model)["accuracy"] < 0.8
    fit(
        model,
        task,
        Schedule(steps=task.steps(6), learning_rate=0.005, seed=1),
        checkpoint=tmp_path / "last.ckpt",
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000.0, log_every_steps=100),
        validations=1,
    )
    assert task.validate(model)["accuracy"] == 1.0


def test_a_part_learns_the_same_with_and_without_the_other() -> None:
    train = texts_of(8)
    model = tiny_model("sequence-classifier", ngrams=2)
    assert isinstance(model, TaskModel)
    examples = train.examples(range(8))
    for rows in (slice(0, 3), slice(3, 8)):
        examples[rows].loss(model).backward()
    alone = model(examples.tokens_BT, examples.attention_mask_BT, ngrams_BG=examples.ngrams_BG, apart=True)[0]
    weight = model.classifier.weight
    (gradient,) = torch.autograd.grad(cross_entropy(alone, examples.labels), weight)
    assert weight.grad is not None
    assert torch.allclose(weight.grad, gradient, atol=1e-6)


EVERY_SPLIT = [("good", "train"), ("bad", "train"), ("good", "validation"), (None, "train"), (None, "test")]


def test_labels_are_sorted_and_documents_without_one_say_nothing(tmp_path: Path) -> None:
    task = new_task(tmp_path, "classification", labelled(*EVERY_SPLIT), ngrams=2)
    assert (task.config.kind, task.config.labels) == (TASKS["classification"].kind, ("bad", "good"))
    assert (task.config.context, task.config.dropout, task.config.ngrams) == (16, 0.1, 2)
    assert (task.train.documents, task.validation.documents) == (2, 1)
    assert task.train.examples([0, 1]).labels.tolist() == [1, 0]


@pytest.mark.parametrize(("pooling", "causal"), [("mean", False), ("last", True), (None, True)])
def test_averaged_positions_of_a_decoder_see_the_whole_text(
    tmp_path: Path, pooling: str | None, causal: bool
) -> None:
    task = new_task(tmp_path, "classification", labelled(*EVERY_SPLIT), "causal-lm", pooling=pooling)
    assert (task.config.pooling, task.config.causal) == (pooling or "last", causal)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (
            [("good", "train"), (None, "train")],
            r"finetune\.mine\.source is letters, which has 1 label\(s\); map",
        ),
        (
            [("good", "train"), ("bad", "train"), ("odd", "test"), ("odd", "validation")],
            r"label 'odd' of letters is in the test split \(letters:2\) and on no document for training",
        ),
        (
            [("good", "train"), ("bad", "validation")],
            r"label 'bad' of letters is in the validation split \(letters:1\)",
        ),
        ([("good", "train"), ("bad", "train")], r"letters: no labelled validation documents; see clean"),
    ],
)
def test_labels_that_cannot_be_learnt(
    tmp_path: Path, documents: list[tuple[str | None, str]], message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        new_task(tmp_path, "classification", labelled(*documents))
    assert "\n" not in str(error.value)
