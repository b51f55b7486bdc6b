"""`tokenmill doctor`, `register` and `promote` on real stores."""

import subprocess
import sys
from pathlib import Path

import pytest

from tokenmill.cli.main import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["tokenmill", *arguments])
    monkeypatch.setattr("tokenmill.cli.main.need_project", lambda: None)
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def crashed(project: Path) -> str:
    """A project in which dvc was killed while writing, and a stage too; the id of its MLflow run."""
    from tokenmill.jobs.tracking.run import start_run
    from tokenmill.jobs.tracking.store import client

    (project / ".dvc" / "tmp").mkdir(parents=True)
    (project / ".dvc" / "tmp" / "rwlock").write_text('{"write": {"data/ra', "utf-8")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    started = start_run("clean", key="0123456789abcdef", settings={}, inputs={})
    assert started.id is not None
    host = client().get_run(started.id).data.tags["process"].partition(":")[0]
    client().set_tag(started.id, "process", f"{host}:{gone.pid}")
    return started.id


def test_doctor_reports_then_mends(
    crashed: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tokenmill.jobs.tracking.store import client

    rwlock = project / ".dvc" / "tmp" / "rwlock"
    assert run(monkeypatch, "doctor") == 1
    captured = capsys.readouterr()
    assert ".dvc/tmp/rwlock: unreadable" in captured.out and crashed in captured.out
    assert captured.err == "error: doctor: 2 to mend; `tokenmill doctor --fix` does it\n"
    assert rwlock.exists() and client().get_run(crashed).info.status == "RUNNING"

    assert run(monkeypatch, "doctor", "--fix") == 0
    assert "nothing is left to mend" in capsys.readouterr().out
    assert not rwlock.exists() and client().get_run(crashed).info.status == "KILLED"

    assert run(monkeypatch, "doctor") == 0
    assert capsys.readouterr().out == "nothing is left to mend\n"


def test_doctor_makes_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    assert run(monkeypatch, "doctor") == 1
    assert "not a DVC repository" in capsys.readouterr().err
    (tmp_path / ".dvc").mkdir()
    assert run(monkeypatch, "doctor") == 0
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("register",), "data/registry.json: missing"),
        (("promote", "no-such-model", "1"), "no-such-model"),
        (("generate", "models:/no-such-model@champion", "x"), "no-such-model"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_the_registry_lacks_costs_one_line(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(monkeypatch, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
