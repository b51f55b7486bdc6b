"""Several labels, numbers and rare labels: what is learned of each, and what a stored model says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from tests.tasks.helpers import documents, new_task
from tests.tiny_models import tiny_config, tiny_model
from tokenmill.core.errors import UserError
from tokenmill.model.heads import TaskModel, build_model
from tokenmill.tasks.classification import balanced
from tokenmill.tasks.labelling import Labelling
from tokenmill.tasks.text_labels import LabelledTexts, MultiLabel, Regression, outputs_of
from tokenmill.text.ngrams import ngram_buckets
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

TASK = "classification"
SEVERAL = "multi_label_classification"


def asked(*rows: tuple[str, str], **settings: Any) -> Any:
    """A task of texts given as (label, split)."""
    return lambda folder: new_task(
        folder, TASK, documents(*((f"t {n}", label, None, split) for n, (label, split) in enumerate(rows))),
        **settings,
    )  # fmt: skip


def train(model: torch.nn.Module, task: Labelling, folder: Path, epochs: int = 6) -> None:
    folder.mkdir(exist_ok=True)
    fit(
        model,
        task,
        Schedule(steps=task.steps(epochs), learning_rate=0.005, seed=1),
        checkpoint=folder / "last.ckpt",
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000.0, log_every_steps=100),
        validations=1,
    )


def texts_with(words: list[list[str]], labels: Any, weights: Any = None) -> LabelledTexts:
    """Texts that are all alike to the backbone; words decide."""
    buckets = [ngram_buckets(" ".join(found), 2) for found in words]
    return LabelledTexts([[1, 40, 2]] * len(words), np.asarray(labels), 0, buckets, weights)


def test_several_labels_are_those_between_the_separators_and_none_may_fit(tmp_path: Path) -> None:
    rows = [("b | a", "train"), ("c", "train"), ("|", "train"), ("a|c", "validation")]
    task = asked(*rows, problem="multi-label", separator="|")(tmp_path)
    assert (task.config.labels, task.config.problem_type) == (("a", "b", "c"), SEVERAL)
    labels_BL = task.train.examples([0, 1, 2]).labels
    assert labels_BL.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_the_loss_of_several_labels_is_that_of_transformers() -> None:
    model = tiny_model("sequence-classifier", problem_type=SEVERAL)
    labels = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    rows = LabelledTexts([[1, 40, 2], [1, 41, 42, 2], [1, 2]], labels, 0).examples([0, 1, 2])
    logits = model(rows.tokens_BT, rows.attention_mask_BT)
    expected = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels))
    assert float(rows.loss(model).detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_several_labels_are_learned(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, (64, 2)).astype(np.float32)
    words = [[word for word, there in zip("xy", row, strict=True) if there] for row in labels]
    task = MultiLabel(
        tiny_config("sequence-classifier", ngrams=2, problem_type=SEVERAL),
        train=texts_with(words, labels), validation=texts_with(words, labels), batch_size=8, seed=1,
    )  # fmt: skip
    model = build_model(task.config)
    train(model, task, tmp_path)
    assert task.validate(model)["micro_f1"] == 1.0


@pytest.mark.parametrize("family", ["small-bert", "small-gpt"])
def test_a_stored_regression_gives_the_number_itself(tmp_path: Path, family: Any) -> None:
    """Under a decoder too, whose head has no bias to hold the mean."""
    draw = np.random.default_rng(2)
    numbers = draw.integers(0, 4, 96)
    words = [["wxyz"[number]] for number in numbers]
    labels = (1000 + 10 * numbers[:, None]).astype(np.float32)
    config = tiny_config(
        "sequence-classifier", family, ngrams=1, problem_type="regression", labels=("value",)
    )
    torch.manual_seed(0)
    model = build_model(config)
    texts = texts_with(words, labels)
    task = Regression(config, train=texts, validation=texts, batch_size=8, seed=1)
    train(model, task, tmp_path, epochs=20)
    figures = task.validate(model)
    task.finish(model)
    error = np.abs(outputs_of(model, texts).numpy() - labels).mean()
    assert figures["mean_absolute_error"] == pytest.approx(error, rel=1e-3, abs=0.02)
    assert error < 5, "the numbers lie 11 from their median, on average"


def test_numbers_are_read_as_numbers(tmp_path: Path) -> None:
    task = asked(("1", "train"), (" 3.0", "train"), ("2e0", "validation"), problem="regression")(tmp_path)
    assert (task.config.labels, task.config.problem_type) == (("value",), "regression")
    assert task.train.labels.tolist() == [[-1.0], [1.0]] and task.validation.labels.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("rows", "problem", "message"),
    [
        ([("1", "train"), ("many", "train")], "regression", "label of letters:1 is 'many', no number"),
        ([("nan", "train"), ("2", "train")], "regression", "label of letters:0 is 'nan', no number"),
        ([("2", "train"), ("2.0", "train")], "regression", "letters has fewer than two different numbers"),
        ([("a", "train"), (";", "train")], "multi-label", r"which has 1 label\(s\)"),
        ([("a;b", "train"), ("a;c", "test")], "multi-label", "label 'c' of letters is in the test split"),
    ],
)
def test_labels_that_are_not_of_the_problem(
    tmp_path: Path, rows: list[tuple[str, str]], problem: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        asked(*rows, problem=problem)(tmp_path)
    assert "\n" not in str(error.value)


def test_many_numbers_as_names_are_remarked_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(*((str(n), "train") for n in range(21)), ("3", "validation"))(tmp_path)
    assert "21 different numbers" in capsys.readouterr().out


def test_weights_of_rare_labels() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1])
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    assert balanced(labels, 2) == pytest.approx(expected)
    several = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    assert balanced(several, 2).tolist() == pytest.approx([1 / 3, 3])


def test_weights_of_rare_labels_gain_macro_f1(tmp_path: Path) -> None:
    """A word that stands in all texts of the rare label, and in as many of the other one."""
    labels = np.array([0] * 90 + [1] * 6)
    words = [["x"] if number >= 82 else ["y"] for number in range(96)]
    f1 = []
    for weights in (None, balanced(labels, 2)):
        texts = texts_with(words, labels, weights)
        torch.manual_seed(0)
        model = build_model(tiny_config("sequence-classifier", ngrams=1))
        assert isinstance(model, TaskModel)
        task = Labelling(model.config, train=texts, validation=texts, batch_size=8, seed=1)
        train(model, task, tmp_path / str(len(f1)), epochs=4)
        said = outputs_of(model, texts).argmax(1).numpy()
        f1.append(np.mean([
            2 * ((said == n) & (labels == n)).sum() / max(1, (said == n).sum() + (labels == n).sum())
            for n in (0, 1)
        ]))  # fmt: skip
    assert f1[1] > f1[0] + 0.1
