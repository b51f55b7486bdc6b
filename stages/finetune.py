"""finetune NAME: fine-tune a model for a task, and beside it the same from random weights as a control."""

from pathlib import Path

from stages.params import chosen, load_params
from tokenmill.jobs.job import job, run_main
from tokenmill.tasks.finetune import finetune


def main() -> None:
    """Run the stage for one entry of ``finetune`` in params.yaml."""
    params = load_params()
    name, settings = chosen("finetune", params.finetune)
    inputs = {"clean": Path("data/clean"), "init_from": Path(settings.init_from)}
    outs = {
        "model": Path(f"data/models/{name}"),  # the control stands in it, in the folder `control`
        "metrics": Path(f"data/metrics/finetune-{name}.json"),
        "curve": Path(f"data/plots/finetune-{name}.csv"),
    }
    with job(
        f"finetune@{name}",
        settings=lambda: load_params().finetune[name],
        inputs=inputs,
        outs=outs,
        processes=params.runtime.devices * params.runtime.nodes,
        tracked=params.behind(name),
    ) as this:
        finetune(name, settings, inputs["clean"], inputs["init_from"], this, params.runtime)


if __name__ == "__main__":
    run_main(main)
