"""The flow: one Prefect task for each stage of dvc.yaml, in the order that DVC's own graph gives.

``python -m flows.pipeline [TARGET...]`` runs it against the configured server; prefect.yaml deploys it.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.dag import Graph, Node, RepoBusy
from flows.dead import close_dead_runs, name_process
from flows.doctor import mend_files
from flows.runner import Outcome, Runner, StageBusy, StageFailed
from flows.settings import require_server, server_answers
from stages.params import load_params
from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import check_folder

BUSY_DELAYS_S = [2.0, 4.0, 8.0]
"""Waits before the first retries while another process is at a stage; the last one repeats. It stays short,
because a cancelled flow cannot end before the wait of a task does."""
BUSY_RETRIES = 450
"""About an hour in all."""
REGISTER = "register"
"""The stage that writes what MLflow's registry ought to hold."""


class PipelineFailed(Exception):
    """At least one stage did not complete."""


class _Run:
    """What the tasks of one flow run share."""

    def __init__(self, graph: Graph, runner: Runner) -> None:
        self.graph = graph
        self.runner = runner
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, work: Callable[[], Outcome]) -> State:
        """Do the work and make the state that says how it ended.

        A failure becomes a state here, and not an exception, because Prefect logs those with a traceback.
        """
        started = time.monotonic()
        try:
            outcome = work()
        except (StageFailed, UserError) as error:
            return Failed(message=str(error))
        finally:
            self.seconds[name] = round(time.monotonic() - started, 1)
        return Completed(name=str(outcome), message=f"{name}: {outcome} in {self.seconds[name]} s")

    def stage(self, node: Node) -> Outcome:
        """A look at the stage's status (20 ms) first; a process (1.2 s) only when something has changed."""
        if self.graph.is_unchanged(node.name):
            return Outcome.CACHED
        try:
            return self.runner.run_stage(node.name, _log_lines(), node.timeout_s)
        except (StageFailed, TimeoutError):
            self.bring_back(node.name)
            raise

    def bring_back(self, name: str) -> None:
        """The outs of an earlier run, which DVC removed before the command began."""
        log = _log_lines()
        try:
            for path in self.graph.restore_outs([name]):
                log(f"{path}: brought back as it was before")
        except (RepoBusy, UserError) as error:
            log(f"{error}; `tokenmill doctor --fix` brings the outs of {name} back")

    def registry(self) -> Outcome:
        """Make MLflow's registry hold what data/registry.json says; what it holds already costs a look."""
        command = [sys.executable, "-m", "tokenmill", "register"]
        status = self.runner.run_command(command, _log_lines(), stage=REGISTER)
        if status != 0:
            raise StageFailed("MLflow's registry does not hold what data/registry.json says; see above")
        return Outcome.COMPLETED


def _log_lines() -> Callable[[str], None]:
    """A function that sends lines to the current task run's log, but for the empty ones."""
    logger = get_run_logger()
    return lambda line: logger.info(line) if line.strip() else None


def _is_busy(_task: object, _task_run: object, state: State) -> bool:
    return isinstance(state.data, RepoBusy | StageBusy)


# DVC alone decides what is up to date: a second cache would not know about missing outs. Prefect's own
# timeout_seconds has no effect on a submitted task that waits for a line, hence meta.timeout_s in dvc.yaml.
@task(
    task_run_name="{node.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=BUSY_RETRIES,
    retry_delay_seconds=BUSY_DELAYS_S,
    retry_condition_fn=_is_busy,
)
def run_stage(node: Node, run: _Run) -> State:
    """Bring one stage up to date: Cached, Restored or Completed."""
    return run.timed(node.name, lambda: run.stage(node))


@task(task_run_name="registry", cache_policy=NO_CACHE, persist_result=False)
def register_models(run: _Run) -> State:
    """Make MLflow's registry, which DVC can neither see nor restore, hold what the stage wrote."""
    return run.timed("registry", run.registry)


@flow(name="pipeline", persist_result=False)
def pipeline(targets: list[str] | None = None) -> None:
    """Bring stages of dvc.yaml up to date, and what they need; without targets, all of them.

    Args:
        targets: names of stages (``report``, ``pretrain@gpt``) or of a whole group (``pretrain``).

    Raises:
        UserError: params.yaml is not right, something below data/sources cannot be read, or a target is
            none of dvc.yaml's; nothing has run then.
        PipelineFailed: a stage did not complete. (Returned states would mark the run as failed, too, but the
            process would end with exit status 0.)
    """
    _say_nothing_of_an_absent_server()
    graph = Graph()
    params = load_params(graph.root / "params.yaml")
    for line in _clear_away(graph):
        get_run_logger().info(line)
    nodes = graph.plan(targets)
    check_folder(graph.root / "data" / "sources")
    runner = Runner(graph.root, tags={"pipeline.run": str(flow_run.get_id())})
    run = _Run(graph, runner)
    futures: dict[str, PrefectFuture[State]] = {}
    try:
        for node in nodes:
            before = [futures[name] for name in node.upstream]
            futures[node.name] = run_stage.submit(node, run, wait_for=before, return_state=False)
        if REGISTER in futures and params.register_:
            before = [futures[REGISTER]]
            futures["registry"] = register_models.submit(run, wait_for=before, return_state=False)
        for future in futures.values():
            future.wait()
    except BaseException:
        # A cancelled run arrives here as an exception, and then waits for its tasks' threads.
        runner.kill_all()
        raise
    _report({name: future.state for name, future in futures.items()}, run.seconds)


def _clear_away(graph: Graph) -> Iterator[str]:
    """What killed processes left: files that dvc cannot read, runs that have no process."""
    yield from map(str, mend_files(graph.root))
    with get_client(sync_client=True) as client:
        name_process(client, UUID(flow_run.get_id()))
        yield from close_dead_runs(client)


def _report(states: dict[str, State], seconds: dict[str, float]) -> None:
    """Leave a table of the stages, and raise if one of them did not complete.

    Without a server the process ends here: Prefect would try for minutes to tell it how the run ended, and
    then fail whatever became of the stages.
    """
    failed = [f"{name} ({state.name})" for name, state in states.items() if not state.is_completed()]
    verdict = f"not completed: {', '.join(failed)}" if failed else "all stages are well"
    if not server_answers():
        kind, gone = "error" if failed else "warning", "the Prefect server went away during the run"
        print(f"{kind}: {verdict}; {gone}, and does not know how it ended", file=sys.stderr, flush=True)
        os._exit(1 if failed else 0)
    table = [{"stage": n, "state": s.name, "seconds": seconds.get(n)} for n, s in states.items()]
    create_table_artifact(table, key="stages", description="What became of each stage")
    if failed:
        raise PipelineFailed(verdict)


def _say_nothing_of_an_absent_server() -> None:
    """While the server is away, Prefect complains for each line and each state; one line comes at the end."""
    for name in ("prefect.events.clients", "prefect._internal.concurrency"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.raiseExceptions = False  # read where lines are sent to the server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow in this process; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.pipeline", description=main.__doc__)
    parser.add_argument("targets", nargs="*", help="stages of dvc.yaml (default: all)")
    targets = parser.parse_args(arguments).targets
    try:
        require_server()
        pipeline(targets or None)
    except (UserError, PipelineFailed) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:  # after SIGTERM, Prefect lets the process die of it
        print("stopped; run the same command again to continue", file=sys.stderr, flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
