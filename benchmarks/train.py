"""Training beside nanoGPT and ``transformers``' Trainer: same text, same shape, same measure, one run.

``python -m benchmarks.train --nanogpt FOLDER`` after ``dvc repro``. FOLDER is a clone of nanoGPT; the Trainer
needs ``accelerate``. Shape: 4 layers x 256, 4 heads, context 256, 16 rows a step, vocabulary of data/tokens.

The peers train ``--steps`` steps of 4,096 tokens, and ours as long as the first of them: tokens a second, the
validation loss after equal time, and the time until the first peer's last loss. ``bare`` is our task in a
loop without Lightning. ``--curves FILE`` keeps the curves as CSV.
"""

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.train_run import SHAPE

ROOT = Path(__file__).resolve().parents[1]
PEER_RATE = 1e-3
"""AdamW's learning rate of nanoGPT's small settings."""
OUR_RATE, OUR_ROWS = 0.02, 8
"""Of params.yaml."""
SLOWER = 0.93
"""Our tokens a second with OUR_ROWS rows a step, relative to ROWS: Muon runs twice as often."""
ROWS, CONTEXT = 16, SHAPE["context"]
PRODUCTS = ((256, 768, 4), (256, 256, 4), (256, 1024, 4), (1024, 256, 4), (256, 8192, 1))
"""Inputs, outputs and number of the model's matrices."""
PEERS = {"causal": ["nanogpt", "trainer"], "masked": ["trainer"], "span-corruption": ["trainer"]}


def train(side: str, arguments: argparse.Namespace, **settings: Any) -> dict[str, Any]:
    """One side in a process of its own."""
    settings = {
        "tokens": str(arguments.tokens.resolve()), "objective": arguments.objective, "points": 10,
        "threads": arguments.threads, "nanogpt": str(arguments.nanogpt or ""), **settings,
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.train_run", side, json.dumps(settings)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{side} failed:\n{result.stderr[-2000:]}")
    return dict(json.loads(result.stdout.splitlines()[-1]))


def when_below(run: dict[str, Any], loss: float) -> float | None:
    """Seconds of training until the validation loss was at most ``loss``."""
    return next((point["seconds"] for point in run["curve"] if point["loss"] <= loss), None)


def bits(run: dict[str, Any], point: dict[str, float]) -> float:
    """Bits per byte at a point of a causal run's curve; of others, bits a hidden byte."""
    return point["loss"] / math.log(2) / float(run["bytes_per_token"])


def products(threads: int) -> dict[str, float]:
    """GFLOP/s of plain matrix products at the model's shapes, by type: forward and both backward ones."""
    import torch

    torch.set_num_threads(threads)
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        flops, seconds = 0.0, 0.0
        for inputs, outputs, layers in PRODUCTS:
            x, w = torch.randn(ROWS * CONTEXT, inputs, dtype=dtype), torch.randn(outputs, inputs, dtype=dtype)
            g = torch.randn(ROWS * CONTEXT, outputs, dtype=dtype)
            times = []
            for _ in range(4):
                began = time.perf_counter()
                _ = x @ w.T, g @ w, g.T @ x
                times.append(time.perf_counter() - began)
            flops += layers * 6 * x.shape[0] * inputs * outputs
            seconds += layers * min(times)
        rates[str(dtype).removeprefix("torch.")] = flops / seconds / 1e9
    return rates


def compare(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Print the table; returns the runs by side."""
    from lm.flops import flops_per_token
    from lm.model.families import family_config

    peers = [peer for peer in PEERS[arguments.objective] if peer != "nanogpt" or arguments.nanogpt]
    # Alternating, so that a machine that slows down slows both.
    short = {"steps": 12, "rows": ROWS, "learning_rate": OUR_RATE, "points": 1}
    pairs = [(train("ours", arguments, **short), train("bare", arguments, **short)) for _ in range(3)]
    rates = {"ours": ROWS * CONTEXT / statistics.median(one["step"] for one, _ in pairs)}
    rates["bare"] = ROWS * CONTEXT / statistics.median(other["step"] for _, other in pairs)
    steps = {"steps": arguments.steps, "rows": ROWS, "learning_rate": PEER_RATE}
    runs = {peer: train(peer, arguments, **steps) for peer in peers}
    rates |= {peer: ROWS * CONTEXT / run["step"] for peer, run in runs.items()}
    tokens = SLOWER * rates["ours"] * runs[peers[0]]["curve"][-1]["seconds"]
    steps = {"steps": round(tokens / OUR_ROWS / CONTEXT), "rows": OUR_ROWS, "learning_rate": OUR_RATE}
    for start in ["bigrams", "random"] if arguments.objective == "causal" else ["random"]:
        runs[f"ours, {start}"] = train("ours", arguments, **steps, start=start)

    target = runs[peers[0]]["curve"][-1]
    print(f"{arguments.objective}, {arguments.threads} threads; {peers[0]} ends at {target['loss']:.3f} nats")
    goal = f"seconds to {target['loss']:.3f}"
    print(f"{'':13} tokens/s  ratio     tokens seconds   loss bits per byte {goal:>17}  ratio")
    for name, run in runs.items():
        rate, last = rates[name if name in rates else "ours"], run["curve"][-1]
        reached = when_below(run, target["loss"]) or math.nan
        print(
            f"{name:13} {rate:8,.0f} {rate / rates[peers[0]]:6.2f} {last['tokens']:10,} "
            f"{last['seconds']:7.1f} {last['loss']:6.3f} {bits(run, last):13.3f} "
            f"{reached:17.1f} {target['seconds'] / reached:6.1f}"
        )
    print(f"Lightning, guards and checkpoints: {rates['bare'] / rates['ours'] - 1:.1%} over the bare loop")
    print(f"from the start of the process to the first step: {pairs[-1][0]['start']:.1f} s")
    if arguments.objective == "causal":
        config = family_config("small-gpt", vocab_size=8192, **SHAPE)
        reached = flops_per_token(config) * rates["ours"] / 1e9
        for dtype, rate in products(arguments.threads).items():
            print(f"{reached:.0f} GFLOP/s, {reached / rate:.0%} of plain {dtype} products ({rate:.0f})")
    return runs


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--nanogpt", type=Path, help="clone of nanoGPT")
    parser.add_argument("--tokens", type=Path, default=ROOT / "data/tokens")
    parser.add_argument("--objective", choices=list(PEERS), default="causal")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--curves", type=Path)
    arguments = parser.parse_args()
    if arguments.nanogpt is not None:
        arguments.nanogpt = arguments.nanogpt.resolve()
    runs = compare(arguments)
    if arguments.curves:
        with arguments.curves.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("side", "step", "tokens", "seconds", "loss", "bits_per_byte"))
            for name, run in runs.items():
                for point in run["curve"]:
                    figures = (point["seconds"], point["loss"], bits(run, point))
                    writer.writerow((name, point["step"], point["tokens"], *(round(x, 4) for x in figures)))


if __name__ == "__main__":
    main()
