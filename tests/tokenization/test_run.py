"""The tokenize stage: what it writes, what it reports, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.samples import reviews, splits, write_clean
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, sha256_file
from tokenmill.core.splits import SPLITS
from tokenmill.text.shards import open_split, read_manifest
from tokenmill.text.tokenizer import BOS, EOS, fingerprint, load_tokenizer
from tokenmill.tokenization.run import tokenize, training_sample
from tokenmill.tokenization.settings import TokenizeSettings

SETTINGS = TokenizeSettings(sources=["news", "reviews"], algorithm="bpe", vocab_size=400, max_han_run=8)
SOURCES = {
    "news": splits([(f"今天是{n}月{n}日，星期{n}。", None) for n in range(20)]),
    "reviews": splits(reviews(100, seed=2)),
    "unused": splits([("不在其中", None)]),
}


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    write_clean(tmp_path / "clean", SOURCES)
    return tmp_path / "clean"


def test_shards_hold_every_document_of_every_split(clean: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    metrics = tokenize(clean, folder, SETTINGS)
    tokenizer = load_tokenizer(folder)
    for split in SPLITS:
        texts = [text for source in ("news", "reviews") for text, _ in SOURCES[source][split]]
        found = open_split(folder, split, fingerprint=fingerprint(folder))
        documents = list(found.each_document())
        assert [tokenizer.decode(d.tolist()) for d in documents] == texts
        assert all(d[0] == BOS and d[-1] == EOS for d in documents)
        assert found.text_bytes == sum(len(text.encode()) for text in texts) == metrics[split]["bytes"]
        assert metrics[split]["tokens"] == found.tokens and metrics[split]["documents"] == len(texts)
        text_tokens = sum(len(d) - 2 for d in documents)
        assert metrics[split]["bytes_per_token"] == pytest.approx(found.text_bytes / text_tokens, abs=1e-4)
    assert metrics["vocab_size"] == 400 and metrics["unk_share"] == 0


def test_the_tokenizer_sees_the_train_split_alone(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "one", SETTINGS)
    changed = {**SOURCES, "reviews": {**SOURCES["reviews"], "test": [("完全不同的文字" * 50, None)]}}
    write_clean(tmp_path / "clean2", changed)
    tokenize(tmp_path / "clean2", tmp_path / "two", SETTINGS)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")


def test_the_manifest_tells_the_ancestry(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "tokens", SETTINGS)
    manifest = read_manifest(tmp_path / "tokens")
    of_clean = json.loads((clean / "manifest.json").read_text("utf-8"))
    assert manifest["tokenizer"] == fingerprint(tmp_path / "tokens")
    assert manifest["ancestry"] == {
        "clean": sha256_file(clean / "manifest.json"),
        "clean_params": of_clean["params"]["sha256"],
        "raw": {source: of_clean["raw"][source]["sha256"] for source in ("news", "reviews")},
    }


def test_equal_inputs_give_equal_bytes(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "one", SETTINGS)
    tokenize(clean, tmp_path / "two", SETTINGS)
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")


def test_a_split_without_documents_is_written_as_empty(clean: Path, tmp_path: Path) -> None:
    write_clean(tmp_path / "clean2", {"news": {"train": SOURCES["news"]["train"]}})
    only = SETTINGS.model_copy(update={"sources": ["news"]})
    metrics = tokenize(tmp_path / "clean2", tmp_path / "tokens", only)
    assert metrics["test"] == {"tokens": 0, "documents": 0, "bytes": 0, "bytes_per_token": 0}
    with pytest.raises(UserError, match=r"test split is empty; give it a larger share under clean\.split"):
        open_split(tmp_path / "tokens", "test")


def test_nothing_to_train_on_is_a_clear_error(tmp_path: Path) -> None:
    write_clean(tmp_path / "clean", {"news": {"test": [("a", None)]}})
    with pytest.raises(UserError, match=r"no training documents in news; name more under tokenize\.sources"):
        tokenize(tmp_path / "clean", tmp_path / "tokens", SETTINGS.model_copy(update={"sources": ["news"]}))


def test_a_source_that_clean_does_not_have(clean: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"knows no source 'other', which tokenize\.sources names"):
        tokenize(clean, tmp_path / "tokens", SETTINGS.model_copy(update={"sources": ["other"]}))


def test_a_broken_or_missing_manifest_of_clean(clean: Path, tmp_path: Path) -> None:
    (clean / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"manifest.json: not readable as JSON"):
        tokenize(clean, tmp_path / "tokens", SETTINGS)
    (clean / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"manifest.json: missing; make it with `dvc repro -f clean`"):
        tokenize(clean, tmp_path / "tokens", SETTINGS)


def test_a_sample_is_spread_over_all_texts() -> None:
    texts = [f"{n:03d}" for n in range(100)]
    assert training_sample(texts, 1000) == texts
    sample = training_sample(texts, 100)
    assert sample == texts[::3] and sum(map(len, sample)) <= 102


def test_the_command_publishes_and_never_loads_torch(project: Path) -> None:
    write_clean(project / "data" / "clean", {"peoples-daily": SOURCES["news"], "reviews": SOURCES["reviews"]})
    text = (ROOT / "params.yaml").read_text("utf-8")
    (project / "params.yaml").write_text(text.replace("vocab_size: 8192", "vocab_size: 400"), "utf-8")
    code = (
        "import runpy, sys; runpy.run_module('tokenmill.tokenization', run_name='__main__'); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    metrics = json.loads((project / "data/metrics/tokenize.json").read_text("utf-8"))
    assert metrics["train"]["documents"] == 84
    assert np.load(project / "data/tokens/train-00000.npy").dtype == np.uint16
    assert open_split(project / "data/tokens", "test").documents == metrics["test"]["documents"]
