"""What a store has missed while it was away: nothing is lost, and nothing is sent twice."""

import json
import math
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.tracking.helpers import fetch, open_run, runs_of
from tokenmill.core.files import digest_value
from tokenmill.jobs.tracking.mend import examine_store
from tokenmill.jobs.tracking.pending import folder
from tokenmill.jobs.tracking.store import client, tracking_uri

AWAY = "http://127.0.0.1:9"


def run_while_away(monkeypatch: pytest.MonkeyPatch, stage: str = "clean") -> None:
    """A whole run of a stage, of which the store hears nothing."""
    there = tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    run = open_run(stage, settings={"a": 1}, inputs={"raw": ("data/raw", digest_value("raw"))})
    run.log_metrics({"documents": 3.0, "nothing": math.nan}, step=7)
    run.log_above({"test/accuracy": 0.5})
    run.set_tags({"computed.precision": "float32"})
    run.finish("FINISHED")
    assert run.id is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", there)


def test_the_next_stage_sends_what_was_missed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_while_away(monkeypatch)
    assert runs_of("clean") == [] and len(list(folder().glob("*.json"))) == 1
    open_run("report").finish("FINISHED")
    [run] = runs_of("clean")
    assert run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time
    assert run.data.params == {"a": "1"} and run.data.tags["computed.precision"] == "float32"
    [row] = client().get_metric_history(run.info.run_id, "documents")
    assert (row.value, row.step) == (3.0, 7)
    assert [used.dataset.name for used in run.inputs.dataset_inputs] == ["data/raw"]
    above = client().get_run(run.data.tags["mlflow.parentRunId"])
    assert above.data.metrics == {"test/accuracy": 0.5}
    assert list(folder().glob("*.json")) == []
    open_run("report").finish("FINISHED")
    assert len(runs_of("clean")) == 1


def test_the_doctor_sends_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_while_away(monkeypatch)
    (found,) = examine_store()
    assert found.problem == "MLflow has missed 1 run(s), while its store was away"
    assert examine_store(fix=True) == [found]
    assert examine_store() == [] and len(runs_of("clean")) == 1


def test_a_run_that_is_still_written_is_left(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    run = open_run("clean")
    run.log_metrics({"loss": 1.0})
    run.flush()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", there)
    open_run("report").finish("FINISHED")
    assert runs_of("clean") == []
    run.finish("FINISHED")  # the store is there again: nothing is left to send
    assert fetch(run).data.metrics == {"loss": 1.0}
    assert list(folder().glob("*.json")) == []


def test_of_a_killed_process_all_is_sent_that_it_had_kept(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_while_away(monkeypatch)
    [path] = folder().glob("*.json")
    content = json.loads(path.read_text("utf-8"))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    content["run"]["tags"]["process"] = f"{socket.gethostname()}:{gone.pid}"
    path.write_text(json.dumps(content | {"status": None, "ended": None}), "utf-8")
    open_run("report").finish("FINISHED")
    [run] = runs_of("clean")
    assert (run.info.status, run.data.metrics["documents"]) == ("KILLED", 3.0)


def test_a_run_that_was_interrupted_goes_on_once_the_store_is_back(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, there = open_run("clean"), tracking_uri()
    first.finish("KILLED")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    again = open_run("clean", resume=first.id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", there)
    again.finish("FINISHED")
    [run] = runs_of("clean")
    assert (run.info.run_id, run.info.status) == (first.id, "FINISHED")
