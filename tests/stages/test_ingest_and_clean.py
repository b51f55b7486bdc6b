"""Both stages as commands: from files to clean documents, and what a person sees when something is wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from tests.tiny_project import write_params
from tokenmill.core.files import digest_tree

LINES = [json.dumps({"body": f"sentence number {n}", "stars": n % 2}) for n in range(120)]
OUTS = (
    "data/raw",
    "data/measured",
    "data/clean",
    "data/metrics/ingest.json",
    "data/metrics/clean.json",
    "data/plots/drops.csv",
)


def run(stage: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", f"stages.{stage}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("import time:")]


def edit_params(folder: Path, **mine: Any) -> None:
    """params.yaml with one more source, called mine."""
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text("utf-8"))
    default = {"kind": "files", "paths": ["*.jsonl"], "columns": {"text": "body", "label": "stars"}}
    params["sources"]["mine"] = default | mine
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


@pytest.fixture
def corpus(project: Path) -> Path:
    write_params(project)
    edit_params(project)
    (project / "data/sources").mkdir(parents=True)
    (project / "data/sources/a.jsonl").write_text("\n".join([*LINES, LINES[0]]))
    return project


def test_from_files_to_clean_documents_and_the_same_again(corpus: Path) -> None:
    digests = []
    for _ in range(2):
        for stage in ("ingest", "measure", "clean"):
            done = run(stage)
            assert done.returncode == 0, errors(done)
            imported = {
                line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()
            }
            assert "polars" in imported
            assert not imported & {"torch", "pytorch_lightning", "datasets", "snownlp", "django"}
        digests.append([digest_tree(corpus / out) for out in OUTS])
    assert digests[0] == digests[1]
    documents = pl.read_parquet(corpus / "data/clean/documents/mine.parquet")
    drops = pl.read_parquet(corpus / "data/clean/drops/mine.parquet")
    assert (documents.height, drops["id"].to_list()) == (120, ["mine:a.jsonl:121"])
    assert documents["id"][0] == "mine:a.jsonl:1" and set(documents["split"]) == {
        "train",
        "validation",
        "test",
    }
    manifest = json.loads((corpus / "data/clean/manifest.json").read_text("utf-8"))
    raw = json.loads((corpus / "data/raw/manifest.json").read_text("utf-8"))["sources"]["mine"]
    assert manifest["raw"]["mine"] == {
        "sha256": raw["sha256"],
        "files": {"a.jsonl": raw["files"][0]["sha256"]},
    }
    metrics = json.loads((corpus / "data/metrics/clean.json").read_text("utf-8"))
    # Counted from the packages of the sample data: half of the reviews are copies. Those that stay are what
    # the figures of the sentiment task are about.
    assert metrics["sources"]["reviews"]["read"] == 35_124
    assert 17_000 <= metrics["sources"]["reviews"]["kept"] <= 17_400


@pytest.mark.parametrize(
    ("settings", "stage", "message"),
    [
        ({"columns": {"text": "text"}}, "ingest", "a.jsonl: no column 'text' for text; it has body, stars; "),
        ({"paths": ["b.txt"]}, "ingest", "params.yaml: sources.mine.paths: 'b.txt' matches none of "),
        (
            {"kind": "package", "package": "no-such"},
            "ingest",
            "params.yaml: sources.mine.package 'no-such' is not ",
        ),
        ({"format": "tagged"}, "ingest", "sources.mine: 121 of 121 lines are bad (100.0%), "),
    ],
)
def test_a_mistake_costs_one_line_and_nothing_else(
    corpus: Path, settings: dict[str, Any], stage: str, message: str
) -> None:
    (corpus / "data/raw").mkdir()
    (corpus / "data/raw/before.txt").write_text("still here")
    edit_params(corpus, **settings)
    done = run(stage)
    assert done.returncode == 1
    (line,) = errors(done)
    assert line.startswith(f"error: {message}")
    assert (corpus / "data/raw/before.txt").read_text() == "still here"
    assert not (corpus / "data/metrics/ingest.json").exists()


def test_clean_before_measure(corpus: Path) -> None:
    done = run("clean")
    assert done.returncode == 1
    (line,) = errors(done)
    assert line.startswith("error: data/measured: missing")
