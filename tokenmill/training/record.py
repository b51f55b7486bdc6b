"""What is kept of a training beside the weights: how it went, and its learning curve."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tokenmill.core.files import write_json, write_text
from tokenmill.training.module import TrainingModule

RECORD = "training.json"
"""In the model's folder."""


def write_record(folder: Path, trained: TrainingModule, figures: Mapping[str, Any]) -> dict[str, str]:
    """Write how a training went into the model's folder, with what decides about its exact bytes.

    The latter is returned, as tags of the run.

    Args:
        folder: of the model.
        trained: what :func:`tokenmill.training.fit.fit` gave.
        figures: of this kind of training.
    """
    steps, best = trained.schedule.steps, trained.best["step"]
    computed = {
        "device": device_name(),
        "precision": trained.precision,
        "processes": trained.trainer.world_size,
        "threads": torch.get_num_threads(),
    }
    write_json(
        folder / RECORD,
        {
            "steps": steps,
            "kept_step": best or steps,
            "skipped_steps": len(trained.spikes.skipped),
            "tokens_seen": trained.tokens_seen,
            **figures,
            "computed": computed,
        },
    )
    return {f"computed.{name}": str(value) for name, value in computed.items()}


def device_name() -> str:
    """The kind of GPU, or the instructions of the CPU, by which equal runs have equal bytes."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    amx = " and AMX" if torch.cpu._is_amx_tile_supported() else ""
    return f"CPU with {torch.backends.cpu.get_cpu_capability()}{amx}"


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures as metrics files have them."""
    return {key: round(value, 6) for key, value in figures.items()}


def write_curve(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Learning-curve rows as CSV for `dvc plots`; a figure that a row lacks is left empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})
    write_text(path, buffer.getvalue())
