"""What products of a training are computed in, by the kind of processor.

Never by a timing of the moment: one kind of machine always decides alike.
"""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


def chosen_precision(wanted: Literal["auto", "float32", "bfloat16"]) -> Precision:
    """``wanted``, or for auto bfloat16 where this machine's products are much faster in it."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        pays = torch.cuda.is_bf16_supported()
    else:
        pays = bfloat16_pays(torch.cpu.get_capabilities(), vendor())
    return "bfloat16" if pays else "float32"


def bfloat16_pays(has: Mapping[str, object], vendor: str) -> bool:
    """Whether a CPU's products are much faster in bfloat16 than in float32.

    That is true of those with AMX (on an Intel Xeon 3 to 8 times float32's rate), and of AMD's with
    AVX512-BF16 (Zen 5: 4.5 times). Intel's AVX512-BF16 without AMX has 0.6 times float32's rate
    (docs/experiments.md).

    Args:
        has: its instruction sets, as ``torch.cpu.get_capabilities`` names them.
        vendor: of the CPU.
    """
    return bool(has.get("amx_bf16") or (has.get("avx512_bf16") and vendor == "AuthenticAMD"))


def vendor() -> str:
    """Of the CPU, in the words of its CPUID instruction; empty where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("vendor_id"):
                return line.partition(":")[2].strip()
    *_, last = ["", *platform.processor().split()]  # on Windows: "..., AuthenticAMD"
    return last
