"""``kill -9`` of a training at random moments, the same command again: does it end with the same bytes?

``python -m benchmarks.kill.training`` after ``dvc repro tokenize``: a model of params.yaml at its own size,
trained for a few epochs on the first documents of its shards, once whole and once killed at 20 random moments
of its start, its steps, its validations and its checkpoints. All outs are compared.

A life is counted in checkpoints, of which there is one after each step, and not in seconds: the process is
killed between two of them however fast the machine is.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages import pretrain
from tokenmill.core.splits import Split
from tokenmill.jobs.job import run_main
from tokenmill.text.shards import open_split, read_manifest, write_manifest, write_split
from tokenmill.text.special import SpecialTokens
from tokenmill.training.callbacks import SaveAndStop
from tokenmill.training.record import RECORD

ROOT = Path(__file__).resolve().parents[2]
OUTS = ("models", "metrics", "plots")
EVERY_STEP = 1e-6
"""Seconds between checkpoints that are over after each step."""

# Torch, Lightning and MLflow are imported once, by the server that all runs are forked from.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["stages.pretrain", "mlflow"])


@dataclass(frozen=True)
class Life:
    """When a process ends: at a moment after so many checkpoints."""

    checkpoints: int
    later: float
    """In times between two checkpoints; of a life without any in seconds."""

    def begin(self) -> None:
        """Have this process end like that; a third checkpoint after those is not begun."""
        save = SaveAndStop.save
        written, mark = 0, time.monotonic()

        def save_and_count(saving: SaveAndStop, trainer: Any) -> None:
            nonlocal written, mark
            if written >= self.checkpoints + 2:
                time.sleep(60)  # the end is near
            save(saving, trainer)
            written, before, mark = written + 1, mark, time.monotonic()
            if written == self.checkpoints:
                _kill_in(self.later * (mark - before))

        SaveAndStop.save = save_and_count  # type: ignore[method-assign]
        if not self.checkpoints:
            _kill_in(self.later)


def _kill_in(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()


def start(folder: Path, model: str, life: Life | None = None) -> BaseProcess:
    """``python -m stages.pretrain MODEL`` in a project's folder; what it prints goes to output.txt there."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # the server imports MLflow
    (folder / "output.txt").write_text("")
    process = CONTEXT.Process(target=_stage, args=(folder, model, life))
    process.start()
    return process


def _stage(folder: Path, model: str, life: Life | None) -> None:
    os.chdir(folder)
    os.environ["DVC_ROOT"] = str(folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "output.txt").open("w") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    sys.argv = ["stages.pretrain", model]
    if life is not None:
        life.begin()
    run_main(pretrain.main)


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
    second after them; one in five for part of its first second. Returns what each of them had printed.

    Raises:
        RuntimeError: a process ended by itself.
    """
    chance, outputs = random.Random(seed), []
    for _ in range(kills):
        life = Life(0 if chance.random() < 0.2 else chance.randint(2, longest), 2 * chance.random())
        process = start(folder, model, life)
        process.join()
        outputs.append((folder / "output.txt").read_text("utf-8"))
        if process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"it ended before it was killed; train for more steps\n{outputs[-1]}")
    return outputs


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
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    params["pretrain"][model].update(tokens=None, epochs=epochs)
    params["runtime"].update(threads=threads, checkpoint_every_seconds=EVERY_STEP)
    place = Path("data/tokens") / params["pretrain"][model]["tokenizer"]
    source, target = ROOT / place, folder / place
    manifest = read_manifest(source)
    sizes: dict[Split, int] = {"train": tokens, "validation": tokens // 10}
    splits: dict[Split, dict[str, Any]] = {}
    for split, size in sizes.items():
        known = open_split(source, split)
        documents: list[Any] = []
        for document in known.each_document():
            if sum(map(len, documents)) >= size:
                break
            documents.append(document)
        entry = write_split(target, split, "some", documents, vocab_size=manifest["vocab_size"])
        splits[split] = {**entry, "bytes": round(known.text_bytes * entry["tokens"] / known.tokens)}
    for file in source.glob("*.json"):
        shutil.copy(file, target)
    write_manifest(
        target,
        name=manifest["name"],
        fingerprint=manifest["tokenizer"],
        vocab_size=manifest["vocab_size"],
        sources={"some": splits},
        ancestry={**manifest["ancestry"], "raw": {"some": manifest["ancestry"]["raw"]}},
        special=SpecialTokens.from_json(manifest["special"]),
    )
    shutil.copytree(ROOT / "data/init", folder / "data/init")
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def main() -> None:
    """Print how often it was killed and went on, and whether the bytes are the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill.training", description=__doc__)
    parser.add_argument("--model", default="gpt")
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
        record = json.loads((whole / f"data/models/{arguments.model}/{RECORD}").read_text("utf-8"))
        longest = max(2, round(1.4 * record["steps"] / arguments.kills))
        print(f"{record['steps']} steps, {record['epochs']} epochs", flush=True)
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
