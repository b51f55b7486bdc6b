"""The figures of a run, read from ``data/metrics``: one place for the command line and the READMEs."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.report.words import FIGURES, figure_of

Metrics = Mapping[str, Any]


def read_metrics(folder: Path, names: Iterable[str]) -> dict[str, Metrics]:
    """``{stage: content}`` of the metrics files of these stages that are there.

    Args:
        folder: data/metrics.
        names: of stages as dvc addresses them, such as ``pretrain@NAME``.

    Raises:
        UserError: there is none, or one is no JSON object.
    """
    files = {name: folder / f"{name.replace('@', '-')}.json" for name in names}
    found: dict[str, Metrics] = {
        name: read_json(path, "bring it back with `dvc repro`")
        for name, path in files.items()
        if path.exists()
    }
    if not found:
        raise UserError(f"{folder}: no metrics yet; run `make repro`")
    return found


def headline(metrics: Metrics) -> str:
    """The headline figure of evaluate's metrics."""
    return next(name for name in metrics if name not in ("choices", "embeddings", "rivals"))


def words_and_value(name: str, value: Any) -> str:
    """``accuracy 87.7%``, ``tokens seen 1,349,632``, ``vocabulary 8,192``."""
    if name in FIGURES:
        return f"{FIGURES[name].words} {FIGURES[name].show(value)}"
    return f"{name.replace('_', ' ')} {number(value)}"


def beside(metrics: Metrics) -> dict[str, str]:
    """The headline figure of each rival in evaluate's metrics, as text."""
    show = figure_of(headline(metrics)).show
    return {rival: show(value) for rival, value in metrics["rivals"].items()}


def number(value: Any) -> str:
    """A whole number with separators, another one with four digits, anything else as it is."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
