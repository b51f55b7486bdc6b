"""``python -m tokenmill.registry``: the stage. ``--sync`` is not a stage but looks after the registry alone."""

import sys
from pathlib import Path

from stages.params import load_params
from tokenmill.core.errors import UserError
from tokenmill.jobs.job import job, run_main
from tokenmill.registry.records import MODELS, make_records, write_records
from tokenmill.registry.registry import Standing, register_models, sync

REGISTRY = Path("data/registry.json")
METRICS = Path("data/metrics/evaluate.json")


def stage() -> list[Standing]:
    """Record what ought to be registered, then register it."""
    settings = load_params().register_
    models = {key: MODELS / key for key in settings}
    with job(
        "register",
        settings={"register": {key: model.model_dump() for key, model in settings.items()}},
        inputs={"metrics": METRICS, **models},
        outs={"registry": REGISTRY},
    ) as this:
        records = make_records(settings, METRICS, this.digests)
        write_records(this.out["registry"], records)
        return register_models(records, run=this.run, stage_hash=this.key)


def main() -> None:
    """Run the stage, or with ``--sync`` bring the registry up to date with data/registry.json."""
    arguments = sys.argv[1:]
    if arguments not in ([], ["--sync"]):
        raise UserError(f"register: unknown argument {' '.join(arguments)}; give nothing, or --sync")
    for standing in sync(REGISTRY) if arguments else stage():
        print(standing, flush=True)


if __name__ == "__main__":
    run_main(main)
