"""tokenize NAME: train a tokenizer, or take a downloaded one, and write token shards of its sources."""

from pathlib import Path

from stages.params import chosen, load_params
from tokenmill.jobs.job import job, run_main
from tokenmill.tokenization.run import tokenize

CLEAN = Path("data/clean")


def main() -> None:
    """Run the stage for one entry of ``tokenize`` in params.yaml."""
    params = load_params()
    name, settings = chosen("tokenize", params.tokenize)
    inputs = {"clean": CLEAN}
    if settings.from_pretrained:
        inputs["pretrained"] = Path(settings.from_pretrained)
    outs = {"tokens": Path(f"data/tokens/{name}"), "metrics": Path(f"data/metrics/tokenize-{name}.json")}
    with job(
        f"tokenize@{name}", settings=lambda: load_params().tokenize[name], inputs=inputs, outs=outs
    ) as this:
        figures = tokenize(CLEAN, this.out["tokens"], settings, name=name, workers=params.runtime.workers)
        this.write_metrics(figures)


if __name__ == "__main__":
    run_main(main)
