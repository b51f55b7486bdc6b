"""Training a gpt of 124M parameters on one GPU beside nanoGPT and ``transformers``' Trainer, in bfloat16.

``python -m benchmarks.gpu --nanogpt FOLDER``: tokens a second and model FLOP utilisation. FOLDER is a clone
of nanoGPT, which runs with its own defaults, compiled; the Trainer needs ``accelerate``. Shape: 12 layers x
768, 12 heads, context 1,024, vocabulary 50,304, 480 rows a step, of which 12 (nanoGPT's own) or 48 at a time.
The tokens are random: that changes nothing of the speed, and nothing is learned. Without a GPU it ends with
status 2.
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.train.products import product_rate
from benchmarks.train.settings import Settings
from benchmarks.train.side import SideFailed, run_side

GPT = Settings(
    objective="causal",
    shape={"layers": 12, "width": 768, "heads": 12, "context": 1024},
    steps=8,
    rows=480,
    learning_rate=6e-4,
    threads=8,
    vocab_size=50304,
    device="cuda",
)
AT_ONCE = (12, 48)
PEAKS = {
    "NVIDIA A100": 312e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA H100 80GB HBM3": 989.4e12,
    "NVIDIA H200 NVL": 835e12,
    "NVIDIA H200": 989.4e12,
}
"""FLOP/s of dense bfloat16 products by the beginning of a GPU's name (NVIDIA's data sheets, which state twice
that, with sparsity, from Hopper on)."""


def peak(device: str) -> float | None:
    """FLOP/s that the maker states for a GPU of this name, if it is in the table."""
    named = [name for name in PEAKS if device.startswith(name)]
    return PEAKS[max(named, key=len)] if named else None


def rows_of_table(
    sides: Iterable[str], at_once: Iterable[int], settings: Settings, peak: float
) -> Iterator[str]:
    """Train each side with each number of rows at a time; a line each, as soon as it is there.

    ``peak``: FLOP/s that count as full utilisation. FLOPs are those of the model's matrix products and of
    attention over all pairs of positions (:mod:`tokenmill.pretraining.flops`), the same for all sides.
    """
    from tokenmill.pretraining.flops import flops_per_token

    per_token = flops_per_token(settings.config(settings.vocab_size))
    yield f"{'':9} rows at a time   tokens/s  TFLOP/s  utilisation"
    for side in sides:
        for rows in at_once:
            try:
                run = run_side(side, dataclasses.replace(settings, rows_at_once=rows))
            except SideFailed as error:
                yield f"{side:9} {rows:14}  {str(error).strip().splitlines()[-1]}"
                continue
            rate = run["tokens_per_second"]
            flops = per_token * rate
            yield f"{side:9} {rows:14} {rate:10,.0f} {flops / 1e12:8.3g} {flops / peak:12.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--nanogpt", type=Path, help="clone of nanoGPT")
    arguments = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("python -m benchmarks.gpu: this machine has no GPU that torch can use", file=sys.stderr)
        raise SystemExit(2)
    name = torch.cuda.get_device_name()
    plain = product_rate(GPT.shape, GPT.vocab_size, tokens=1 << 15, dtype="bfloat16", device="cuda")
    stated = peak(name)
    print(f"{name}: plain bfloat16 products at these shapes {plain / 1e12:.0f} TFLOP/s")
    against = (
        f"{stated / 1e12:.1f} TFLOP/s by its data sheet" if stated else "those products: no stated peak known"
    )
    print(f"utilisation is of {against}")
    settings = dataclasses.replace(GPT, nanogpt=str(arguments.nanogpt.resolve()) if arguments.nanogpt else "")
    sides = ["ours", *(["nanogpt"] if arguments.nanogpt else []), "trainer"]
    for line in rows_of_table(sides, AT_ONCE, settings, stated or plain):
        print(line, flush=True)


if __name__ == "__main__":
    main()
