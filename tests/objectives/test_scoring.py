"""Scores over windows equal those over the whole, target by target."""

import math

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_model
from tokenmill.model.names import Kind
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.objectives.masked import Masked
from tokenmill.objectives.objective import Objective
from tokenmill.objectives.prefix import Prefix
from tokenmill.objectives.scoring import _windows, bits_per_byte, objective_scores, stream_nats
from tokenmill.objectives.span_corruption import SpanCorruption


@pytest.mark.parametrize("length", [2, 5, 32, 33, 34, 64, 100])
@pytest.mark.parametrize("stride", [1, 7, 16, 32])
def test_each_token_but_the_first_is_a_target_exactly_once(length: int, stride: int) -> None:
    stream = np.arange(length) + 1000
    context = min(32, length - 1)
    inputs, targets = _windows(stream, context, min(stride, context))
    kept = targets[targets != IGNORE_INDEX]
    assert sorted(kept.tolist()) == (stream[1:]).tolist()
    assert bool((inputs[targets != IGNORE_INDEX] == kept - 1).all())


def test_nats_equal_the_sum_by_hand_and_leave_special_targets_out() -> None:
    model = tiny_model()
    stream = np.array([2, 50, 60, 3, 2, 70, 3], np.uint16)
    nats, count = stream_nats(model, stream, special=range(39))
    logs = model(torch.from_numpy(stream.astype(np.int64))[None]).log_softmax(-1)[0]
    expected = -(logs[0, 50] + logs[1, 60] + logs[4, 70])
    assert count == 3
    assert nats == pytest.approx(expected.detach().item(), rel=1e-5)


def test_stride_one_gives_each_token_all_the_context_there_is() -> None:
    model = tiny_model()
    stream = np.random.default_rng(0).integers(39, 320, 50).astype(np.uint16)
    nats, _ = stream_nats(model, stream, special=range(39), stride=1)
    total = 0.0
    for at in range(1, 50):
        context = torch.from_numpy(stream[max(0, at - 32) : at].astype(np.int64))[None]
        total -= model(context)[0, -1].log_softmax(-1)[int(stream[at])].detach().item()
    assert nats == pytest.approx(total, rel=1e-4)


def test_bits_per_byte_of_a_fair_coin() -> None:
    assert bits_per_byte(80 * math.log(2), 10) == pytest.approx(8)


@pytest.mark.parametrize(
    ("kind", "objective"),
    [
        ("masked-lm", Masked(mlm_probability=0.25)),
        ("text-to-text", SpanCorruption()),
        ("causal-lm", Prefix()),
    ],
)
def test_an_objective_s_scores_are_the_same_each_time_and_near_chance_for_random_weights(
    kind: Kind, objective: Objective
) -> None:
    model = tiny_model(kind)
    stream = np.random.default_rng(0).integers(39, 320, 4000).astype(np.uint16)
    loss, accuracy = objective_scores(model, stream, objective, seed=3)
    assert (loss, accuracy) == objective_scores(model, stream, objective, seed=3)
    assert (loss, accuracy) != objective_scores(model, stream, objective, seed=4)
    assert loss > math.log(281) * 0.9
    assert accuracy < 0.15
