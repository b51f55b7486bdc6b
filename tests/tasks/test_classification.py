"""Classification: the parts of a model learn each on its own."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from tests.tiny_models import tiny_config, tiny_model
from tokenmill.model.heads import build_model
from tokenmill.tasks.classification import Classification, LabelledTexts
from tokenmill.text.ngrams import ngram_buckets
from tokenmill.training.fit import fit
from tokenmill.training.loop import Runtime
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
    task = Classification(
        model,  # type: ignore[arg-type]
        Schedule(steps=Classification.steps_in(64, 8, 6), learning_rate=0.005, seed=1),
        train=texts_of(64),
        validation=texts_of(32),
        batch_size=8,
    )
    assert task.validate()["accuracy"] < 0.8
    fit(
        task,
        checkpoint=tmp_path / "last.ckpt",
        identity={},
        runtime=Runtime(threads=1, checkpoint_every_seconds=1000.0, log_every_steps=100),
        log=lambda values, tokens: None,
        validations=1,
        name="test",
    )
    assert task.validate()["accuracy"] == 1.0


def test_a_part_learns_the_same_with_and_without_the_other() -> None:
    train = texts_of(8)
    model = tiny_model("sequence-classifier", ngrams=2)
    schedule = Schedule(steps=1, learning_rate=0.005, seed=1)
    task = Classification(model, schedule, train=train, validation=train, batch_size=8)  # type: ignore[arg-type]
    rows, loss = task.prepare(0)
    loss(slice(0, rows)).backward()
    tokens, attention_mask, ngrams, labels = train.batch(range(8))
    weight = model.classifier.weight
    alone = model(tokens, attention_mask, ngrams_BG=ngrams, apart=True)[0]
    (gradient,) = torch.autograd.grad(cross_entropy(alone, labels), weight)
    assert torch.allclose(weight.grad, gradient, atol=1e-6)
