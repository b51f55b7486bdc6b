"""The count of operations against torch's own counter, on the real forward and backward passes."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.tiny_models import tiny_model
from tokenmill.model.heads import LanguageModel
from tokenmill.model.names import Family, Kind
from tokenmill.pretraining.flops import flops_per_token, forward_flops, training_flops


def counted(model: LanguageModel, *, backward: bool, source: int = 0) -> int:
    """FLOPs of one row of 16 as torch counts them; the plain attention kernel is the one that it sees."""
    tokens = torch.arange(16)[None]
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        logits = model(tokens, source_BS=torch.arange(source)[None] if source else None)
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("kind", "family"),
    [("causal-lm", "small-gpt"), ("causal-lm", "llama"), ("masked-lm", "small-bert"), ("masked-lm", "bert")],
)
def test_decoders_and_encoders(kind: Kind, family: Family) -> None:
    model = tiny_model(kind, family=family)
    assert isinstance(model, LanguageModel)
    assert forward_flops(model.config, positions=16) == counted(model, backward=False)
    assert training_flops(model.config, positions=16) == counted(model, backward=True)


def test_grouped_keys_and_text_to_text() -> None:
    for model, source in ((tiny_model(key_value_heads=1), 0), (tiny_model("text-to-text"), 24)):
        assert isinstance(model, LanguageModel)
        expected = forward_flops(model.config, positions=16, source=source)
        # torch repeats grouped keys, which costs nothing, before it multiplies them.
        assert expected == counted(model, backward=False, source=source)


def test_a_gpt_has_the_published_count() -> None:
    config = tiny_model(layers=3, width=64, heads=4, context=128).config
    matrices = 3 * 12 * 64**2 + 64 * config.vocab_size
    assert flops_per_token(config) == 6 * matrices + 12 * 3 * 64 * 128


def test_only_what_is_predicted_goes_through_the_output_layer() -> None:
    config = tiny_model("masked-lm").config
    all_, quarter = (forward_flops(config, positions=16, predicted=n) for n in (16, 4))
    assert all_ - quarter == 2 * 12 * (32 * config.vocab_size + 32 * 32)
