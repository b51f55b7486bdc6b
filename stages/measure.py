"""measure: normalise every document and count what the rules of clean decide by; decide nothing."""

from pathlib import Path

from stages.params import load_params
from tokenmill.data.measure.run import measure
from tokenmill.jobs.job import job, run_main

RAW = Path("data/raw")
OUTS = {"measured": Path("data/measured")}


def main() -> None:
    """Run the stage on params.yaml of the current folder."""
    params = load_params()
    with job("measure", settings=lambda: load_params().measure, inputs={"raw": RAW}, outs=OUTS) as this:
        totals = measure(RAW, this.out["measured"], this.work / "parts", params.measure, params.runtime)
        this.run.log_metrics(totals)


if __name__ == "__main__":
    run_main(main)
