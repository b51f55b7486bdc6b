"""``kill -9`` at random moments, the same command again each time: does the run end with the same bytes?

``python -m benchmarks.kill`` after ``dvc repro tokenize``: a model of params.yaml at its own size, trained
for a few epochs on the first documents of data/tokens, once whole and once killed at 20 random moments of its
start, its steps, its validations and its checkpoints. All outs are compared.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTS = ("models", "metrics", "plots")

# Torch, Lightning and MLflow are imported once, by the server that all runs are forked from.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["stages.pretrain.__main__", "tokenmill.training.fit", "tokenmill.pretraining.language", "mlflow"]
)


def start(folder: Path, model: str) -> BaseProcess:
    """``python -m stages.pretrain MODEL`` in a project's folder; what it prints goes to output.txt there."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # the server imports MLflow
    process = CONTEXT.Process(target=_stage, args=(folder, model))
    process.start()
    return process


def _stage(folder: Path, model: str) -> None:
    from stages.pretrain.__main__ import main
    from tokenmill.jobs.job import run_main

    os.chdir(folder)
    os.environ["DVC_ROOT"] = str(folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "output.txt").open("w") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    sys.argv = ["stages.pretrain", model]
    run_main(main)


def train(folder: Path, model: str) -> str:
    """Run the stage to its end; returns what it printed.

    Raises:
        RuntimeError: it failed.
    """
    process = start(folder, model)
    process.join()
    output = (folder / "output.txt").read_text("utf-8")
    if process.exitcode != 0:
        raise RuntimeError(output)
    return output


def kill(folder: Path, model: str, kills: int, *, longest: int, seed: int) -> list[str]:
    """Start the stage and kill it, again and again.

    A process lives for a random number of checkpoints, from 2 to ``longest``, and part of the time to the
    next; one in five for part of its first second. Returns what each of them had printed.

    Raises:
        RuntimeError: a process ended by itself.
    """
    chance, outputs = random.Random(seed), []
    for _ in range(kills):
        (folder / "output.txt").write_text("")
        process, stands = start(folder, model), _checkpoint(folder, model)
        written, mark, gap = 0, time.monotonic(), 1.0
        lifetime = 0 if chance.random() < 0.2 else chance.randint(2, longest)
        while written < lifetime and process.is_alive():
            time.sleep(0.001)
            if (now := _checkpoint(folder, model)) != stands:
                stands, written = now, written + 1
                mark, gap = time.monotonic(), time.monotonic() - mark
        process.join(chance.uniform(0, gap))
        process.kill()
        process.join()
        outputs.append((folder / "output.txt").read_text("utf-8"))
        if process.exitcode != -9:
            raise RuntimeError(f"it ended before it was killed; train for longer\n{outputs[-1]}")
    return outputs


def _checkpoint(folder: Path, model: str) -> dict[str, int]:
    """When each checkpoint was written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.glob(f".work/pretrain@{model}/*/last.ckpt")}


def outs(folder: Path) -> dict[str, bytes]:
    """The bytes of all published files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for out in OUTS
        for path in sorted((folder / "data" / out).rglob("*"))
        if path.is_file()
    }


def write_project(folder: Path, model: str, *, tokens: int, epochs: float, threads: int) -> None:
    """A project with the first ``tokens`` training tokens of this one, and a tenth of that to validate."""
    from ruamel.yaml import YAML

    from tokenmill.core.splits import Split
    from tokenmill.text.shards import open_split, read_manifest, write_manifest, write_split

    source, target = ROOT / "data/tokens", folder / "data/tokens"
    manifest = read_manifest(source)
    target.mkdir(parents=True)
    shutil.copy(source / "tokenizer.json", target)
    sizes: dict[Split, int] = {"train": tokens, "validation": tokens // 10}
    splits: dict[str, dict[str, Any]] = {}
    for split, size in sizes.items():
        known = open_split(source, split)
        documents: list[Any] = []
        for document in known.each_document():
            if sum(map(len, documents)) >= size:
                break
            documents.append(document)
        taken = sum(map(len, documents))
        splits[split] = {
            "shards": write_split(target, split, documents, vocab_size=manifest["vocab_size"]),
            "tokens": taken,
            "documents": len(documents),
            "bytes": round(known.text_bytes * taken / known.tokens),
        }
    write_manifest(
        target,
        fingerprint=manifest["tokenizer"],
        vocab_size=manifest["vocab_size"],
        splits=splits,
        ancestry=manifest["ancestry"],
    )
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    params["pretrain"][model].update(tokens=None, epochs=epochs)
    params["runtime"].update(threads=threads, checkpoint_every_seconds=0.001)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def main() -> None:
    """Print how often it was killed and went on, and whether the bytes are the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill", description=__doc__)
    parser.add_argument("--model", default="bert")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=60_000, help="of the training split")
    parser.add_argument("--epochs", type=float, default=3.5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        whole, killed = (Path(name, part) for part in ("whole", "killed"))
        for folder in (whole, killed):
            write_project(
                folder,
                arguments.model,
                tokens=arguments.tokens,
                epochs=arguments.epochs,
                threads=arguments.threads,
            )
        train(whole, arguments.model)
        metrics = json.loads((whole / f"data/metrics/pretrain-{arguments.model}.json").read_text("utf-8"))
        longest = max(2, round(1.4 * metrics["steps"] / arguments.kills))
        print(f"{metrics['steps']} steps, {metrics['epochs']} epochs", flush=True)
        outputs = kill(killed, arguments.model, arguments.kills, longest=longest, seed=arguments.seed)
        outputs.append(train(killed, arguments.model))
        for output in outputs:
            print(next((line for line in output.splitlines() if "continues at" in line), "from the start"))
        same = outs(whole) == outs(killed)
        verdict = "the same" if same else "OTHER"
        print(f"killed {arguments.kills} times, {arguments.threads} threads: {verdict} bytes")
        raise SystemExit(not same)


if __name__ == "__main__":
    main()
