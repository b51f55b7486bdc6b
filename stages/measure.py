"""``python -m tokenmill.data.measure``."""

from pathlib import Path

from stages.params import load_params
from tokenmill.data.measure.run import measure
from tokenmill.jobs.job import job, run_main


def main() -> None:
    """Run the stage on params.yaml of the current folder."""
    params = load_params()
    settings = params.measure
    inputs = {"raw": Path("data/raw")}
    outs = {"measured": Path("data/measured")}
    with job("measure", settings={"measure": settings.model_dump()}, inputs=inputs, outs=outs) as this:
        parts = this.work / "parts"
        totals = measure(inputs["raw"], this.out["measured"], parts, settings, params.runtime)
        this.run.log_metrics(totals)


if __name__ == "__main__":
    run_main(main)
