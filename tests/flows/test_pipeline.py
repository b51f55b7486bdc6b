"""The flow on a real server: states, logs, the table, and how it ends. T2 to T6: docs/orchestration.md."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows import pipeline
from flows.dag import RepoBusy
from flows.runner import Runner, StageBusy
from tests.flows import toy
from tests.flows.conftest import Server
from tokenmill.core.errors import UserError

GUARDS: list[list[str]] = []
"""The command line of every guard that this process starts."""


def note_guards(event: str, arguments: Any) -> None:
    if event == "subprocess.Popen" and any("guard.py" in str(word) for word in arguments[1]):
        GUARDS.append([str(word) for word in arguments[1]])


sys.addaudithook(note_guards)


class Prefect:
    """Runs the flow in this process, in the toy repository, and asks the server what became of it."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def run(self, targets: list[str] | None = None) -> tuple[Any, dict[str, str]]:
        """The flow run's final state, and each task's state name by the task's name."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

        self.state = pipeline.pipeline(targets, return_state=True)
        self.id = self.state.state_details.flow_run_id
        self.this_run = FlowRunFilter(id=FlowRunFilterId(any_=[self.id]))
        return self.state, self.states()

    def states(self) -> dict[str, str]:
        # Task runs are told to the server in the background; the table has the flow's own view of the rest.
        return {row["stage"]: row["state"] for row in self.table()}

    def table(self) -> list[dict[str, Any]]:
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

        found = self.client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self.id]))
        )
        tables = [artifact.data for artifact in found if artifact.key == "stages"]
        return json.loads(tables[0]) if tables else []

    def task_runs(self) -> list[Any]:
        return self.client.read_task_runs(flow_run_filter=self.this_run)

    def logged(self) -> set[str]:
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

        logs = self.client.read_logs(log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.id])))
        return {log.message for log in logs}


@pytest.fixture
def prefect(client: Any, repo: toy.Toy, monkeypatch: pytest.MonkeyPatch) -> Prefect:
    monkeypatch.chdir(repo.root)
    settings: dict[str, Any] = {}
    exec(toy.PARAMS, settings)
    monkeypatch.setattr("flows.pipeline.load_params", settings["load_params"])
    GUARDS.clear()
    return Prefect(client)


def test_nothing_to_do_starts_no_process(prefect: Prefect, repo: toy.Toy) -> None:
    state, states = prefect.run()
    assert state.is_completed()
    assert states == dict.fromkeys(toy.STAGES, "Cached")
    assert GUARDS == []
    assert repo.log("run") == []


def test_only_what_changed_runs_and_what_comes_back_is_restored(prefect: Prefect, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.write("kept.txt", "kept, and more\n")
    repo.dvc("commit", "-f", "kept")
    state, states = prefect.run()
    assert state.is_completed()
    cached = dict.fromkeys(["first", "work@y", "kept"], "Cached")
    assert states == {**cached, "work@x": "Completed", "last": "Completed"}
    assert sorted(repo.log("run")) == ["last", "work-x"]
    assert [line[-1] for line in GUARDS] == ["work@x", "last"]
    assert all(line[line.index("dvc") + 1] == "--wait-for-lock" for line in GUARDS)

    tags = [
        json.loads(line.split(maxsplit=2)[2]) for line in (repo.root / "runs.log").read_text().splitlines()
    ]
    assert {tag["pipeline.run"] for tag in tags} == {str(prefect.id)}
    assert {tag["dvc.stage"] for tag in tags} == {"work@x", "last"}
    seconds = {row["stage"]: row["seconds"] for row in prefect.table()}
    assert all(seconds[name] > 0 for name in ("work@x", "last"))
    toy.until(lambda: "work-x says hello" in prefect.logged(), "the stage's line in Prefect's log", 60)
    toy.until(lambda: len(prefect.task_runs()) == 5, "the task runs", 60)
    assert {(run.name, run.state_name) for run in prefect.task_runs()} == set(states.items())
    # Plain dvc afterwards: nothing to do.
    assert "up to date" in repo.dvc("status").stdout

    # T6: a cache of Prefect's own would not know that an out is gone.
    repo.write("params.yaml", "work: {x: 1, y: 1}\n")
    (repo.root / "first.txt").unlink()
    state, states = prefect.run(["work"])
    assert states == {"first": "Restored", "work@x": "Restored", "work@y": "Cached"}
    assert (repo.root / "first.txt").exists()
    assert len(repo.log("run")) == 2


def test_failed_stage(prefect: Prefect, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 2}\n")
    repo.order("work-x", "fail")
    state, states = prefect.run()
    assert state.is_failed()
    assert "not completed: work@x (Failed), last (NotReady)" in state.message
    assert states == {
        "first": "Cached", "work@x": "Failed", "work@y": "Completed", "kept": "Cached", "last": "NotReady"
    }  # fmt: skip
    assert sorted(repo.log("run")) == ["work-x", "work-y"]
    with pytest.raises(Exception, match="not completed"):
        state.result()


def test_unknown_target_runs_nothing(prefect: Prefect, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 2}\n")
    state, states = prefect.run(["first", "lats"])
    with pytest.raises(UserError, match='no stage "lats"; it has first, kept, last, work@x, work@y'):
        state.result()
    assert states == {}
    assert repo.log("run") == []


def test_params_that_are_wrong_run_nothing(prefect: Prefect, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 2}\nwrok: 1\n")
    state, states = prefect.run()
    with pytest.raises(UserError, match=r"^params\.yaml: wrok is not a setting"):
        state.result()
    assert (states, repo.log("run")) == ({}, [])


def test_outs_of_a_stage_that_failed_come_back(prefect: Prefect, repo: toy.Toy) -> None:
    before = (repo.root / "work-x.txt").read_text()
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "fail")
    _, states = prefect.run(["work@x"])
    assert states["work@x"] == "Failed"
    assert repo.log("gone") == ["work-x"], "DVC has removed the out before the command ran"
    assert (repo.root / "work-x.txt").read_text() == before
    told = "work-x.txt: brought back as it was before"
    toy.until(lambda: told in prefect.logged(), "the log to say so", 60)


def test_t2_busy_is_tried_again_and_nothing_else_is(
    prefect: Prefect, repo: toy.Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pipeline._Run.stage

    def stage(run: Any, node: Any) -> Any:
        try:
            return real(run, node)
        except (StageBusy, RepoBusy):
            repo.write("control/open", "")
            raise

    monkeypatch.setattr(pipeline._Run, "stage", stage)
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "gate")
    elsewhere = threading.Thread(target=Runner(repo.root, {}).run_stage, args=("work@x", print))
    elsewhere.start()
    repo.wait_for("run", "work-x")
    state, states = prefect.run(["work@x"])
    elsewhere.join()
    assert state.is_completed()
    assert states == {"first": "Cached", "work@x": "Cached"}
    assert repo.log("run") == ["work-x"]
    toy.until(lambda: any(run.run_count > 1 for run in prefect.task_runs()), "a second try", 60)


def test_t5_timeout_from_dvc_yaml(prefect: Prefect, repo: toy.Toy) -> None:
    repo.write("dvc.yaml", toy.DVC_YAML + "    meta: {timeout_s: 1.5}\n")
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("last", "slow")
    repo.write("work-x.txt", "other")
    (repo.root / "last.txt").unlink()
    repo.write("kept.txt", "other")
    repo.dvc("commit", "-f", "kept")
    state, states = prefect.run()
    assert states["last"] == "TimedOut"
    assert state.is_failed()
    assert repo.processes() == []


# In place of ours, in the repository that the command is started in.
REGISTER = """\
import sys
from pathlib import Path
assert sys.argv[1:] == ["register"]
with open("registered", "a") as file:
    file.write("yes")
