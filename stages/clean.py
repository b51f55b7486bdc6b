"""clean: drop documents with all their reasons, split the rest by content."""

from pathlib import Path

from stages.params import load_params
from tokenmill.core.files import write_text
from tokenmill.data.clean.run import clean
from tokenmill.data.clean.summary import drops_csv, metrics
from tokenmill.jobs.job import job, run_main

MEASURED = Path("data/measured")
OUTS = {
    "clean": Path("data/clean"),
    "metrics": Path("data/metrics/clean.json"),
    "drops": Path("data/plots/drops.csv"),
}


def main() -> None:
    """Run the stage on params.yaml of the current folder."""
    settings = load_params().clean
    with job("clean", settings=lambda: load_params().clean, inputs={"measured": MEASURED}, outs=OUTS) as this:
        report = clean(MEASURED, this.out["clean"], settings)
        write_text(this.out["drops"], drops_csv(report))
        this.write_metrics(metrics(report))


if __name__ == "__main__":
    run_main(main)
