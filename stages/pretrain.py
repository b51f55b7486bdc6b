"""pretrain NAME: train a language model on token shards, from fresh weights or from another model's."""

from pathlib import Path

from stages.params import chosen, load_params
from tokenmill.jobs.job import job, run_main
from tokenmill.pretraining.pretrain import pretrain


def main() -> None:
    """Run the stage for one entry of ``pretrain`` in params.yaml."""
    params = load_params()
    name, settings = chosen("pretrain", params.pretrain)
    inputs = {"tokens": Path(f"data/tokens/{settings.tokenizer}"), "init_from": Path(settings.init_from)}
    outs = {
        "model": Path(f"data/models/{name}"),
        "metrics": Path(f"data/metrics/pretrain-{name}.json"),
        "curve": Path(f"data/plots/pretrain-{name}.csv"),
    }
    with job(
        f"pretrain@{name}",
        settings=lambda: load_params().pretrain[name],
        inputs=inputs,
        outs=outs,
        processes=params.runtime.devices * params.runtime.nodes,
        tracked=params.behind(name),
    ) as this:
        pretrain(name, settings, inputs["tokens"], this, params.runtime)


if __name__ == "__main__":
    run_main(main)
