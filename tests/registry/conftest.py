"""Tiny real models, and the metrics of an evaluation, as the stage finds them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.tiny_models import tiny_model
from tokenmill.model.names import Kind

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"


@pytest.fixture(scope="session")
def tokenizer_json() -> bytes:
    """A byte-level tokenizer without merges: every byte is a token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from tokenmill.text.tokenizer import SPECIAL_TOKENS

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*SPECIAL_TOKENS, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return str(tokenizer.to_str()).encode()


MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(project: Path, tokenizer_json: bytes) -> MakeModel:
    """Write a tiny model to data/models: a real one, with random weights from a seed."""

    def make(key: str, seed: int = 1) -> Path:
        from tokenmill.core.files import remove
        from tokenmill.model.folder import save_model
        from tokenmill.text.tokenizer import fingerprint

        folder = project / "data" / "models" / key
        remove(folder)
        shards = project / "data" / "tokens"
        shards.mkdir(parents=True, exist_ok=True)
        (shards / "tokenizer.json").write_bytes(tokenizer_json)
        kinds: dict[str, Kind] = {"gpt": "causal-lm", "bert": "masked-lm", "t5": "text-to-text"}
        kind = kinds.get(key, "sequence-classifier")
        model = tiny_model(kind, seed, vocab_size=295, layers=1, width=16, context=64)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        raw = {"peoples-daily": "a" * 64, "reviews": "b" * 64}
        ancestry = {"tokenizer": fingerprint(shards), "data": {"raw": raw, "clean": "c" * 64}}
        save_model(folder, model, tokenizer=shards, ancestry=ancestry)
        return folder

    return make


WriteMetrics = Callable[..., None]


@pytest.fixture
def write_metrics(project: Path) -> WriteMetrics:
    """Write data/metrics/evaluate.json as evaluate does."""

    def write(*, accuracy: float = 0.85, bits: float = 2.0, test: str = "1" * 64) -> None:
        path = project / "data" / "metrics" / "evaluate.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        metrics = {
            "sentiment": {"accuracy": accuracy, "test_digest": test, "control": {"accuracy": 0.8}},
            "gpt": {"bits_per_byte": bits, "test_digest": test},
        }
        path.write_text(json.dumps(metrics))

    return write


@pytest.fixture
def evaluated(project: Path, make_model: MakeModel, write_metrics: WriteMetrics) -> Path:
    """A project in which everything before register is done."""
    (project / "params.yaml").write_bytes(PARAMS.read_bytes())
    make_model("gpt")
    make_model("sentiment")
    write_metrics()
    return project