if Path("out-of-reach").exists():
    sys.exit("error: MLflow is out of reach")
"""


def add_register_stage(repo: toy.Toy) -> Path:
    stage = "  register:\n    cmd: python step.py register last.txt\n    deps: [last.txt]\n"
    repo.write("dvc.yaml", f"{toy.DVC_YAML}{stage}    outs: [register.txt]\n")
    for name, text in {"__init__.py": "", "__main__.py": REGISTER}.items():
        repo.write(f"tokenmill/{name}", text)
    repo.write("params.yaml", "work: {x: 1, y: 1}\nregister: {gpt: {}}\n")
    return repo.root / "registered"


def test_registry_is_seen_to_whatever_became_of_its_stage(prefect: Prefect, repo: toy.Toy) -> None:
    registered = add_register_stage(repo)
    for times, became in ((1, "Completed"), (2, "Cached")):
        state, states = prefect.run(["register"])
        assert state.is_completed()
        assert (states["register"], states["registry"]) == (became, "Completed")
        assert registered.read_text() == "yes" * times

    repo.write("out-of-reach", "")
    state, states = prefect.run(["register"])
    assert state.is_failed()
    assert (states["register"], states["registry"]) == ("Cached", "Failed")
    toy.until(lambda: "error: MLflow is out of reach" in prefect.logged(), "the reason in the log", 60)


def test_registry_is_left_alone_when_it_is_not_asked_for(prefect: Prefect, repo: toy.Toy) -> None:
    registered = add_register_stage(repo)
    assert "registry" not in prefect.run(["last"])[1]
    repo.order("register", "fail")
    _, states = prefect.run(["register"])
    assert (states["register"], states["registry"]) == ("Failed", "NotReady")
    repo.order("register", "")
    repo.write("params.yaml", "work: {x: 1, y: 1}\n")
    assert "registry" not in prefect.run(["register"])[1]
    assert not registered.exists()


def flow_command(*targets: str) -> list[str]:
    return [sys.executable, "-m", "flows.pipeline", *targets]


def test_t4_exit_status_of_a_failed_run_is_1(server: Server, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "fail")
    env = {**toy.environment(), **server.env}
    done = subprocess.run(flow_command("work@x"), cwd=repo.root, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: not completed: work@x (Failed)"
    assert "no luck" in done.stderr


def test_t3_sigterm(server: Server, repo: toy.Toy) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", "slow")
    flow = subprocess.Popen(flow_command("work@x"), cwd=repo.root, env={**toy.environment(), **server.env})
    repo.wait_for("slow", "work-x", 60)
    flow.send_signal(signal.SIGTERM)
    assert flow.wait(60) == -signal.SIGTERM
    assert repo.processes() == []
    assert repo.log("checkpoint") == ["work-x"]


class Way:
    """The way to a server, which can be closed: connections that stand end, and new ones are refused."""

    def __init__(self, url: str) -> None:
        self.there = urlsplit(url)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{self.there.path}"
        self.ends: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self.listener.accept()
                there = socket.create_connection((self.there.hostname, self.there.port))
                self.ends += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for end in (self.listener, *self.ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.mark.parametrize("order", ["gate", "gate fail"])
def test_a_server_that_goes_away_costs_one_line_and_not_the_result(
    server: Server, repo: toy.Toy, order: str
) -> None:
    repo.write("params.yaml", "work: {x: 2, y: 1}\n")
    repo.order("work-x", order)
    way = Way(server.url)
    env = {**toy.environment(), **server.env, "PREFECT_API_URL": way.url}
    flow = subprocess.Popen(flow_command("last"), cwd=repo.root, env=env, stderr=subprocess.PIPE, text=True)
    repo.wait_for("run", "work-x", 120)
    way.close()
    repo.write("control/open", "")
    _, said = flow.communicate(timeout=120)  # Prefect by itself takes five minutes
    gone = "the Prefect server went away during the run, and does not know how it ended"
    ends = {
        "gate": (0, f"warning: all stages are well; {gone}"),
        "gate fail": (1, f"error: not completed: work@x (Failed), last (NotReady); {gone}"),
    }
    ours = [line for line in said.splitlines() if not re.search(r"\| (INFO|ERROR) +\| (Task|Flow) run", line)]
    assert (flow.returncode, "\n".join(ours)) == ends[order]
    repo.order("work-x", "")
    repo.dvc("repro")
    assert len(repo.log("run")) == (1 if order == "gate" else 2), "what ran well is not run again"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({}, "no Prefect server is set; start one with `make prefect-server`"),
        (
            {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
            "no Prefect server answers at http://127.0.0.1:9/api",
        ),
    ],
    ids=["none", "unreachable"],
)
def test_no_server(repo: toy.Toy, tmp_path: Path, setting: dict[str, str], message: str) -> None:
    env = {**toy.environment(), "PREFECT_HOME": str(tmp_path / "home"), "DO_NOT_TRACK": "1", **setting}
    if not setting:
        env.pop("PREFECT_API_URL", None)
    done = subprocess.run(flow_command(), cwd=repo.root, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("error: PREFECT_API_URL: " + message)
    assert len(done.stderr.strip().splitlines()) == 1
