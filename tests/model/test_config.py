"""Configs that cannot be are refused in one line; families and names agree."""

from typing import get_args

import pytest

from tests.tiny_models import tiny_config
from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import FAMILIES, family_config
from tokenmill.model.names import Decoder, Encoder, TextToText


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "width must be a multiple of heads, got width 32 and heads 3"),
        ({"heads": 32}, "multiple of 2 x heads"),
        ({"heads": 4, "key_value_heads": 3}, "heads must be a multiple of key_value_heads, got 4 and 3"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"kind": "sequence-classifier", "labels": ()}, "labels are for"),
        ({"labels": ("a", "b")}, "labels are for"),
        ({"kind": "diffusion"}, "kind must be one of"),
        ({"activation": "mish"}, "activation must be one of relu, relu2"),
        ({"kind": "masked-lm", "family": "small-gpt"}, "masked-lm model must not be causal"),
        ({"kind": "text-to-text", "decoder_layers": 0}, "decoder_layers is for text-to-text"),
    ],
)
def test_a_config_that_cannot_be_is_one_clear_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        tiny_config(**changes)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_config_survives_json_and_refuses_foreign_keys() -> None:
    config = tiny_config("sequence-classifier")
    assert ModelConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UserError, match="n_embd is not known"):
        ModelConfig.from_dict({**config.to_dict(), "n_embd": 3})


def test_every_name_of_a_family_has_a_configuration_of_its_kind() -> None:
    kinds = {"causal-lm": Decoder, "masked-lm": Encoder, "text-to-text": TextToText}
    assert set(FAMILIES) == {name for names in kinds.values() for name in get_args(names)}
    for kind, names in kinds.items():
        for name in get_args(names):
            config = family_config(name, vocab_size=100, layers=2, width=48, heads=4, context=16)
            assert (config.family, config.kind) == (name, kind)


def test_what_follows_from_the_width_is_derived() -> None:
    shape = {"vocab_size": 100, "layers": 3, "width": 64, "heads": 4, "context": 16}
    assert family_config("vaswani", **shape).embedding_scale == 8
    t5 = family_config("t5", **shape)
    assert (t5.output_scale, t5.decoder_layers, t5.intermediate_width) == (1 / 8, 3, 256)
    llama = family_config("llama", **shape, key_value_heads=2)
    assert (llama.intermediate_width, llama.groups, llama.width_of_head) == (192, 2, 16)
