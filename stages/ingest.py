"""``python -m tokenmill.data.ingest``."""

from pathlib import Path

from stages.params import load_params
from tokenmill.data.ingest.run import ingest
from tokenmill.jobs.job import job, run_main


def main() -> None:
    """Run the stage on params.yaml of the current folder."""
    sources = load_params().sources
    settings = {"sources": {name: source.model_dump() for name, source in sources.items()}}
    inputs = {"sources": Path("data/sources")}
    outs = {"raw": Path("data/raw"), "metrics": Path("data/metrics/ingest.json")}
    with job("ingest", settings=settings, inputs=inputs, outs=outs) as this:
        this.write_metrics(ingest(sources, inputs["sources"], this.out["raw"], this.work / "parts"))


if __name__ == "__main__":
    run_main(main)
