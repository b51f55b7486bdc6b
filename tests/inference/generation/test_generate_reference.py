"""Generation beside ``transformers``: greedy and beam search, sampling filters, tokenizers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_models import plain_ids, write_model
from tokenmill.inference.generation.generate import generate
from tokenmill.inference.generation.sampling import filter_logits
from tokenmill.model.folder import load_model

FAMILIES = {"small-gpt": "causal-lm", "gpt2": "causal-lm", "llama": "causal-lm", "qwen3": "causal-lm",
            "small-t5": "text-to-text", "t5": "text-to-text", "t5-1.1": "text-to-text"}  # fmt: skip
PROMPTS = ["我喜欢", "a small", "books and films and a small test, 我喜欢看电影。", "音"]


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family = request.param
    changes: dict[str, Any] = {"key_value_heads": 1} if family == "llama" else {}
    if family in ("t5", "t5-1.1"):
        changes["width"] = 64  # so that its narrow heads differ from the width
    path = tmp_path_factory.mktemp(family) / "model"
    return write_model(path, FAMILIES[family], family=family, context=64, **changes)  # type: ignore[arg-type]


def theirs(folder: Path, eos: int, **settings: Any) -> list[list[str]]:
    """What ``transformers`` writes on the same folder; special tokens are suppressed as ours are."""
    import transformers

    model_class = transformers.AutoModelForCausalLM
    if "T5" in (folder / "config.json").read_text():
        model_class = transformers.AutoModelForSeq2SeqLM
    model = model_class.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(PROMPTS, return_tensors="pt", padding=True, padding_side="left")
    special = [id for id in tokenizer.added_tokens_decoder if id != eos]
    rows = model.generate(
        **batch, max_new_tokens=12, do_sample=False, suppress_tokens=special, eos_token_id=eos, **settings
    )
    if not model.config.is_encoder_decoder:
        rows = rows[:, batch["input_ids"].shape[1] :]
    ended = [row.tolist() for row in rows]
    ended = [row[: row.index(eos)] if eos in row else row for row in ended]
    texts = tokenizer.batch_decode(ended, skip_special_tokens=True)
    copies = settings.get("num_return_sequences", 1)
    return [texts[start : start + copies] for start in range(0, len(texts), copies)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"repetition_penalty": 1.7},
        {"num_beams": 4},
        {"num_beams": 3, "num_return_sequences": 3, "length_penalty": 2.0},
        {"num_beams": 5, "length_penalty": -1.0, "repetition_penalty": 1.3},
    ],
    ids=lambda settings: ", ".join(f"{name} {value}" for name, value in settings.items()) or "greedy",
)
def test_greedy_and_beam_search_write_what_transformers_writes(
    folder: Path, settings: dict[str, Any]
) -> None:
    model, vocabulary = load_model(folder)
    ours = generate(model, vocabulary, PROMPTS, max_new_tokens=12, temperature=0, **settings)
    assert ours == theirs(folder, vocabulary.eos, **settings)
    assert all(text for texts in ours for text in texts)
    # Random weights seldom say <eos>: let a token that they do say take its place.
    end = plain_ids(vocabulary, ours[0][0])[2]
    ours = generate(
        model, replace(vocabulary, eos=end), PROMPTS, max_new_tokens=12, temperature=0, **settings
    )
    assert ours == theirs(folder, end, **settings)


def test_the_tokenizer_gives_transformers_the_same_ids(folder: Path) -> None:
    from transformers import AutoTokenizer

    _, vocabulary = load_model(folder)
    assert AutoTokenizer.from_pretrained(folder)(PROMPTS)["input_ids"] == vocabulary.encode(PROMPTS)


@pytest.mark.parametrize(
    "settings", [{"top_k": 3}, {"top_p": 0.5}, {"min_p": 0.2}, {"top_k": 20, "top_p": 0.8, "min_p": 0.05}]
)
def test_filters_keep_what_those_of_transformers_keep(settings: dict[str, Any]) -> None:
    from transformers.generation import logits_process

    logits = 2 * torch.randn(5, 97, generator=torch.Generator().manual_seed(0))
    expected = logits
    for name, filter_class in (
        ("top_k", logits_process.TopKLogitsWarper),
        ("top_p", logits_process.TopPLogitsWarper),
        ("min_p", logits_process.MinPLogitsWarper),
    ):
        if name in settings:
            expected = filter_class(settings[name])(torch.zeros(5, 1, dtype=torch.long), expected)
    assert torch.equal(filter_logits(logits, **settings), expected)
