"""One token at a time equals the whole row at once, in every family that writes; beams may be reordered."""

from typing import Any

import pytest
import torch

from tests.tiny_models import tiny_model
from tokenmill.inference.generation.decoding import Decoding
from tokenmill.model.heads import LanguageModel
from tokenmill.model.lora import add_lora

CASES: list[tuple[str, dict[str, Any]]] = [
    ("small-gpt", {}),
    ("small-gpt", {"key_value_heads": 1, "bias": True, "embedding_scale": 2.0, "output_scale": 0.5}),
    ("small-gpt", {"window": 3, "global_every": 2}),
    ("gpt2", {}),
    ("llama", {"heads": 4, "key_value_heads": 2}),
    ("qwen3", {"head_width": 24}),
    ("rnn", {}),
    ("lstm", {}),
    ("vaswani", {}),
    ("small-t5", {}),
    ("t5", {}),
    ("t5-1.1", {"head_width": 24}),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {' '.join(case[1])}".strip())
def model(request: pytest.FixtureRequest) -> LanguageModel:
    family, changes = request.param
    text_to_text = family in ("vaswani", "small-t5", "t5", "t5-1.1")
    model = tiny_model("text-to-text" if text_to_text else "causal-lm", family=family, **changes)
    assert isinstance(model, LanguageModel)
    return model


def _whole(model: LanguageModel, row: list[int], source: list[int] | None) -> torch.Tensor:
    """Logits after a row, computed at once, with no cache and no padding."""
    sources = None if source is None else torch.tensor([source])
    logits: torch.Tensor = model(torch.tensor([row]), source_BS=sources)[0, -1]
    return logits


@pytest.mark.parametrize("lengths", [(7,), (4, 4), (9, 1, 5)], ids=str)
@torch.inference_mode()
def test_cached_and_uncached_logits_are_equal(model: LanguageModel, lengths: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(40, 300, (length,), generator=generator).tolist() for length in lengths]
    sources = None
    if model.config.kind == "text-to-text":
        sources, rows = rows, [[0] for _ in rows]
    decoding = Decoding(model, rows, 8, pad=0, sources=sources)
    for step in range(8):
        for number, row in enumerate(rows):
            expected = _whole(model, row, sources[number] if sources else None)
            assert torch.allclose(decoding.logits_BV[number], expected, atol=1e-4), (step, number)
        new = torch.randint(40, 300, (len(rows),), generator=generator)
        rows = [[*row, token] for row, token in zip(rows, new.tolist(), strict=True)]
        if step < 7:
            decoding.step(new)


@torch.inference_mode()
def test_copies_may_change_places(model: LanguageModel) -> None:
    prompts, sources = [[50, 60, 70], [80]], None
    if model.config.kind == "text-to-text":
        sources, prompts = prompts, [[0], [0]]
    decoding = Decoding(model, prompts, 6, pad=0, rows_per_prompt=2, sources=sources)
    rows = [prompt for prompt in prompts for _ in range(2)]
    for new, order in (
        ([90, 91, 92, 93], [0, 1, 2, 3]),
        ([94, 95, 96, 97], [1, 0, 2, 2]),
        ([98, 99, 100, 101], [1, 1, 3, 2]),
    ):
        decoding.reorder(order, [0, 0])
        rows = [[*rows[parent], token] for parent, token in zip(order, new, strict=True)]
        decoding.step(torch.tensor(new))
    for number, row in enumerate(rows):
        expected = _whole(model, row, sources[number // 2] if sources else None)
        assert torch.allclose(decoding.logits_BV[number], expected, atol=1e-4), number


@torch.inference_mode()
def test_lora_counts() -> None:
    model = tiny_model()
    assert isinstance(model, LanguageModel)
    add_lora(model, ["*.attention.*"], rank=2, alpha=4.0, generator=torch.Generator().manual_seed(0))
    for name, parameter in model.named_parameters():
        if name.endswith("lora_B"):
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    decoding = Decoding(model, [[50, 60]], 2, pad=0)
    assert torch.allclose(decoding.step(torch.tensor([70]))[0], _whole(model, [50, 60, 70], None), atol=1e-4)


def test_changed_weights_count_at_once() -> None:
    """What is laid out for several rows is kept, but not beyond a change."""
    model = tiny_model()
    assert isinstance(model, LanguageModel)
    rows, new = [[50, 60], [70, 80]], torch.tensor([90, 91])
    for _ in range(2):
        with torch.inference_mode():
            found = Decoding(model, rows, 2, pad=0).step(new)
            assert torch.allclose(found[1], _whole(model, [70, 80, 91], None), atol=1e-4)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.5)
