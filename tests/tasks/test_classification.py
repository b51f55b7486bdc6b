"""Classification: the parts of a model learn each on its own."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from tests.tiny_models import tiny_config, tiny_model
from tokenmill.model.heads import TaskModel, build_model
from tokenmill.tasks.classification import Classification, LabelledTexts
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
    task = Classification(train=texts_of(64), validation=texts_of(32), batch_size=8, seed=1)
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
    (gradient,) = torch.autograd.grad(cross_entropy(alone, examples.labels_B), weight)
    assert weight.grad is not None
    assert torch.allclose(weight.grad, gradient, atol=1e-6)
