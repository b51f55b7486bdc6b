"""``python -m stages.pretrain MODEL``: MODEL is a key of ``pretrain`` in params.yaml."""

import sys
from pathlib import Path

from stages.params import load_params
from tokenmill.core.errors import UserError
from tokenmill.jobs.job import job, run_main
from tokenmill.pretraining.pretrain import pretrain


def main() -> None:
    """Train one model as a stage."""
    params = load_params()
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in params.pretrain:
        raise UserError(f"python -m stages.pretrain MODEL: give one of {', '.join(sorted(params.pretrain))}")
    settings = params.pretrain[name]
    inputs = {"tokens": Path("data/tokens")}
    outs = {
        "model": Path(f"data/models/{name}"),
        "metrics": Path(f"data/metrics/pretrain-{name}.json"),
        "curve": Path(f"data/plots/pretrain-{name}.csv"),
    }
    with job(f"pretrain@{name}", settings=settings.model_dump(), inputs=inputs, outs=outs) as this:
        pretrain(name, settings, inputs["tokens"], this, params.runtime)


if __name__ == "__main__":
    run_main(main)
