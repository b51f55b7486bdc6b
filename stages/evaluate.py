"""``python -m stages.evaluate``."""

from pathlib import Path

from stages.params import load_params
from tokenmill.evaluation.run import evaluate
from tokenmill.jobs.job import job, run_main

INPUTS = {
    "clean": Path("data/clean"),
    "tokens": Path("data/tokens"),
    "gpt": Path("data/models/gpt"),
    "bert": Path("data/models/bert"),
    "t5": Path("data/models/t5"),
    "sentiment": Path("data/models/sentiment"),
    "control": Path("data/models/sentiment-control"),
    "curve_gpt": Path("data/plots/pretrain-gpt.csv"),
    "curve_bert": Path("data/plots/pretrain-bert.csv"),
    "curve_t5": Path("data/plots/pretrain-t5.csv"),
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

        from tokenmill.core.threads import compute_threads

        torch.set_num_threads(compute_threads(params.runtime.threads))
        this.write_metrics(evaluate(INPUTS, this.out, settings, this.digests))


if __name__ == "__main__":
    run_main(main)
