"""Training beside nanoGPT and ``transformers``' Trainer: same text, same shape, same measure, one run.

``python -m benchmarks.train --nanogpt FOLDER`` after ``dvc repro``. FOLDER is a clone of nanoGPT; the Trainer
needs ``accelerate``. Shape: 4 layers x 256 (T5: and 4 in the decoder), 4 heads, context 256, 16 rows a step,
vocabulary of data/tokens. Tokens a second are compared at this; otherwise ours takes 8 rows a step, as many
tokens as in params.yaml.

The first peer trains ``--steps`` steps; its last loss is the target. Then every side trains for as long as
that took, or for ``--minutes``, each by its own clock, with its schedule's end at its own end. ``1/8``: ours
in an eighth of the target's time, for the time until the target, and beside it with random weights to begin
with. ``bare`` is our task in a loop without Lightning. Of masked LM and span corruption only hidden tokens go
through our output layer, all tokens of BERT and those of the answer of T5 through theirs. Our products are
computed in ``--precision``, those of the peers in ``--peers-precision``.

``--curves FILE`` keeps the curves as CSV, ``--plot FILE`` draws them as SVG.
"""

import argparse
import csv
import math
import statistics
from pathlib import Path
from typing import Any

from benchmarks.train import picture
from benchmarks.train.products import product_rate
from benchmarks.train.settings import Settings
from benchmarks.train.side import ROOT, SideFailed, run_side

SHAPE = {"layers": 4, "width": 256, "heads": 4, "context": 256}
ROWS = 16
PEER_RATE = 1e-3
"""AdamW's learning rate of nanoGPT's small settings."""
OUR_RATE, OUR_ROWS = 0.02, 8
"""Of params.yaml: 2,048 tokens a step."""
OUR_START = {"causal": "bigrams", "masked": "random", "span-corruption": "random"}
"""The weights to begin with, of params.yaml too. What counting takes is part of the time."""
POINTS = 30
TIMED = 8
"""Steps of a run that is for its speed alone."""
PEERS = {"causal": ["nanogpt", "trainer"], "masked": ["trainer"], "span-corruption": ["trainer"]}
MEASURE = {"causal": "bits_per_byte", "masked": "accuracy", "span-corruption": "accuracy"}
"""What stands beside the loss."""

Run = dict[str, Any]


