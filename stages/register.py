"""register: write what MLflow's registry ought to hold. `tokenmill register` makes it hold that."""

from pathlib import Path

from stages.params import load_params
from tokenmill.jobs.job import job, run_main
from tokenmill.registry.records import make_records, write_records

INPUTS = {
    "evaluation": Path("data/evaluation"),
    "models": Path("data/models"),
    "report": Path("data/report"),
}
OUTS = {"registry": Path("data/registry.json")}


def main() -> None:
    """Run the stage for all entries of ``register`` in params.yaml."""
    settings = load_params().register_
    with job("register", settings=lambda: load_params().register_, inputs=INPUTS, outs=OUTS) as this:
        records = make_records(settings, INPUTS["models"], INPUTS["evaluation"], INPUTS["report"])
        write_records(this.out["registry"], records)


if __name__ == "__main__":
    run_main(main)
