"""One MLflow run per executed stage: what it holds, how it is found, and what an absent store costs."""

import itertools
import json
import os
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.tracking.helpers import fetch, open_run
from tokenmill.core.files import digest_value
from tokenmill.jobs.tracking import run as module
from tokenmill.jobs.tracking.description import MODEL_TAG, dataset_digest
from tokenmill.jobs.tracking.store import QUICK_HTTP, client, experiment_id, tracking_uri
from tokenmill.jobs.tracking.tags import flatten, run_tags

DIGEST = digest_value("tokens")


def test_a_run_says_what_it_is_of(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "wide-gpt")
    run = open_run(settings={"width": 64, "optimizer": {"name": "muon", "betas": [0.9, 0.95]}})
    found = fetch(run)
    assert found.info.run_name == "pretrain-gpt (wide-gpt)"
    assert client().get_experiment(found.info.experiment_id).name == "tokenmill"
    assert found.data.params == {"width": "64", "optimizer.name": "muon", "optimizer.betas": "[0.9, 0.95]"}
    tags = found.data.tags
    assert tags["dvc.stage"] == "pretrain@gpt"
    assert tags["dvc.stage_hash"] == "0123456789abcdef"
    assert tags["pipeline.run"] == "wide-gpt"
    assert tags["process"] == f"{socket.gethostname()}:{os.getpid()}"


