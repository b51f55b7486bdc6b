"""Every family computes what its published class computes, and gives its tensors back bit by bit."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.model.published.references import CASES, outputs, reference, rows
from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import FAMILIES
from tokenmill.model.heads import LanguageModel, Model, build_model
from tokenmill.model.published import architectures
from tokenmill.model.tensors import Tensors


def imported(published: Any, name: str) -> Model:
    """Our model with the weights of a published one."""
    config = architectures.from_config({**published.config.to_dict(), "architectures": [name]})
    placed = architectures.from_state(config, Tensors.of(published.state_dict()))
    assert not placed.missing_keys
    assert not placed.unexpected_keys
    model = build_model(placed.config)
    model.load_state_dict(placed.state)
    return model.eval()


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_outputs_are_those_of_the_published_class(case: str) -> None:
    for seed in (0, 1, 2):
        published = reference(case, seed)
        model = imported(published, CASES[case][0])
        theirs, ours, attention_mask = outputs(published, model, seed)
        assert theirs.abs().max() > 0.5, "the reference says too little to compare with"
        where = attention_mask if theirs.ndim == 3 else slice(None)
        torch.testing.assert_close(ours[where], theirs[where], atol=1e-4, rtol=0)
        if isinstance(model, LanguageModel):
            targets = torch.randint(0, 97, ours.shape[:2])[where]
            loss = F.cross_entropy(ours[where], targets)
            torch.testing.assert_close(loss, F.cross_entropy(theirs[where], targets), atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_a_round_trip_returns_every_tensor_and_the_config(case: str) -> None:
    published = reference(case, 1)
    model = imported(published, CASES[case][0])
    stored = architectures.to_state(model.config, model.state_dict())
    known = published.state_dict()
    assert set(stored) <= set(known)
    for name, tensor in stored.items():
        assert torch.equal(tensor, known[name]), name
    values = architectures.to_config(model.config)
    again = architectures.from_state(architectures.from_config(values), Tensors.of(stored))
    assert again.config == model.config
    assert all(torch.equal(again.state[name], tensor) for name, tensor in model.state_dict().items())
    ours, theirs = type(published.config)(**values).to_dict(), published.config.to_dict()
    differing = {key for key in values if key in theirs and ours[key] != theirs[key]}
    assert differing <= {"architectures", "dtype", "id2label", "label2id"}, differing


def test_a_pooler_comes_along_whatever_the_class() -> None:
    """As in the files of BERT's authors, whose class has a head for masked tokens."""
    published, pooler = reference("bert", 1), reference("bert features", 1).pooler.dense
    values = {**published.config.to_dict(), "architectures": [CASES["bert"][0]]}
    stored = published.state_dict() | {
        f"bert.pooler.dense.{part}": value for part, value in pooler.state_dict().items()
    }
    placed = architectures.from_state(architectures.from_config(values), Tensors.of(stored))
    assert placed.config.pooler and not placed.unexpected_keys
    kept = architectures.to_state(placed.config, placed.state)
    assert torch.equal(kept["bert.pooler.dense.weight"], pooler.weight)
    del stored["bert.pooler.dense.bias"]
    half = architectures.from_state(placed.config, Tensors.of(stored))
    assert not half.config.pooler and half.unexpected_keys == ["bert.pooler.dense.weight"]


@pytest.mark.parametrize("tokens_first", [1, 4, 9])
@pytest.mark.parametrize("case", ["gpt2", "opt", "llama", "qwen3", "t5 1.0", "t5 1.1"])
@torch.no_grad()
def test_a_cache_changes_nothing(case: str, tokens_first: int) -> None:
    model = imported(reference(case, 3), CASES[case][0])
    assert isinstance(model, LanguageModel)
    tokens, _ = rows(5, batch=3, longest=10)
    tokens[tokens == 0] = 1
    # Padded on the left, as prompts of unequal length are.
    attention_mask = torch.arange(10) >= torch.tensor([0, 3, 1])[:, None]
    memory: dict[str, Tensor] = {}
    if model.config.kind == "text-to-text":
        source, source_attention_mask = rows(6, batch=3, longest=7)
        memory = {
            "memory_BSD": model.backbone.encode(source, source_attention_mask),
            "memory_attention_mask_BS": source_attention_mask,
        }
    whole = model.backbone.decode(tokens, attention_mask, **memory)
    cache = model.new_cache(3, 10)
    pieces, start = [], 0
    for size in [tokens_first] + [1] * (10 - tokens_first):
        stop = start + size
        pieces.append(
            model.backbone.decode(tokens[:, start:stop], attention_mask[:, :stop], cache=cache, **memory)
        )
        start = stop
    torch.testing.assert_close(torch.cat(pieces, 1)[attention_mask], whole[attention_mask], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM, which is not known here"),
        ({"architectures": []}, "architectures is empty"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_type must be default, got yarn"),
        ({"attention_bias": True}, "attention_bias must be false, got True"),
        ({"hidden_act": "mish"}, "activation mish is not known"),
        ({"num_attention_heads": 5}, "heads must be a multiple of key_value_heads"),
    ],
)
def test_a_config_that_we_cannot_be_is_one_clear_line(changes: dict[str, Any], message: str) -> None:
    values = {**reference("llama", 0).config.to_dict(), "architectures": ["LlamaForCausalLM"], **changes}
    with pytest.raises(UserError, match=message) as error:
        architectures.from_config(values)
    assert "\n" not in str(error.value)


def test_every_family_of_ours_with_a_published_class_is_tried_here() -> None:
    tried = {
        architectures.from_config({**reference(case, 0).config.to_dict(), "architectures": [name]}).family
        for case, (name, _) in CASES.items()
    }
    assert tried == {name for name in architectures.MODULES if not name.startswith("small-")}
    assert set(architectures.MODULES) <= set(FAMILIES)


def test_a_missing_tensor_is_named() -> None:
    published = reference("gpt2", 0)
    config: ModelConfig = architectures.from_config(
        {**published.config.to_dict(), "architectures": ["GPT2LMHeadModel"]}
    )
    stored = published.state_dict()
    del stored["transformer.h.1.mlp.c_fc.weight"]
    stored["transformer.extra"] = torch.zeros(1)
    placed = architectures.from_state(config, Tensors.of(stored))
    assert placed.missing_keys == ["transformer.h.1.mlp.c_fc.weight"]
    assert placed.unexpected_keys == ["transformer.extra"]
