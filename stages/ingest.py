"""ingest: every source into one table, bad lines set aside with their reason, a manifest of origins."""

from pathlib import Path

from stages.params import load_params
from tokenmill.data.ingest.run import ingest
from tokenmill.jobs.job import job, run_main

SOURCES = Path("data/sources")
OUTS = {"raw": Path("data/raw"), "metrics": Path("data/metrics/ingest.json")}


def main() -> None:
    """Run the stage on params.yaml of the current folder."""
    sources = load_params().sources
    with job(
        "ingest", settings=lambda: load_params().sources, inputs={"sources": SOURCES}, outs=OUTS
    ) as this:
        this.write_metrics(ingest(sources, SOURCES, this.out["raw"], this.work / "parts"))


if __name__ == "__main__":
    run_main(main)
