"""What fine-tuning will hold: estimated before, against what it holds, and refused by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_config, tiny_model
from tokenmill.core.errors import UserError
from tokenmill.model.heads import build_model
from tokenmill.model.names import Family
from tokenmill.tasks import memory as planned
from tokenmill.tasks.labelling import Labelling
from tokenmill.tasks.text_labels import LabelledTexts
from tokenmill.text.ngrams import BUCKETS, ngram_buckets, table_rows
from tokenmill.training.fit import fit
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule


def new_task(labels: int, family: Family = "small-bert", ngrams: int = 2) -> Labelling:
    names = tuple(f"label {number:04}" for number in range(labels))
    config = tiny_config("sequence-classifier", family, labels=names, ngrams=ngrams)
    texts = [f"text {number}" for number in range(32)]
    rows = [[1, *range(5, 10 + number % 16), 2] for number in range(len(texts))]
    numbers = np.arange(len(texts)) % labels
    found = LabelledTexts(
        rows, numbers, 0, [ngram_buckets(text, ngrams) for text in texts] if ngrams else None
    )
    return Labelling(config, train=found, validation=found, batch_size=8, seed=1)


@pytest.mark.parametrize("family", ["small-bert", "small-gpt", "lstm"])
@pytest.mark.parametrize("labels", [2, 40])
def test_weights_gradients_and_state_are_those_of_the_real_training(
    family: Family, labels: int, tmp_path: Path
) -> None:
    task, base = (
        new_task(labels, family),
        tiny_model("causal-lm" if family != "small-bert" else "masked-lm", family=family),
    )
    need = planned.memory(task, base, 8)
    model = build_model(task.config)
    weights = sum(weight.nbytes for weight in model.parameters())
    assert need.gradients == weights
    assert need.weights == 2 * weights + sum(weight.nbytes for weight in base.parameters())
    fit(
        model,
        task,
        Schedule(2, 0.01, 1),
        checkpoint=tmp_path / "x.ckpt",
        runtime=Runtime(threads=1),
        validations=0,
    )
    state = torch.load(tmp_path / "x.ckpt", weights_only=True)["optimizer_states"][0]["state"].values()
    assert need.optimizer == sum(v.nbytes for of in state for v in of.values() if isinstance(v, torch.Tensor))
    assert planned.memory(task, base, 16).activations >= need.activations > 0


def test_a_thousand_labels_take_a_table_that_suits() -> None:
    assert [table_rows(labels) for labels in (2, 64, 65, 256, 1000, 100_000)] == [
        *(BUCKETS, BUCKETS, BUCKETS // 2, BUCKETS // 4, BUCKETS // 16, BUCKETS // 16)
    ]
    need = planned.memory(new_task(1000), tiny_model("masked-lm"), 8)
    assert need.total < 3 << 30


def test_what_cannot_fit_is_refused_and_the_param_named(monkeypatch: pytest.MonkeyPatch) -> None:
    task, base = new_task(2, ngrams=0), tiny_model("masked-lm")
    need = planned.memory(task, base, 8)
    monkeypatch.setattr(planned, "available_memory", lambda processes: need.total // processes)
    planned.check_memory("mine", task, base, Runtime())
    monkeypatch.setattr(planned, "available_memory", lambda processes: need.total - need.activations // 2)
    with pytest.raises(UserError, match=r"finetune\.mine takes .* GiB.*; set runtime\.micro_batch to [2-5] "):
        planned.check_memory("mine", task, base, Runtime())
    planned.check_memory("mine", task, base, Runtime(micro_batch=2))
    monkeypatch.setattr(planned, "available_memory", lambda processes: 600 << 20)
    with pytest.raises(UserError, match=r"; lower finetune\.mine\.max_tokens"):
        planned.check_memory("mine", task, base, Runtime())
    with pytest.raises(
        UserError, match=r"finetune\.mine\.ngrams to 0 .*its table has 3 labels by 1,048,576 n-grams"
    ):
        planned.check_memory("mine", new_task(3), base, Runtime())
