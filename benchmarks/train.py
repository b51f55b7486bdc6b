"""Training beside nanoGPT and ``transformers``' Trainer: same text, same shape, same measure, one run.

``python -m benchmarks.train --nanogpt FOLDER`` after ``dvc repro``. FOLDER is a clone of nanoGPT; the Trainer
needs ``accelerate``. Shape: 4 layers x 256, 4 heads, context 256, 16 rows a step, vocabulary of data/tokens.

First table: the peers train ``--steps`` steps of 4,096 tokens, ours until it is below their loss; tokens a
second, and the time to nanoGPT's last validation loss (to the Trainer's for other objectives than causal).
``bare`` is our task in a loop without Lightning. Second table, with ``--minutes``: everyone trains as long,
on a schedule made for that time; ``--curves FILE`` keeps the curves as CSV.
"""

import argparse
import csv
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.train_run import SHAPE

ROOT = Path(__file__).resolve().parents[1]
PEER_RATE = 1e-3
"""AdamW's learning rate of nanoGPT's small settings."""
OUR_RATE, OUR_ROWS, OUR_SHARE = 0.02, 8, 0.5
"""Of params.yaml; and the share of the peers' tokens that ours is planned for in the first table."""
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


def ours_settings(arguments: argparse.Namespace, start: str, tokens: float) -> dict[str, Any]:
    """Our own recipe for a budget of tokens."""
    steps = max(1, round(tokens / OUR_ROWS / CONTEXT))
    return {"steps": steps, "rows": OUR_ROWS, "learning_rate": OUR_RATE, "start": start}


def starts(objective: str) -> list[str]:
    """The ways in which ours begins."""
    return ["bigrams", "random"] if objective == "causal" else ["random"]


def when_below(run: dict[str, Any], loss: float) -> float | None:
    """Seconds of training until the validation loss was at most ``loss``."""
    return next((point["seconds"] for point in run["curve"] if point["loss"] <= loss), None)


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


def speed(arguments: argparse.Namespace) -> dict[str, float]:
    """Print the first table; returns tokens a second by side."""
    from lm.flops import flops_per_token
    from lm.model.families import family_config

    peers = [peer for peer in PEERS[arguments.objective] if peer != "nanogpt" or arguments.nanogpt]
    steps = {"steps": arguments.steps, "rows": ROWS, "learning_rate": PEER_RATE}
    runs = {peer: train(peer, arguments, **steps) for peer in peers}
    budget = OUR_SHARE * arguments.steps * ROWS * CONTEXT
    short = {"steps": 12, "rows": ROWS, "learning_rate": OUR_RATE, "points": 1}
    for start in starts(arguments.objective):
        runs[f"ours, {start}"] = train("ours", arguments, **ours_settings(arguments, start, budget))
    # Alternating, so that a machine that slows down slows both.
    pairs = [(train("ours", arguments, **short), train("bare", arguments, **short)) for _ in range(3)]
    rates = {name: ROWS * CONTEXT / run["step"] for name, run in runs.items() if name in peers}
    rates["ours"] = ROWS * CONTEXT / sorted(one["step"] for one, _ in pairs)[1]
    rates["bare"] = ROWS * CONTEXT / sorted(other["step"] for _, other in pairs)[1]

    target = runs[peers[0]]["curve"][-1]
    print(f"{arguments.objective}, {arguments.threads} threads; {peers[0]} ends at {target['loss']:.3f} nats")
    print(f"{'':13} tokens/s  ratio     tokens seconds   loss  seconds to {target['loss']:.3f}  ratio")
    for name, run in runs.items():
        rate, last = rates[name if name in rates else "ours"], run["curve"][-1]
        reached = when_below(run, target["loss"]) or math.nan
        print(
            f"{name:13} {rate:8,.0f} {rate / rates[peers[0]]:6.2f} {last['tokens']:10,} "
            f"{last['seconds']:7.1f} {last['loss']:6.3f} {reached:17.1f} {target['seconds'] / reached:6.1f}"
        )
    print(f"Lightning, guards and checkpoints: {rates['bare'] / rates['ours'] - 1:.1%} over the bare loop")
    print(f"from the start of the process to the first step: {pairs[-1][0]['start']:.1f} s")
    if arguments.objective == "causal":
        config = family_config("small-gpt", vocab_size=8192, **SHAPE)
        reached = flops_per_token(config) * rates["ours"] / 1e9
        for dtype, rate in products(arguments.threads).items():
            print(f"{reached:.0f} GFLOP/s, {reached / rate:.0%} of plain {dtype} products ({rate:.0f})")
    return rates


def equal_time(arguments: argparse.Namespace, rates: dict[str, float]) -> None:
    """Print the second table, and keep its curves."""
    seconds, rows = 60 * arguments.minutes, []
    for name in [*(name for name in rates if name not in ("ours", "bare")), *starts(arguments.objective)]:
        if name in rates:
            steps = round(seconds * rates[name] / ROWS / CONTEXT)
            run = train(name, arguments, steps=steps, rows=ROWS, learning_rate=PEER_RATE)
        else:
            # Steps of half the rows pay for Muon twice as often.
            settings = ours_settings(arguments, name, 0.93 * seconds * rates["ours"])
            run, name = train("ours", arguments, **settings), f"ours, {name}"
        for point in run["curve"]:
            bits = point["loss"] / math.log(2) / run["bytes_per_token"]
            rows.append({"side": name, **point, "bits_per_byte": round(bits, 4)})
        last = rows[-1]
        print(
            f"{name:16} {last['seconds']:7.0f} s {last['tokens']:11,} tokens  {last['loss']:.3f} nats"
            + (f"  {last['bits_per_byte']:.3f} bits per byte" if arguments.objective == "causal" else ""),
            flush=True,
        )
    if arguments.curves:
        with arguments.curves.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--nanogpt", type=Path, help="clone of nanoGPT")
    parser.add_argument("--tokens", type=Path, default=ROOT / "data/tokens")
    parser.add_argument("--objective", choices=list(PEERS), default="causal")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--curves", type=Path)
    arguments = parser.parse_args()
    if arguments.nanogpt is not None:
        arguments.nanogpt = arguments.nanogpt.resolve()
    rates = speed(arguments)
    if arguments.minutes:
        equal_time(arguments, rates)


if __name__ == "__main__":
    main()
