"""``python -m stages.finetune TASK``: TASK is a key of ``finetune`` in params.yaml."""

import sys
from pathlib import Path

from stages.params import load_params
from tokenmill.core.errors import UserError
from tokenmill.jobs.job import job, run_main
from tokenmill.tasks.finetune import finetune


def main() -> None:
    """Fine-tune for one task as a stage."""
    params = load_params()
    task = sys.argv[1] if len(sys.argv) == 2 else ""
    if task not in params.finetune:
        raise UserError(f"python -m stages.finetune TASK: give one of {', '.join(sorted(params.finetune))}")
    settings = params.finetune[task]
    inputs = {"clean": Path("data/clean"), "base": Path(settings.init_from)}
    outs = {
        "model": Path(f"data/models/{task}"),
        "control": Path(f"data/models/{task}-control"),
        "metrics": Path(f"data/metrics/finetune-{task}.json"),
        "curve": Path(f"data/plots/finetune-{task}.csv"),
    }
    with job(f"finetune@{task}", settings=settings.model_dump(), inputs=inputs, outs=outs) as this:
        finetune(task, settings, inputs["clean"], inputs["base"], this, params.runtime)


if __name__ == "__main__":
    run_main(main)