class Comparison:
    """Runs the sides one after the other; ``rates`` are tokens a second, ``runs`` by name."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.peers = [peer for peer in PEERS[arguments.objective] if peer != "nanogpt" or arguments.nanogpt]
        self.rates: dict[str, float] = {}
        self.runs: dict[str, Run] = {}

    def train(self, side: str, steps: int, *, rows: int = ROWS, points: int = POINTS, **more: Any) -> Run:
        """One side in a process of its own; it says what it does, for this takes long."""
        more.setdefault("start", OUR_START[self.arguments.objective])
        print(f"... {side}, {steps} steps of {rows} rows", flush=True)
        run = run_side(
            side,
            Settings(
                objective=self.arguments.objective,
                shape=SHAPE,
                steps=steps,
                rows=rows,
                learning_rate=PEER_RATE if side in self.peers else OUR_RATE,
                threads=self.arguments.threads,
                tokens=str(self.arguments.tokens.resolve()),
                points=points,
                nanogpt=str(self.arguments.nanogpt or ""),
                precision=self.arguments.peers_precision if side in self.peers else self.arguments.precision,
                **more,
            ),
        )
        for point in run["curve"][-1:]:
            print(f"    {point['loss']:.3f} nats after {point['seconds']:.1f} s", flush=True)
        return run

    def run(self) -> None:
        """Fill ``rates`` and ``runs``; the target is the last point of the first of these."""
        # Alternating, so that a machine that slows down slows both.
        pairs = [[self.train(side, TIMED, points=0) for side in ("ours", "bare")] for _ in range(3)]
        for side, timed in zip(("ours", "bare"), zip(*pairs, strict=True), strict=True):
            self.rates[side] = statistics.median(one["tokens_per_second"] for one in timed)
        self.start = pairs[-1][0]["start"]
        step = self.train("ours", TIMED, rows=OUR_ROWS, points=0)["step"]

        first, minutes = self.peers[0], self.arguments.minutes
        target = self.train(first, self.arguments.steps)
        seconds = 60 * minutes if minutes else target["curve"][-1]["seconds"]
        self.runs[f"{first}, {self.arguments.steps} steps" if minutes else first] = target
        self.rates[first] = target["tokens_per_second"]
        for peer in self.peers if minutes else self.peers[1:]:
            timed = target if peer == first else self.train(peer, TIMED, points=0)
            self.runs[peer] = self.train(peer, max(1, round(seconds / timed["step"])))
            self.rates[peer] = self.runs[peer]["tokens_per_second"]
        self.runs["ours"] = self._ours(seconds, step)
        self.runs["ours, 1/8"] = self._ours(target["curve"][-1]["seconds"] / 8, step)
        if self.arguments.objective == "causal":
            run = self._ours(target["curve"][-1]["seconds"] / 8, step, start="random")
            self.runs["ours, 1/8, random"] = run

    def _ours(self, seconds: float, step: float, **more: Any) -> Run:
        return self.train("ours", max(1, round(seconds / step)), rows=OUR_ROWS, **more)

    def table(self) -> list[str]:
        """The lines to print."""
        from tokenmill.training.precision import chosen_precision
        from tokenmill.training.record import device_name

        objective, threads = self.arguments.objective, self.arguments.threads
        name, run = next(iter(self.runs.items()))
        target, measure = run["curve"][-1], MEASURE[objective]
        goal = f"seconds to {target['loss']:.3f}"
        lines = [
            f"{device_name()}; ours in {chosen_precision(self.arguments.precision)}, "
            f"peers in {self.arguments.peers_precision}",
            f"{objective}, {threads} threads; {name} ends at {target['loss']:.3f} nats",
            f"{'':19} tokens/s  ratio     tokens seconds   loss {measure.replace('_', ' '):>13} "
            f"{goal:>17}  ratio",
        ]
        for name, run in self.runs.items():
            rate, last = self.rates[name.partition(",")[0]], run["curve"][-1]
            reached = when_below(run, target["loss"])
            lines.append(
                f"{name:19} {rate:8,.0f} {rate / self.rates[self.peers[0]]:6.2f} {last['tokens']:10,} "
                f"{last['seconds']:7.1f} {last['loss']:6.3f} {last[measure]:13.3f} "
                f"{reached:17.1f} {target['seconds'] / reached:6.1f}"
            )
        over = self.rates["bare"] / self.rates["ours"] - 1
        lines.append(f"Lightning, guards and checkpoints: {over:.1%} over the bare loop")
        lines.append(f"from the start of the process to the first step: {self.start:.1f} s")
        return [*lines, *self._shares()] if objective == "causal" else lines

    def _shares(self) -> list[str]:
        """Our FLOP/s beside those of plain products."""
        import torch

        from tokenmill.pretraining.flops import flops_per_token
        from tokenmill.text.shards import read_manifest

        torch.set_num_threads(self.arguments.threads)
        vocabulary = read_manifest(self.arguments.tokens)["vocab_size"]
        config = Settings("causal", SHAPE, 1, ROWS, OUR_RATE, 1, start=OUR_START["causal"]).config(vocabulary)
        reached = flops_per_token(config) * self.rates["ours"] / 1e9
        lines = []
        for dtype in ("float32", "bfloat16"):
            tokens = ROWS * SHAPE["context"]
            plain = product_rate(SHAPE, vocabulary, tokens=tokens, dtype=dtype, device="cpu") / 1e9
            lines.append(
                f"{reached:.0f} GFLOP/s, {reached / plain:.0%} of plain {dtype} products ({plain:.0f})"
            )
        return lines


def when_below(run: Run, loss: float) -> float:
    """Seconds of training until the validation loss was measured at ``loss`` or below; nan: never."""
    return next((point["seconds"] for point in run["curve"] if point["loss"] <= loss), math.nan)


def write_curves(runs: dict[str, Run], measure: str, path: Path) -> None:
    """All points of all runs as CSV; ``measure`` beside the loss."""
    columns = ("step", "tokens", "seconds", "loss", measure)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("side", *columns))
        for name, run in runs.items():
            for point in run["curve"]:
                writer.writerow((name, *(round(point[column], 4) for column in columns)))


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--nanogpt", type=Path, help="clone of nanoGPT")
    parser.add_argument("--tokens", type=Path, default=ROOT / "data/tokens")
    parser.add_argument("--objective", choices=list(PEERS), default="causal")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--minutes", type=float, help="how long every side trains")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--peers-precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--curves", type=Path, help="CSV file to write")
    parser.add_argument("--plot", type=Path, help="SVG file to write")
    arguments = parser.parse_args()
    if arguments.nanogpt is not None:
        arguments.nanogpt = arguments.nanogpt.resolve()
    comparison = Comparison(arguments)
    try:
        comparison.run()
    except SideFailed as error:
        raise SystemExit(str(error)) from None
    measure = MEASURE[arguments.objective]
    if arguments.curves:
        write_curves(comparison.runs, measure, arguments.curves)
    if arguments.plot:
        picture.draw(comparison.runs, measure, arguments.plot)
    print("\n".join(comparison.table()))


if __name__ == "__main__":
    main()
