"""What ought to be registered: a function of the models, their evaluations, their cards and the params alone.

``data/registry.json`` is such a list. It holds no version and no decision: those depend on what a registry
already holds, DVC may restore the file beside any registry, and MLflow alone knows them.
"""

import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, write_json
from tokenmill.jobs.tracking.tags import flatten
from tokenmill.model.digest import converses, model_digest
from tokenmill.registry.settings import Gate, RegisteredModel

REMEDY = "restore it with `dvc checkout` or make it with `dvc repro`"

REGISTRY = Path("data/registry.json")

ServedKind = Literal[
    "causal-lm",
    "text-to-text",
    "masked-lm",
    "sequence-classifier",
    "multi-label-classifier",
    "regressor",
    "token-classifier",
    "character-classifier",
    "generation",
    "chat",
    "span-extractor",
]
"""What answers requests (serving.py), as its evaluation names it."""


class Record(BaseModel):
    """One model as it ought to stand in the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the registered model in MLflow."""
    folder: str
    """Of the model's files, relative to the project."""
    digest: str
    """SHA-256 of that folder without the control in it: the identity of the model."""
    kind: ServedKind
    metric: str
    """Dotted place of the deciding figure among those of its evaluation."""
    value: float
    better: Literal["higher", "lower"]
    gate: Gate
    minimum_gain: float
    test_digest: str
    """Of the test data that the figure was measured on: figures on other data do not compare."""
    card: str
    """Its model card, Markdown with front matter."""
    ancestry: dict[str, Any]
    sources: tuple[str, ...]
    """Whose test documents the figure was measured on."""
    evaluate: dict[str, Any]
    """The settings of that evaluation, for measuring the champion alike."""


def make_records(
    settings: Mapping[str, RegisteredModel], models: Path, evaluation: Path, report: Path
) -> list[Record]:
    """The records of all entries of ``register`` in params.yaml, in their order.

    Args:
        settings: by the name of the model.
        models: holds the model folders.
        evaluation: holds the evaluations' folders.
        report: holds ``cards/NAME.md``.

    Raises:
        UserError: a model has no evaluation or card, its figure is missing or no finite number, or it is of a
            kind that cannot be served.
    """
    return [_record(name, entry, models, evaluation, report) for name, entry in settings.items()]


def _record(name: str, entry: RegisteredModel, models: Path, evaluation: Path, report: Path) -> Record:
    if not (evaluation / name).is_dir():
        raise UserError(
            f"params.yaml: register.{name}: {evaluation / name} is missing; name {name} under evaluate too, "
            "and run `dvc repro`"
        )
    measured = read_json(evaluation / name / "figures.json", REMEDY)
    kind = measured["kind"]
    if kind == "preference":  # it is asked as the model before was
        kind = "chat" if converses(measured["ancestry"]) else "causal-lm"
    if kind not in get_args(ServedKind):
        raise UserError(
            f"params.yaml: register.{name} is of the kind {kind}, which answers no requests; register one of "
            f"the kinds {', '.join(get_args(ServedKind))}"
        )
    if not (models / name).is_dir():
        raise UserError(f"{models / name}: missing; {REMEDY}")
    return Record(
        name=entry.name,
        folder=(models / name).as_posix(),
        digest=model_digest(models / name),
        kind=kind,
        metric=entry.metric,
        value=_figure(measured["figures"], entry.metric, name, evaluation / name / "figures.json"),
        better=entry.better,
        gate=entry.gate,
        minimum_gain=entry.minimum_gain,
        test_digest=measured["test_digest"],
        card=_read_card(report / "cards" / f"{name}.md"),
        ancestry=measured["ancestry"],
        sources=tuple(measured["sources"]),
        evaluate=measured["settings"],
    )


def _figure(figures: Mapping[str, Any], metric: str, name: str, path: Path) -> float:
    """The figure that decides."""
    known = flatten(figures)
    if metric not in known:
        near = difflib.get_close_matches(metric, known, n=1, cutoff=0)
        hint = f"; did you mean {near[0]}?" if near else "; run `dvc repro evaluate`"
        raise UserError(f"params.yaml: register.{name}.metric is {metric}, which {path} does not have{hint}")
    value = known[metric]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(
            f"{path}: {metric} must be a finite number, got {value!r}; name another figure in "
            f"register.{name}.metric"
        )
    return float(value)


def _read_card(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: missing; {REMEDY}") from None


def write_records(path: Path, records: list[Record]) -> None:
    """Write ``data/registry.json``."""
    write_json(path, {"models": [record.model_dump() for record in records]})


def read_records(path: Path) -> list[Record]:
    """Read ``data/registry.json``.

    Raises:
        UserError: it is missing or was not written by register.
    """
    try:
        return [Record.model_validate(entry) for entry in read_json(path, REMEDY)["models"]]
    except (KeyError, TypeError, ValidationError):
        message = f"{path}: not what register writes; make it anew with `dvc repro -f register`"
        raise UserError(message) from None


def check_folder(record: Record) -> None:
    """Make sure that the model's folder holds the very model of the record.

    Raises:
        UserError: it is missing or another one.
    """
    folder = Path(record.folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: missing, and the registry does not hold this model's files; {REMEDY}")
    if model_digest(folder) != record.digest:
        raise UserError(
            f"{folder}: not the model that data/registry.json names ({record.digest[:12]}); "
            "restore it with `dvc checkout`, or register it with `dvc repro register`"
        )
