"""Where a text stands in the data of a model, and the chain behind the model."""

from pathlib import Path

import polars as pl
import pytest

from tests.data.clean.helpers import clean_rows
from tokenmill.cli.origin import lineage, trace
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, read_json, sha256_file, write_json
from tokenmill.data.clean.settings import NearDuplicateSettings

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
COPY = WORDS.replace("sixteen", "sixty")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder that says it was trained on the data beside it."""
    monkeypatch.chdir(tmp_path)
    rows = [(f"text number {word}", None, None) for word in "abcdefghijklmnopqrstuvwxyz"]
    near = NearDuplicateSettings(similarity=0.7)
    bounds = {"min_characters": 2, "max_characters": 200}
    sources = {"s": [(WORDS, None, None), (COPY, None, None), *rows], "other": [("x" * 300, None, None)]}
    clean_rows(tmp_path / "data", sources, near_duplicates=near, default=bounds)
    clean = Path("data/clean")
    data = {"clean": sha256_file(clean / "manifest.json"), "clean_params": "p" * 64, "raw": {"s": "r" * 64}}
    gpt = {
        "tokenizer": "t" * 64,
        "shards": "s" * 64,
        "sources": ["s"],
        "data": data,
        "pretrain": {"tokenizer": "small", "family": "small-gpt", "objective": "causal", "tokens": 1000},
    }
    mood = {
        **gpt,
        "parent": gpt,
        "documents": digest_tree(clean),
        "task": "classification",
        "init_from": "i" * 64,
        "finetune": {"source": "s", "init_from": "data/models/gpt"},
    }
    folder = tmp_path / "data/models/mood"
    folder.mkdir(parents=True)
    write_json(folder / "ancestry.json", mood)
    computed = {"device": "CPU with AVX512", "precision": "float32", "threads": 2}
    write_json(folder / "training.json", {"tokens_seen": 12345, "computed": computed})
    return folder


def told(capsys: pytest.CaptureFixture[str], model: Path, **what: str | None) -> list[str]:
    trace(str(model), text=what.get("text"), document=what.get("document"))
    return capsys.readouterr().out.splitlines()


def test_a_text_of_every_split_and_one_that_is_nowhere(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = pl.read_parquet("data/clean/documents/s.parquet")
    answers = {
        "train": "this text was in training",
        "validation": "this text was not trained on, but it or one like it served for validation",
        "test": "this text was not in training",
    }
    for split, answer in answers.items():
        row = documents.filter(pl.col("split") == split).row(0, named=True)
        lines = told(capsys, model, text=f"  {row['text']}\u200b ")  # normalised as training texts are
        assert lines[0] == answer
        assert lines[1].startswith(f"{row['id']}: this very text; {split}: ")
    nowhere = "this text is not in the data, nor is one much like it: it was not in training"
    assert told(capsys, model, text="neither here nor there, nor anywhere else") == [nowhere]


def test_what_was_dropped_and_why(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dropped = pl.read_parquet("data/clean/drops/s.parquet")
    kept_id, dropped_id = ("s:002", "s:001") if dropped["id"].to_list() == ["s:001"] else ("s:001", "s:002")
    lines = told(capsys, model, document=dropped_id)
    assert lines[1] == f"{dropped_id}: this very text; dropped, not trained on"
    assert lines[2].startswith(f"  near duplicate: {kept_id}, similarity 0.8")
    assert any(line.startswith(f"{kept_id}: this very text; ") for line in lines)
    changed = WORDS.replace("fifteen", "fifty")
    lines = told(capsys, model, text=changed)
    assert {line.split(":")[1] for line in lines if line.startswith("s:")} >= {"001"}
    assert any("similarity 0." in line for line in lines)


def test_a_source_that_the_model_does_not_use(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, model, text="x" * 300)
    assert lines[0] == "this text was not in training"
    assert lines[2].startswith("  too long: ")


def test_mistakes_are_one_line(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give either --text TEXT or --document ID"):
        trace(str(model), text=None, document=None)
    write_json(tmp_path / "data/clean/extra.json", {})
    with pytest.raises(UserError, match=r"not the documents that .* was trained on; check out the commit"):
        trace(str(model), text="a text", document=None)
    with pytest.raises(UserError, match=r"ancestry\.json"):
        lineage(str(tmp_path))


def test_the_chain_of_a_folder(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("data/raw/manifest.json")
    manifest = read_json(path, "")
    manifest["sources"]["s"] |= {"documents": 28, "license": "CC0-1.0"}
    write_json(path, manifest)
    lineage(str(model))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("(12,345 tokens seen, CPU with AVX512, float32, 2 threads)")
    assert lines[1] == "├─ fine-tuned for classification on s"
    counts = "(27 kept of 29; most dropped: "
    assert counts in lines[2]
    raw = sha256_file(Path("data/raw/s.parquet"))[:12]
    assert f"raw s: {raw} (" in lines[3] and "28 documents, CC0-1.0" in lines[3]
    for part in ("begun with model data/models/gpt: iiiiiiiiiiii", "tokenizer small: tttttttttttt"):
        assert any(part in line for line in lines)
