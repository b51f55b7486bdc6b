"""Sentiment over several seeds: fine-tuned, from-scratch control and TF-IDF on the same test split.

``python -m benchmarks.seeds --seeds 1 2 3`` after ``dvc repro``. Each seed runs the real finetune stage in a
folder of its own, on the encoder and the clean data that stand in data/; the encoder's own seed stays.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
TASK = "sentiment"


def accuracies(seed: int, folder: Path, changes: Sequence[str]) -> dict[str, float]:
    """Test accuracy of each model of one seed; ``changes`` are ``key=value`` under finetune.sentiment."""
    from tokenmill.evaluation.classification import evaluate_sentiment

    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    settings = params["finetune"][TASK]
    for change in changes:
        key, _, value = change.partition("=")
        settings[key] = yaml.load(value)
    settings["seed"] = seed
    (folder / "data/models").mkdir(parents=True)
    (folder / "data/clean").symlink_to(ROOT / "data/clean")
    base = Path(settings["init_from"])
    (folder / base).parent.mkdir(parents=True, exist_ok=True)
    (folder / base).symlink_to(ROOT / base)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    subprocess.run([sys.executable, "-m", "stages.finetune", TASK], cwd=folder, env=environment, check=True)
    models = folder / "data/models"
    result = evaluate_sentiment(
        folder / "data/clean",
        settings["source"],
        {"sentiment": models / TASK, "control": models / f"{TASK}-control"},
    )
    metrics = result.metrics
    return {
        "fine-tuned": metrics["accuracy"],
        "control": metrics["control"]["accuracy"],
        "TF-IDF": metrics["tfidf"]["accuracy"],
    }


def main() -> None:
    """Print accuracy by seed, then mean and spread."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", help="finetune.sentiment settings"
    )
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(accuracies(seed, Path(folder), arguments.set))
        print(
            f"seed {seed}: " + "  ".join(f"{name} {value:.4f}" for name, value in rows[-1].items()),
            flush=True,
        )
    for name in rows[0]:
        values = [row[name] for row in rows]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{name}: mean {statistics.mean(values):.4f}, standard deviation {spread:.4f}, n {len(values)}")


if __name__ == "__main__":
    main()
