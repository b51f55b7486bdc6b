"""report: one page about the data and the models that were measured, and a card for each model."""

from pathlib import Path

from stages.params import load_params
from tokenmill.jobs.job import job, run_main
from tokenmill.report.run import report

INPUTS = {
    "cleaning": Path("data/clean/report.json"),
    "evaluation": Path("data/evaluation"),
    "metrics": Path("data/metrics"),
    "plots": Path("data/plots"),
}
OUTS = {"report": Path("data/report")}


def main() -> None:
    """Run the stage on what the entries of params.yaml made; files of entries that are gone are left out."""
    with job("report", settings=lambda: load_params().trained, inputs=INPUTS, outs=OUTS) as this:
        report(INPUTS, this.out["report"], load_params().trained)


if __name__ == "__main__":
    run_main(main)
