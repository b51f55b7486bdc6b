"""A fine-tuned model's headline figure over several seeds, beside its rivals.

``python -m benchmarks.seeds NAME --seeds 1 2 3 [--set KEY=VALUE ...]``: NAME is an entry of ``finetune`` and
of ``evaluate``; ``--set`` changes its settings. It needs data/clean and the model that it starts from, as
``dvc repro`` leaves them. Nothing in the project is changed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]


def figures(name: str, seed: int, folder: Path, changes: Sequence[str]) -> dict[str, float]:
    """The headline figure of one seed and those of its rivals, trained and measured in ``folder``."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    settings = params["finetune"][name]
    for change in changes:
        key, _, value = change.partition("=")
        settings[key] = yaml.load(value)
    settings["seed"] = seed
    for path in ("data/clean", settings["init_from"]):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(ROOT / path)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    for stage in ("finetune", "evaluate"):
        command = [sys.executable, "-m", f"stages.{stage}", name]
        subprocess.run(command, cwd=folder, env=environment, check=True)
    measured = json.loads((folder / f"data/metrics/evaluate-{name}.json").read_text("utf-8"))
    rivals = measured.pop("rivals")
    return {**measured, **rivals}


def main() -> None:
    """Print the figures by seed, then mean and spread."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(figures(arguments.name, seed, Path(folder), arguments.set))
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
