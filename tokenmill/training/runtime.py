"""What pretrain and finetune share: runtime settings for the trainer, the learning curve as a file."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.core.files import write_text
from tokenmill.jobs.runtime import RuntimeSettings

if TYPE_CHECKING:
    from tokenmill.training.loop import Runtime


def runtime(settings: RuntimeSettings) -> "Runtime":
    """The ``runtime`` group as the trainer takes it."""
    from tokenmill.training.loop import Runtime

    return Runtime(**settings.model_dump(include={field.name for field in dataclasses.fields(Runtime)}))


def write_curve(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Learning-curve rows as CSV for `dvc plots`; a figure that a row lacks is left empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})
    write_text(path, buffer.getvalue())
