"""`tokenmill results` on a small set of metrics files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tokenmill.cli.figures import read_metrics
from tokenmill.cli.results import main_figures, seconds, show, where_next
from tokenmill.core.errors import UserError

METRICS = {
    "ingest": {"total": {"documents": 1200, "characters": 34567, "rejects": 2}, "sources": {}},
    "clean": {"total": {"read": 1200, "kept": 1000}, "sources": {}},
    "tokenize": {"train": {"tokens": 20000, "bytes_per_token": 4.25}, "vocab_size": 8192},
    "pretrain-gpt": {"tokens_seen": 40000, "validation": {"bits_per_byte": 1.9876}},
    "pretrain-bert": {"tokens_seen": 50000, "validation": {"accuracy": 0.4321}},
    "finetune-sentiment": {
        "pretrained": {"validation": {"accuracy": 0.871}},
        "control": {"validation": {"accuracy": 0.822}},
    },
    "evaluate": {
        "sentiment": {"accuracy": 0.861, "control": {"accuracy": 0.812}, "tfidf": {"accuracy": 0.853}},
        "gpt": {"bits_per_byte": 1.95, "ngram": {"bits_per_byte": 1.98}},
        "bert": {"accuracy": 0.42},
        "t5": {"accuracy": 0.31},
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as a run leaves it: metrics, side files, the list of registered models."""
    for name, value in METRICS.items():
        path = tmp_path / "data" / "metrics" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), "utf-8")
    for stage, took in (("clean", 3.21), ("pretrain@gpt", 250.0)):
        path = tmp_path / ".work" / stage / "last.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"seconds": took, "run_id": "r"}), "utf-8")
    models = {"models": [{"name": "mill-gpt", "metric": "gpt.bits_per_byte", "value": 1.95}]}
    (tmp_path / "data" / "registry.json").write_text(json.dumps(models), "utf-8")
    return tmp_path


def test_table_and_three_lines(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(project)
    lines = capsys.readouterr().out.splitlines()
    table, after = lines[: lines.index("")], lines[lines.index("") + 1 :]
    order = "ingest clean tokenize pretrain-bert pretrain-gpt finetune-sentiment evaluate register"
    assert [line.split()[0] for line in table] == ["stage", *order.split()]
    by_stage = {line.split()[0]: line for line in table}
    assert by_stage["clean"].split()[1] == "3.2"
    assert by_stage["pretrain-gpt"].split()[1] == "250.0"
    assert by_stage["ingest"].split()[1] == "–"  # not run on this machine
    assert "1,200 documents; 34,567 characters; 2 bad lines" in by_stage["ingest"]
    assert "sentiment accuracy 86.1% (control 81.2%, TF-IDF 85.3%)" in by_stage["evaluate"]
    assert "gpt bits per byte 1.950 (n-gram 1.980)" in by_stage["evaluate"]
    assert "mill-gpt (gpt.bits_per_byte 1.950)" in by_stage["register"]
    assert [line.split(":")[0] for line in after] == ["models", "MLflow", "generate"]
    assert "data/models/gpt" in after[2]


def test_each_stage_has_figures() -> None:
    for stage, metrics in METRICS.items():
        figures = main_figures(stage, metrics)
        assert figures and "–" not in "".join(figures), stage


def test_committed_metrics_have_the_figures() -> None:
    """The names that the table reads are those that the stages write."""
    for stage, metrics in read_metrics(Path(__file__).parents[2] / "data" / "metrics").items():
        figures = main_figures(stage, metrics)
        assert figures and "–" not in "".join(figures), stage


def test_a_pipeline_without_a_causal_model_points_to_the_registry() -> None:
    lines = where_next({"pretrain-bert": METRICS["pretrain-bert"]})
    assert len(lines) == 3 and "models:/NAME@champion" in lines[2]


def test_seconds_of_nothing(tmp_path: Path) -> None:
    assert seconds(tmp_path / ".work") == {}


def test_broken_metrics_cost_one_line(project: Path) -> None:
    (project / "data" / "metrics" / "clean.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"clean\.json: not readable as JSON"):
        show(project)


def test_no_metrics_yet(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "cli", "results"],
        cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"error: {Path('data/metrics')}: no metrics yet; run `make repro`\n"
