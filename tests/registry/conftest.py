"""Tiny real models with an evaluation and a card each, as the stage finds them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tests.registry.helpers import KINDS, METRICS, run_stage
from tests.tiny_models import tiny_model
from tokenmill.core.files import remove, write_json, write_text
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import save_model
from tokenmill.text.tokenizer import SPECIAL_TOKENS, fingerprint


@pytest.fixture(autouse=True)
def own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow puts the code that a model was stored with before ours, for this process and those it starts."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="session")
def tokenizer_json() -> bytes:
    """A byte-level tokenizer without merges: every byte is a token."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*SPECIAL_TOKENS, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return str(tokenizer.to_str()).encode()


@pytest.fixture
def make_model(project: Path, tokenizer_json: bytes) -> Callable[..., Path]:
    """Write a tiny real model with random weights from a seed to data/models; a classifier has a control."""

    def make(name: str, seed: int = 1) -> Path:
        folder = project / "data" / "models" / name
        remove(folder)
        shards = project / "tokenizer"
        shards.mkdir(exist_ok=True)
        (shards / "tokenizer.json").write_bytes(tokenizer_json)
        model = tiny_model(KINDS[name], seed, vocab_size=295, layers=1, width=16, context=64)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        save_model(folder, model, tokenizer=shards, ancestry={"tokenizer": fingerprint(shards)})
        if name == "mood":
            save_model(folder / CONTROL, model, tokenizer=shards, ancestry={"tokenizer": fingerprint(shards)})
        return folder

    return make


@pytest.fixture
def write_evaluation(project: Path) -> Callable[..., None]:
    """Write data/evaluation/NAME and data/report/cards/NAME.md as the stages do."""

    def write(name: str, value: float, *, test: str = "1" * 64) -> None:
        raw = {"news": "a" * 64, "letters": "b" * 64}
        figures = {
            "kind": KINDS[name],
            "name": name,
            "figures": {METRICS[name]: value, "by_source": {"news": value}},
            "test_digest": test,
            "sources": ["letters"],
            "settings": EvaluateSettings().model_dump(),
            "ancestry": {"tokenizer": "t", "data": {"raw": raw, "clean": "c" * 64}},
        }
        write_json(project / "data" / "evaluation" / name / "figures.json", figures)
        write_text(
            project / "data" / "report" / "cards" / f"{name}.md", f"---\ntags: [{name}]\n---\n\n# {name}\n"
        )

    return write


@pytest.fixture
def evaluated(project: Path, make_model: Callable[..., Path], write_evaluation: Callable[..., None]) -> Path:
    """A project in which everything before register is done."""
    for name, value in (("scribe", 2.0), ("mood", 0.85)):
        make_model(name)
        write_evaluation(name, value)
    return project


@pytest.fixture
def registered(evaluated: Path) -> Path:
    """A project in which register is done as well."""
    run_stage()
    return evaluated
