"""``python -m tokenmill.tokenization``: the tokenizer and every split as token shards."""

from pathlib import Path

from stages.params import load_params
from tokenmill.jobs.job import job, run_main
from tokenmill.tokenization.run import tokenize


def main() -> None:
    """Tokenize as a stage."""
    params = load_params()
    settings = params.tokenize
    inputs = {"clean": Path("data/clean")}
    outs = {"tokens": Path("data/tokens"), "metrics": Path("data/metrics/tokenize.json")}
    with job("tokenize", settings=settings.model_dump(), inputs=inputs, outs=outs) as this:
        workers = params.runtime.workers
        this.write_metrics(tokenize(inputs["clean"], this.out["tokens"], settings, workers=workers))


if __name__ == "__main__":
    run_main(main)
