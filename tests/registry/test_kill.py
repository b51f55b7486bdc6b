"""Killed between any two calls to MLflow and run again: one version, the right aliases, nothing left over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.registry.helpers import run_stage
from tokenmill.jobs.tracking import run
from tokenmill.jobs.tracking.store import client
from tokenmill.model.digest import model_digest
from tokenmill.registry import lookup
from tokenmill.registry.download import local_model_folder
from tokenmill.registry.records import Record
from tokenmill.registry.sync import register_models, sync

NAME = "our-mood"
COMMAND = [sys.executable, "-c", "from tokenmill.cli.store import register; register()"]
WRITES = ("create", "log", "set", "finalize", "delete", "update")


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours catches it and goes on."""


class DyingClient:
    """An MLflow client whose n-th writing call never happens."""

    def __init__(self, real: Any, calls: int) -> None:
        self._real, self._left = real, calls
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if not name.startswith(WRITES):
            return method

        def call(*arguments: Any, **more: Any) -> Any:
            if len(self.made) == self._left:
                raise Killed(name)
            self.made.append(name)
            return method(*arguments, **more)

        return call


def state() -> dict[str, Any]:
    """Everything that must be right in the end."""
    found = client().search_model_versions(f"name = '{NAME}'")
    experiment = client().get_experiment_by_name("tokenmill").experiment_id
    logged = client().search_logged_models([experiment])
    aliases = client().get_registered_model(NAME).aliases
    return {
        "versions": {
            str(v.version): {k: v.tags[k] for k in ("model.digest", "decision", "reason")} for v in found
        },
        "aliases": {alias: str(number) for alias, number in aliases.items()},
        "uploads": sorted((model.name, str(model.status)) for model in logged),
    }


def register_and_die(
    records: list[Record], calls: int, monkeypatch: pytest.MonkeyPatch
) -> DyingClient | None:
    """Register through a client that dies at a call; None when nothing was left to die at."""
    dying = DyingClient(client(), calls)
    with monkeypatch.context() as patch:
        patch.setattr(lookup, "client", lambda: dying)
        patch.setattr(run, "client", lambda: dying)
        try:
            register_models(records)
        except Killed:
            return dying
    return None


def test_killed_before_any_call(
    registered: Path,
    make_model: Callable[..., Path],
    write_evaluation: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second version, which is better: upload, version, both aliases and the reason are at stake."""
    sync()
    died_at = []
    for seed in range(2, 40):
        write_evaluation("mood", 0.85 + seed / 1000)
        make_model("mood", seed=seed)
        records = run_stage()[1:]
        dying = register_and_die(records, calls=seed - 2, monkeypatch=monkeypatch)
        register_models(records)
        after = state()
        # One more version than before this round, whatever the kill left, and it is champion.
        newest = str(seed)
        assert after["aliases"] == {"challenger": newest, "champion": newest}
        assert sorted(after["versions"], key=int) == [str(number + 1) for number in range(seed)]
        assert after["versions"][newest]["decision"] == "champion"
        assert after["versions"][newest]["reason"].startswith("better: ")
        assert after["uploads"] == [*[(NAME, "READY")] * seed, ("our-scribe", "READY")]
        if dying is None:
            break
        died_at.append(len(dying.made))
    assert dying is None, "the kills did not reach the last call"
    assert died_at == list(range(len(died_at)))
    assert len(died_at) >= 9


def test_killed_for_real_while_the_files_are_on_their_way(registered: Path) -> None:
    sync()
    expected = {**state(), "uploads": None}
    reference = sync()
    for name in ("our-scribe", NAME):
        client().delete_registered_model(name)
    experiment = client().get_experiment_by_name("tokenmill").experiment_id
    for model in client().search_logged_models([experiment]):
        client().delete_logged_model(model.model_id)
    known = set((registered / "mlruns").rglob("m-*"))

    environment = {k: v for k, v in os.environ.items() if k != "DVC_ROOT"}
    process = subprocess.Popen(COMMAND, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while set((registered / "mlruns").rglob("m-*")) == known:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(standing) for standing in reference]
    assert {**state(), "uploads": None} == expected
    assert state()["uploads"] == [(NAME, "READY"), ("our-scribe", "READY")]
    assert model_digest(local_model_folder(f"models:/{NAME}@champion")) == model_digest(
        registered / "data/models/mood"
    )


def test_two_at_once_make_one_version(registered: Path) -> None:
    sync()
    client().delete_registered_model(NAME)
    processes = [subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate(timeout=120)[0] for process in processes)
    assert first == second
    assert f"{NAME}: version 1 (challenger, champion)" in first
    assert len(state()["versions"]) == 1
