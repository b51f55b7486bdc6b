"""`tokenmill results` on a small project of other names than the sample's."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.other_names import write, write_params
from tokenmill.cli.figures import read_metrics
from tokenmill.cli.results import main_figures, seconds, show, where_next
from tokenmill.core.errors import UserError

ROOT = Path(__file__).parents[2]
METRICS = {
    "ingest": {"documents": 1200, "bad_lines": 2},
    "clean": {"read": 1200, "kept": 1000},
    "tokenize-words": {"tokens": {"test": 2000, "train": 20000}, "bytes_per_token": 4.25},
    "pretrain-scribe": {"tokens_seen": 40000, "bits_per_byte": 1.9876},
    "finetune-mood": {"accuracy": 0.871},
    "evaluate-scribe": {"bits_per_byte": 1.95, "rivals": {"ngram": 1.98}},
    "evaluate-mood": {"accuracy": 0.861, "rivals": {"control": 0.812, "tfidf": 0.853}},
    "evaluate-gone": {"accuracy": 0.5, "rivals": {}},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as a run leaves it: params, metrics, side files, models, the list of registered ones."""
    write_params(
        tmp_path,
        tokenize={"words": {"like": "chinese"}},
        pretrain={"scribe": {"like": "gpt", "tokenizer": "words"}},
        finetune={"mood": {"like": "sentiment", "init_from": "data/models/scribe"}},
        evaluate={"scribe": {"like": "gpt", "prompts": ["it's"]}, "mood": {"like": "sentiment"}},
    )
    for name, value in METRICS.items():
        write(tmp_path / "data" / "metrics" / f"{name}.json", value)
    for stage, took in (("measure", 3.21), ("pretrain@scribe", 250.0)):
        write(tmp_path / ".work" / stage / "last.json", {"seconds": took, "run_id": "r"})
    models = {"models": [{"name": "our-scribe", "metric": "bits_per_byte", "value": 1.95}]}
    write(tmp_path / "data" / "registry.json", models)
    for name, kind in (("scribe", "causal-lm"), ("mood", "sequence-classifier")):
        write(tmp_path / "data" / "models" / name / "config.json", {"tokenmill": {"kind": kind}})
    return tmp_path


def test_table_and_where_to_look(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "data" / "report").mkdir()
    show(project)
    lines = capsys.readouterr().out.splitlines()
    table, after = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert [line.split()[0] for line in table] == [
        *("stage", "ingest", "measure", "clean", "tokenize@words", "pretrain@scribe"),
        *("finetune@mood", "evaluate@scribe", "evaluate@mood", "register"),
    ]  # what is left of an entry that is gone is not shown
    by_stage = {line.split()[0]: line for line in table}
    assert by_stage["measure"].split()[1] == "3.2"
    assert by_stage["pretrain@scribe"].split()[1] == "250.0"
    assert by_stage["ingest"].split()[1] == "–"  # not run on this machine
    assert "documents 1,200; bad lines 2" in by_stage["ingest"]
    assert "tokens: test 2,000, train 20,000; bytes per token 4.25" in by_stage["tokenize@words"]
    assert "tokens seen 40,000; bits per byte 1.988" in by_stage["pretrain@scribe"]
    assert "bits per byte 1.950 (ngram 1.980)" in by_stage["evaluate@scribe"]
    assert "accuracy 86.1% (control 81.2%, tfidf 85.3%)" in by_stage["evaluate@mood"]
    assert "our-scribe (bits per byte 1.950)" in by_stage["register"]
    assert [line.split(":")[0] for line in after] == ["report", "MLflow", "try it", "try it"]
    assert after[2].endswith("""tokenmill generate data/models/scribe 'it'"'"'s'""")
    assert after[3].endswith("tokenmill classify data/models/mood 'a text'")


def test_committed_metrics_have_figures() -> None:
    """What the stages write is what the table reads."""
    folder = ROOT / "data" / "metrics"
    stages = [path.stem.replace("-", "@", 1) for path in folder.glob("*.json")]
    for stage, metrics in read_metrics(folder, stages).items():
        assert main_figures(stage, metrics), stage


def test_without_a_causal_model_another_one_is_named(project: Path) -> None:
    trained = {"pretrain": {}, "finetune": {"mood": {}}, "evaluate": {}}
    assert where_next(project, trained)[-1].endswith("tokenmill classify data/models/mood 'a text'")


def test_a_project_without_models_has_results_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(project)
    show(project)
    printed = capsys.readouterr().out
    assert "clean" in printed and "scribe (" in printed and "evaluate" not in printed
    assert "try it" not in printed


def test_seconds_of_nothing(tmp_path: Path) -> None:
    assert seconds(tmp_path / ".work") == {}


def test_broken_metrics_cost_one_line(project: Path) -> None:
    (project / "data" / "metrics" / "clean.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"clean\.json: not readable as JSON"):
        show(project)


def test_no_metrics_yet(tmp_path: Path) -> None:
    write_params(tmp_path)
    with pytest.raises(UserError, match=r"data/metrics: no metrics yet; run `make repro`"):
        show(tmp_path)


def test_outside_of_a_project(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tokenmill", "results"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "project" in line
