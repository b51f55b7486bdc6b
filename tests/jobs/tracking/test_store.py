"""Where the store is, how long it is waited for, and what is shown of its address."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.tracking.helpers import fetch, open_run, runs_of
from tokenmill.jobs.tracking.store import QUICK_HTTP, client, patient_http, tracking_uri
from tokenmill.jobs.tracking.wording import without_secrets


def test_the_default_store_does_not_depend_on_the_current_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As inside ``dvc exp run --temp``: the work is done in a folder that is thrown away."""
    (project / "temporary").mkdir()
    monkeypatch.chdir(project / "temporary")
    run = open_run("clean")
    Path("report.html").write_text("<p>report</p>")
    client().log_artifact(str(run.id), "report.html")
    run.finish("FINISHED")
    assert tracking_uri() == f"sqlite:///{project / 'mlflow.db'}"
    assert sorted(p.name for p in Path().iterdir()) == ["report.html"]
    [kept] = (project / "mlruns" / "tokenmill").rglob("report.html")
    assert kept.read_text() == "<p>report</p>"


def test_a_store_of_ones_own(project: Path, monkeypatch: pytest.MonkeyPatch, migrated_store: Path) -> None:
    own = project / "own.db"
    own.write_bytes(migrated_store.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{own}")
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    run = open_run()
    assert fetch(run).info.artifact_uri.startswith((project / "mlruns").as_uri())
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert client().get_experiment_by_name("tokenmill") is None


def test_quick_http_gives_way_to_the_users_own_and_to_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    retries, timeout = QUICK_HTTP
    monkeypatch.setenv(retries, "3")
    monkeypatch.delenv(timeout, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    client()
    assert (os.environ[retries], os.environ[timeout]) == ("3", QUICK_HTTP[timeout])
    with patient_http():
        assert (os.environ[retries], os.environ.get(timeout)) == ("3", None)
    assert os.environ[timeout] == QUICK_HTTP[timeout]


def test_two_stages_begin_a_new_store_at_once(project: Path) -> None:
    (project / "mlflow.db").unlink()
    script = (
        "import sys; from tokenmill.jobs.tracking.run import start_run\n"
        "run = start_run(sys.argv[1], key='k' * 16, settings={}, inputs={})\n"
        "assert run.id; run.finish('FINISHED')"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, f"pretrain@{n}"], stderr=subprocess.PIPE, text=True)
        for n in ("gpt", "bert")
    ]
    assert [process.communicate(timeout=120)[1] for process in processes] == ["", ""]
    assert {run.data.tags["dvc.stage"] for run in runs_of("pretrain")} == {"pretrain@gpt", "pretrain@bert"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://person:pass@host:5000/x", "http://***@host:5000/x"),
        ("postgresql://person:p@ss/word@host/db", "postgresql://***@host/db"),
        ("postgresql://host/db?user=a&password=b is gone", "postgresql://host/db?*** is gone"),
        ("sqlite:////home/a/mlflow.db", "sqlite:////home/a/mlflow.db"),
        ("at http://a:b@c and https://d:e@f", "at http://***@c and https://***@f"),
    ],
)
def test_secrets_are_not_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
