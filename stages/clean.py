"""``python -m tokenmill.data.clean``."""

from pathlib import Path

from stages.params import load_params
from tokenmill.core.files import write_text
from tokenmill.data.clean.run import clean
from tokenmill.data.clean.statistics import drops_csv, metrics
from tokenmill.jobs.job import job, run_main


def main() -> None:
    """Run the stage on params.yaml of the current folder."""
    settings = load_params().clean
    outs = {
        "clean": Path("data/clean"),
        "metrics": Path("data/metrics/clean.json"),
        "drops": Path("data/plots/drops.csv"),
    }
    inputs = {"measured": Path("data/measured")}
    files = Path("data/sources")
    if settings.selection or (settings.contamination and settings.contamination.files):
        inputs["sources"] = files  # the user's own texts, which the settings name
    with job("clean", settings={"clean": settings.model_dump()}, inputs=inputs, outs=outs) as this:
        report = clean(inputs["measured"], files, this.out["clean"], settings)
        write_text(this.out["drops"], drops_csv(report))
        this.write_metrics(metrics(report))
        this.run.log_artifact(this.out["clean"] / "report.html")


if __name__ == "__main__":
    run_main(main)
