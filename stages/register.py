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
    params = load_params()
    with job("register", settings=lambda: load_params().register_, inputs=INPUTS, outs=OUTS) as this:
        records = make_records(params.register_, INPUTS["models"], INPUTS["evaluation"], INPUTS["report"])
        write_records(this.out["registry"], records)
        this.run.attach({INPUTS["models"] / name: _pages(name) for name in params.evaluate})


def _pages(name: str) -> list[Path]:
    """What people look at of a model."""
    report, evaluation = INPUTS["report"], INPUTS["evaluation"] / name
    return [report / "report.html", report / "cards" / f"{name}.md", evaluation / "samples.json"]


if __name__ == "__main__":
    run_main(main)
