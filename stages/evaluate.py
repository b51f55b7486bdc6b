"""evaluate NAME: one model on held-out test data, by its kind, beside its baselines and its control."""

from pathlib import Path

from stages.params import chosen, load_params
from tokenmill.evaluation.run import evaluate
from tokenmill.jobs.job import job, run_main


def main() -> None:
    """Run the stage for one entry of ``evaluate`` in params.yaml."""
    params = load_params()
    name, settings = chosen("evaluate", params.evaluate)
    inputs = {"clean": Path("data/clean"), "model": Path(f"data/models/{name}")}
    inputs |= {file: Path(file) for file in settings.files}
    outs = {
        "evaluation": Path(f"data/evaluation/{name}"),
        "metrics": Path(f"data/metrics/evaluate-{name}.json"),
        "calibration": Path(f"data/plots/calibration-{name}.csv"),
    }
    with job(
        f"evaluate@{name}", settings=lambda: load_params().evaluate[name], inputs=inputs, outs=outs
    ) as this:
        evaluate(name, settings, inputs["clean"], inputs["model"], this, params.runtime)


if __name__ == "__main__":
    run_main(main)
