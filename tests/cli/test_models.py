"""`tokenmill generate` and `tokenmill classify` on small models written here."""

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest

from cli.main import main

TEXTS = ["今天天气很好，我们去公园。", "这本书写得不好。", "the hotel was clean and quiet", "good book"] * 5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a causal model ``gpt`` and a classifier ``sentiment``, weights random."""
    import torch
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    from lm.checkpoint import save_model
    from lm.config import ModelConfig
    from lm.heads import build_model
    from lm.tokenizer import SPECIAL_TOKENS

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    text = tokenizer.to_str().encode()
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, kind, labels in (
        ("gpt", "causal-lm", ()),
        ("sentiment", "sequence-classifier", ("bad", "good")),
    ):
        config = ModelConfig(kind, tokenizer.get_vocab_size(), 1, 16, 2, context=32, labels=labels)
        ancestry = {"tokenizer": hashlib.sha256(text).hexdigest()}
        save_model(folder / name, build_model(config), tokenizer_json=text, ancestry=ancestry)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = "") -> int:
    """Exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["tokenmill", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_generate_continues_the_prompt(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (
        "generate",
        str(models / "gpt"),
        "今天",
        "--max-new-tokens",
        "5",
        "--num-return-sequences",
        "2",
        "--json",
    )
    assert run(monkeypatch, *arguments, "--seed", "3") == 0
    first = capsys.readouterr().out
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["prompt"] for row in rows] == ["今天", "今天"]
    assert run(monkeypatch, *arguments, "--seed", "3") == 0
    assert capsys.readouterr().out == first
    assert run(monkeypatch, *arguments, "--seed", "4") == 0
    assert capsys.readouterr().out != first


def test_generate_prints_text(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("generate", str(models / "gpt"), "今天", "--temperature", "0", "--max-new-tokens", "3")
    assert run(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.startswith("今天")


def test_classify_texts_and_lines(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(models / "sentiment")
    assert run(monkeypatch, "classify", folder, "好书", "坏书", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["好书", "坏书"]
    for row in rows:
        assert set(row["probabilities"]) == {"bad", "good"}
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(row["probabilities"], key=row["probabilities"].get)
    assert run(monkeypatch, "classify", folder, stdin="好书\n\n坏书\n") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[2] for line in lines] == ["好书", "坏书"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generate", "no/such/folder", "x"), "no/such/folder: no such folder"),
        (("generate", "{}", "x"), "config.json is missing"),
        (("generate", "{}/sentiment", "x"), "sequence-classifier"),
        (("classify", "{}/gpt", "x"), "causal-lm"),
        (("classify", "{}/sentiment"), "no text given"),
        (("generate", "{}/gpt", "x" * 200), "context"),
    ],
)
def test_mistakes_cost_one_line(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(monkeypatch, *(a.format(models) for a in arguments)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ") and message in line


def test_wrong_usage_exits_with_2(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "generate", str(models / "gpt"), "x", "--top-k", "0") == 2
    assert run(monkeypatch, "no-such-command") == 2
