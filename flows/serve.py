"""``python -m flows.serve``: schedule and run the pipeline from one process, without a work pool.

For one machine. The schedule is that of the ``nightly`` deployment in prefect.yaml.
"""

import sys
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron, Schedule
from ruamel.yaml import YAML

from flows.dead import close_dead_runs
from flows.pipeline import pipeline
from flows.settings import require_server
from tokenmill.core.errors import UserError

NAME = "served"
"""Not ``nightly``: both can be known to one server."""


def nightly_schedule(path: Path = Path("prefect.yaml")) -> Schedule:
    """The schedule of the deployment ``nightly``.

    Raises:
        UserError: there is no such file, deployment or schedule.
    """
    try:
        deployments = YAML(typ="safe").load(path)["deployments"]
        (nightly,) = [deployment for deployment in deployments if deployment["name"] == "nightly"]
        schedule = nightly["schedules"][0]
        return Cron(schedule["cron"], timezone=schedule["timezone"], active=schedule["active"])
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run this in the repository") from None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        wanted = 'must have one deployment "nightly" with cron, timezone and active under schedules'
        raise UserError(f"{path}: {wanted} ({error})") from error


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; the schedule is paused then. Returns the exit status."""
    try:
        schedule = nightly_schedule()
        require_server()
        with get_client(sync_client=True) as client:
            for line in close_dead_runs(client):
                print(line, flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    one_at_a_time = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    pipeline.serve(name=NAME, schedules=[schedule], limit=1, global_limit=one_at_a_time)
    return 0


if __name__ == "__main__":
    sys.exit(main())
