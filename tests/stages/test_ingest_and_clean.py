"""The data stages as commands: from files to clean documents, and what a person sees when all is not well."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.stages.data_project import write_params
from tokenmill.core.files import digest_tree

LINES = [json.dumps({"body": f"sentence number {n}", "stars": n % 2}) for n in range(120)]
MINE = {"kind": "files", "paths": ["*.jsonl"], "columns": {"text": "body", "label": "stars"}}
STAGES = ("ingest", "measure", "clean")
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
    return subprocess.run(command, capture_output=True, text=True)


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("import time:")]


def run_all() -> None:
    """Run the three stages; none imports what only models need."""
    for stage in STAGES:
        done = run(stage)
        assert done.returncode == 0, errors(done)
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert "polars" in imported
        assert not imported & {"torch", "pytorch_lightning", "sklearn", "datasets", "snownlp", "django"}


@pytest.fixture
def corpus(project: Path) -> Path:
    write_params(project, mine=MINE)
    (project / "data/sources").mkdir(parents=True)
    (project / "data/sources/a.jsonl").write_text("\n".join([*LINES, LINES[0]]))
    return project


def test_from_files_to_clean_documents_and_the_same_again(corpus: Path) -> None:
    digests = []
    for _ in range(2):
        run_all()
        digests.append([digest_tree(corpus / out) for out in OUTS])
    assert digests[0] == digests[1]
    documents = pl.read_parquet(corpus / "data/clean/documents/mine.parquet")
    drops = pl.read_parquet(corpus / "data/clean/drops/mine.parquet")
    assert (documents.height, drops["id"].to_list()) == (120, ["mine:a.jsonl:121"])
    assert documents["id"][0] == "mine:a.jsonl:1"
    assert set(documents["split"]) == {"train", "validation", "test"}
    manifest = json.loads((corpus / "data/clean/manifest.json").read_text("utf-8"))
    raw = json.loads((corpus / "data/raw/manifest.json").read_text("utf-8"))["sources"]["mine"]
    files = {"a.jsonl": raw["files"][0]["sha256"]}
    assert manifest["raw"]["mine"] == {"role": "text", "sha256": raw["sha256"], "files": files}
    ingested, cleaned = (
        json.loads((corpus / f"data/metrics/{name}.json").read_text("utf-8")) for name in ("ingest", "clean")
    )
    assert ingested == {"documents": 121, "characters": raw["characters"], "rejects": 0}
    assert (cleaned["read"], cleaned["kept"], cleaned["dropped"]) == (121, 120, 1)


def test_a_test_set_is_a_source(corpus: Path) -> None:
    text = "A sentence of enough words that thirteen of them in a row stand in it twice over."
    (corpus / "data/sources/a.jsonl").write_text(
        "\n".join([*LINES, *(json.dumps({"body": f"{text} {n}"}) for n in range(9))])
    )
    (corpus / "data/sources/exam.txt").write_text(f"{text}\n")
    exam = {"kind": "files", "paths": ["exam.txt"], "role": "test"}
    write_params(corpus, mine=MINE | {"columns": {"text": "body"}}, exam=exam)
    run_all()
    report = json.loads((corpus / "data/clean/report.json").read_text("utf-8"))
    assert report["roles"]["test"] == {"exam": 1}
    assert report["total"]["dropped"]["contamination"] + report["total"]["dropped"]["near_duplicate"] == 9
    assert not (corpus / "data/clean/documents/exam.parquet").exists()


@pytest.mark.slow
def test_the_sample(project: Path) -> None:
    """Counted from the packages of the sample data: half of the reviews are copies. Those that stay are what
    the figures of the sentiment task are about."""
    write_params(project, shipped=True)
    (project / "data/sources").mkdir(parents=True)
    run_all()
    with (project / "data/plots/drops.csv").open(encoding="utf-8") as file:
        reviews = {r["reason"]: int(r["documents"]) for r in csv.DictReader(file) if r["source"] == "reviews"}
    assert sum(reviews.values()) == 35_124
    assert 17_000 <= reviews["kept"] <= 17_400


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": {"text": "text"}}, "a.jsonl: no column 'text' for text; it has body, stars; "),
        ({"paths": ["b.txt"]}, "params.yaml: sources.mine.paths: 'b.txt' matches none of "),
        (
            {"kind": "package", "package": "no-such"},
            "params.yaml: sources.mine.package 'no-such' is not ",
        ),
        ({"format": "tagged"}, "sources.mine: 121 of 121 lines are bad (100.0%), "),
    ],
)
def test_a_mistake_costs_one_line_and_nothing_else(
    corpus: Path, settings: dict[str, Any], message: str
) -> None:
    (corpus / "data/raw").mkdir()
    (corpus / "data/raw/before.txt").write_text("still here")
    write_params(corpus, mine=MINE | settings)
    done = run("ingest")
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
