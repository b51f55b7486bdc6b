"""The trunk keeps what its parts promise: causality, padding that does not leak, exact caches."""

import pytest
import torch

from lm.config import ModelConfig
from lm.errors import UserError
from tests.tiny_models import tiny_config, tiny_model


def tokens(batch: int, length: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(39, 320, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("feed_forward", ["relu2", "swiglu"])
def test_a_causal_model_does_not_see_what_follows(feed_forward: str) -> None:
    model = tiny_model(feed_forward=feed_forward)
    first = tokens(2, 12)
    second = first.clone()
    second[:, 7:] = tokens(2, 5, seed=2)
    a, b = model(first), model(second)
    torch.testing.assert_close(a[:, :7], b[:, :7])
    assert not torch.allclose(a[:, 7:], b[:, 7:])


def test_a_masked_model_sees_both_sides() -> None:
    model = tiny_model("masked-lm")
    first = tokens(1, 12)
    second = first.clone()
    second[:, 11] = 40
    assert not torch.allclose(model(first)[:, 0], model(second)[:, 0])


def test_cached_and_uncached_logits_are_equal() -> None:
    model = tiny_model()
    ids = tokens(3, 20)
    caches = model.new_caches(3)
    parts = [model(ids[:, :9], caches, 0)]
    parts += [model(ids[:, at : at + 1], caches, at) for at in range(9, 20)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(ids), atol=1e-5, rtol=1e-4)


def test_padding_does_not_change_a_classification() -> None:
    model = tiny_model("sequence-classifier")
    ids = tokens(1, 10)
    padded = torch.cat((ids, torch.zeros(1, 6, dtype=torch.long)), dim=1)
    present = torch.ones(1, 16, dtype=torch.bool)
    present[:, 10:] = False
    alone = model(ids, torch.ones(1, 10, dtype=torch.bool))
    torch.testing.assert_close(model(padded, present), alone, atol=1e-6, rtol=1e-5)


def test_positions_matter() -> None:
    model = tiny_model("masked-lm")
    ids = tokens(1, 8)
    assert not torch.allclose(model(ids)[0, 0], model(ids.flip(1))[0, -1], atol=1e-3)


def test_attention_scores_depend_on_distance_only() -> None:
    """Rotary positions: the same tokens further right, nothing before them, same hidden states."""
    model = tiny_model()
    ids = tokens(1, 6)
    shifted = model.trunk(ids, torch.ones(6, 6, dtype=torch.bool).tril()[None, None], None, start=10)
    torch.testing.assert_close(shifted, model.trunk(ids), atol=1e-5, rtol=1e-4)


def test_swiglu_has_about_as_many_weights_as_relu2() -> None:
    counts = [
        sum(p.numel() for p in tiny_model(feed_forward=f, width=96).parameters()) for f in ("relu2", "swiglu")
    ]
    assert abs(counts[0] - counts[1]) / counts[0] < 0.02


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "multiple of 2 x heads"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"kind": "sequence-classifier", "labels": ()}, "labels"),
        ({"kind": "diffusion"}, "kind must be one of"),
    ],
)
def test_a_config_that_cannot_be_is_one_clear_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        tiny_config(**changes)
    assert "\n" not in str(error.value)


def test_config_survives_json_and_refuses_foreign_keys() -> None:
    config = tiny_config("sequence-classifier")
    assert ModelConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UserError, match="n_embd is not known"):
        ModelConfig.from_dict({**config.to_dict(), "n_embd": 3})
