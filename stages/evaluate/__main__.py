"""``python -m stages.evaluate``."""

import os
from pathlib import Path

from stages.evaluate.run import evaluate
from stages.job import job, run_main
from stages.params import load_params

INPUTS = {
    "clean": Path("data/clean"),
    "tokens": Path("data/tokens"),
    "gpt": Path("data/models/gpt"),
    "bert": Path("data/models/bert"),
    "sentiment": Path("data/models/sentiment"),
    "control": Path("data/models/sentiment-control"),
    "curve_gpt": Path("data/plots/pretrain-gpt.csv"),
    "curve_bert": Path("data/plots/pretrain-bert.csv"),
}
OUTS = {
    "evaluation": Path("data/evaluation"),
    "metrics": Path("data/metrics/evaluate.json"),
    "confusion": Path("data/plots/confusion.csv"),
    "calibration": Path("data/plots/calibration.csv"),
}


def main() -> None:
    """Evaluate as a stage."""
    params = load_params()
    settings = params.evaluate
    with job("evaluate", settings=settings.model_dump(), inputs=INPUTS, outs=OUTS) as this:
        import torch

        torch.set_num_threads(params.runtime.threads or os.cpu_count() or 1)
        this.write_metrics(evaluate(INPUTS, this.out, settings, this.digests))


if __name__ == "__main__":
    run_main(main)