def test_the_tags_of_the_flow_come_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "wide-gpt")
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", json.dumps({"pipeline.run": "flow-1", "attempt": 2}))
    tags = fetch(open_run()).data.tags
    assert (tags["pipeline.run"], tags["attempt"]) == ("flow-1", "2")


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    return subprocess.run(
        ["git", *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_commit_and_dirtiness(project: Path) -> None:
    assert run_tags("x", "k")["git.commit"] == ""
    git("init", "-q")
    Path("file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "one")
    clean = run_tags("x", "k")
    Path("file").write_text("2")
    dirty = run_tags("x", "k")
    assert clean["git.commit"] == dirty["git.commit"] == git("rev-parse", "HEAD")
    assert (clean["git.dirty"], dirty["git.dirty"]) == ("false", "true")


def test_runs_on_the_same_data_are_found_by_its_digest(project: Path) -> None:
    other = digest_value("other")
    inputs = {"tokens": ("data/tokens", DIGEST), "raw": ("data/raw", other)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        first = open_run(inputs=inputs)
        second = open_run("evaluate", inputs={"tokens": ("data/tokens", DIGEST)})
        open_run("clean", inputs={"raw": ("data/raw", other)})
    everywhere = [e.experiment_id for e in client().search_experiments()]
    found = client().search_runs(everywhere, f"dataset.digest = '{dataset_digest(DIGEST)}'")
    assert {run.info.run_id for run in found} == {first.id, second.id}
    used = {i.dataset.name: i for i in fetch(first).inputs.dataset_inputs}
    assert {tag.key: tag.value for tag in used["data/tokens"].tags} == {
        "mlflow.data.context": "tokens",
        "dvc.path": "data/tokens",
        "sha256": DIGEST,
    }


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_finished_run_has_its_status_and_all_metrics(project: Path, status: str) -> None:
    run = open_run()
    for step in range(2500):  # more than MLflow takes in one batch
        run.log_metrics({"train/loss": 1 / (step + 1)}, step=step)
    run.log_metrics({"f1/标签=正面": 0.5, "nothing": float("nan")})
    run.finish(status)
    found = fetch(run)
    assert found.info.status == status
    history = client().get_metric_history(run.id, "train/loss")
    assert [metric.step for metric in sorted(history, key=lambda m: m.step)] == list(range(2500))
    assert found.data.metrics["f1/标签_正面"] == 0.5


def test_metrics_are_not_sent_one_by_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run()
    run.log_metrics({"loss": 1.0})
    assert fetch(run).data.metrics == {}
    monkeypatch.setattr(run, "_due", time.monotonic())
    run.log_metrics({"loss": 2.0}, step=1)
    assert fetch(run).data.metrics == {"loss": 2.0}


def test_logging_costs_less_than_two_percent(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five numbers each 5 ms on the real store, with batches 100 times as often as they are in earnest."""
    monkeypatch.setattr(module, "FLUSH_EVERY_SECONDS", 0.1)
    run = open_run()
    run.log_metrics({"warm": 0.0})
    run.flush()
    run._due = time.monotonic()
    batches, real = [], run.flush

    def flush() -> None:
        started = time.monotonic()
        real()
        batches.append((started, time.monotonic()))

    monkeypatch.setattr(run, "flush", flush)
    deadline = time.monotonic() + 240
    while len(batches) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
        run.log_metrics({f"train/{name}": 0.5 for name in "abcde"}, step=1)
    assert len(batches) == 3
    # Each batch is paid for by the pause after it, however slow the machine is at the moment.
    for (started, ended), (following, _) in itertools.pairwise(batches):
        assert (ended - started) / (following - started) < module.MAX_LOGGING_SHARE


def test_a_slow_store_is_sent_fewer_batches(project: Path) -> None:
    class Slow:
        sent = 0

        def log_batch(self, run_id: str, **more: Any) -> None:
            self.sent += 1
            time.sleep(0.05)

    slow = Slow()
    run = open_run()
    run._client = slow
    run.log_metrics({"a": 1.0})
    before = time.monotonic()
    run.flush()
    assert slow.sent == 1
    assert run._due - before >= max(module.FLUSH_EVERY_SECONDS, 0.05 / module.MAX_LOGGING_SHARE)


def test_a_store_that_comes_back_gets_what_it_missed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run()
    real = run._client.log_batch

    def refuse(*arguments: Any, **more: Any) -> None:
        raise ConnectionError("postgresql://person:secret@host/db?password=secret is gone\nmore lines")

    monkeypatch.setattr(run._client, "log_batch", refuse)
    for step in range(3):
        run.log_metrics({"loss": 1.0}, step=step)
        run.flush()
    monkeypatch.setattr(run._client, "log_batch", real)
    run.finish("FINISHED")
    assert len(client().get_metric_history(run.id, "loss")) == 3
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("warning: tracking failed: ")
    assert "postgresql://***@host/db?*** is gone" in err and "secret" not in err


def test_an_interrupted_run_is_taken_up_again(project: Path) -> None:
    settings, inputs = {"a": 1}, {"tokens": ("data/tokens", DIGEST)}
    first = open_run(settings=settings, inputs=inputs)
    first.log_metrics({"loss": 2.0})
    first.finish("KILLED")
    again = open_run(settings=settings, inputs=inputs, resume=first.id)
    assert again.id == first.id
    assert fetch(again).info.status == "RUNNING"
    again.finish("FINISHED")
    found = fetch(again)
    assert (found.info.status, found.data.metrics["loss"]) == ("FINISHED", 2.0)
    assert len(found.inputs.dataset_inputs) == 1


def test_a_run_killed_before_it_was_described_is_described_when_taken_up(project: Path) -> None:
    mlflow_client = client()
    bare = mlflow_client.create_run(experiment_id(mlflow_client)).info.run_id
    again = open_run("clean", settings={"a": 1}, inputs={"raw": ("data/raw", DIGEST)}, resume=bare)
    found = fetch(again)
    assert found.data.params == {"a": "1"}
    assert found.data.tags["dvc.stage"] == "clean"
    assert len(found.inputs.dataset_inputs) == 1


@pytest.mark.parametrize("gone", ["store is another one", "run was deleted"])
def test_a_run_that_the_store_does_not_hold_is_begun_anew(
    project: Path, gone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    resume = "0" * 32
    if gone == "run was deleted":
        resume = str(open_run().id)
        client().delete_run(resume)
    run = open_run(resume=resume)
    assert run.id not in (None, resume)
    assert capsys.readouterr().err == ""


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("way", ["refused", "silent", "no database", "nonsense", "bad context"])
def test_an_absent_store_costs_one_line_and_little_time(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    silent_server: int,
    way: str,
) -> None:
    for name, value in QUICK_HTTP.items():
        # The silent server would cost twice the time-out; a shorter one proves that it is in force.
        monkeypatch.setenv(name, "1" if way == "silent" else value)
    uri = {
        "refused": "http://127.0.0.1:9",
        "silent": f"http://127.0.0.1:{silent_server}",
        "no database": "sqlite:////proc/nowhere/mlflow.db",
        "nonsense": "nowhere://",
        "bad context": tracking_uri(),
    }[way]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    if way == "bad context":
        monkeypatch.setenv("MLFLOW_RUN_CONTEXT", "{not json")
    started = time.monotonic()
    run = open_run()
    run.log_metrics({"loss": 1.0})
    run.set_tags({"a": "b"})
    run.finish("FINISHED")
    assert time.monotonic() - started < 60, "MLflow by itself tries for minutes"
    assert run.id is None
    err = capsys.readouterr().err
    assert err.startswith("warning: tracking failed: ")
    named = {"bad context": "MLFLOW_RUN_CONTEXT", "no database": "/proc/nowhere"}.get(way, uri)
    assert named in err
    assert len(err.splitlines()) == 1


def test_a_models_run_is_above_what_is_measured_of_it(project: Path) -> None:
    trained = open_run(makes_model=True)
    trained.set_tags({MODEL_TAG: DIGEST})
    trained.finish("FINISHED")
    inputs = {"model": ("data/models/gpt", DIGEST), "clean": ("data/clean", digest_value("clean"))}
    measured = open_run("evaluate@gpt", inputs=inputs)
    measured.log_above({"test/accuracy": 0.75})
    measured.finish("FINISHED")
    top = fetch(trained)
    assert (top.info.run_name, top.data.metrics) == ("gpt", {"test/accuracy": 0.75})
    assert "mlflow.parentRunId" not in top.data.tags
    assert fetch(measured).data.tags["mlflow.parentRunId"] == trained.id


def test_a_model_of_another_store_has_a_run_of_its_name(project: Path) -> None:
    inputs = {"model": ("data/models/bought", DIGEST)}
    for accuracy in (0.25, 0.5):
        measured = open_run("evaluate@bought", inputs=inputs)
        measured.log_above({"test/accuracy": accuracy})
        measured.finish("FINISHED")
    mlflow_client = client()
    found = mlflow_client.search_runs([experiment_id(mlflow_client)], f"tags.`{MODEL_TAG}` = '{DIGEST}'")
    assert [(run.info.run_name, run.info.status) for run in found] == [("bought", "FINISHED")]
    assert found[0].data.metrics == {"test/accuracy": 0.5}


def test_stages_without_a_model_stand_below_one_run(project: Path) -> None:
    above = {
        fetch(open_run(stage)).data.tags["mlflow.parentRunId"] for stage in ("ingest", "clean", "report")
    }
    assert [client().get_run(run).info.run_name for run in above] == ["stages"]


def test_flattening() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}
