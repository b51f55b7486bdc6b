"""What ought to be registered: a function of the models, their measured figures and the params alone.

``data/registry.json`` is such a list. It holds no version and no decision: those depend on what a registry
already holds, DVC may restore the file beside any registry, and MLflow alone knows them.
"""

import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, read_json, write_json
from tokenmill.model.names import Kind
from tokenmill.registry.settings import RegisteredModel

REMEDY = "restore it with `dvc checkout` or make it with `dvc repro`"
SERVED: tuple[Kind, ...] = ("causal-lm", "text-to-text", "sequence-classifier")
"""What can answer: a masked language model cannot, but a model that was fine-tuned from it can."""

MODELS = Path("data/models")


class Record(BaseModel):
    """One model as it ought to stand in the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the registered model in MLflow."""
    folder: str
    """Of the model's files, relative to the project."""
    digest: str
    """SHA-256 of that folder: the identity of the model."""
    kind: Kind
    metric: str
    """Dotted place of the main figure in evaluate's metrics."""
    value: float
    better: Literal["higher", "lower"]
    test_digest: str
    """Of the test data that the figure was measured on: figures on other data do not compare."""
    ancestry: dict[str, Any]


def make_records(
    settings: Mapping[str, RegisteredModel], metrics_path: Path, digests: Mapping[str, str]
) -> list[Record]:
    """The records of all models under ``register`` in params.yaml, in its order.

    ``digests`` maps the model's key to the digest of its folder.

    Raises:
        UserError: a figure is missing or no finite number, or a model is of a kind that cannot be served.
    """
    metrics = read_json(metrics_path, REMEDY)
    records = []
    for key, model in settings.items():
        folder = MODELS / key
        value, test_digest = _measured(metrics, model.metric, f"register.{key}.metric", metrics_path)
        records.append(
            Record(
                name=model.name,
                folder=folder.as_posix(),
                digest=digests[key],
                kind=_kind(folder, key),
                metric=model.metric,
                value=value,
                better=model.better,
                test_digest=test_digest,
                ancestry=read_json(folder / "ancestry.json", REMEDY),
            )
        )
    return records


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
        raise UserError(
            f"{folder}: missing, and the registry does not hold this model yet; "
            "restore it with `dvc checkout` or make it with `dvc repro`"
        )
    if digest_tree(folder) != record.digest:
        raise UserError(
            f"{folder}: not the model that data/registry.json names ({record.digest[:12]}); "
            "restore it with `dvc checkout`, or register it with `dvc repro register`"
        )


def _kind(folder: Path, key: str) -> Kind:
    path = folder / "config.json"
    kind: Any = read_json(path, REMEDY).get("tokenmill", {}).get("kind")
    if kind not in SERVED:
        raise UserError(
            f"params.yaml: register.{key}: {path} tells of the kind {kind}, which answers no requests; "
            f"register one of {', '.join(SERVED)}"
        )
    result: Kind = kind
    return result


def _measured(metrics: dict[str, Any], metric: str, where: str, path: Path) -> tuple[float, str]:
    """The figure, and the ``test_digest`` that stands nearest to it: beside it or in a group around it."""
    here: Any = metrics
    test_digest = None
    for part in metric.split("."):
        if not isinstance(here, dict) or part not in here:
            near = difflib.get_close_matches(metric, _numbers(metrics), n=1, cutoff=0)
            hint = f"; did you mean {near[0]}?" if near else "; run `dvc repro evaluate`"
            raise UserError(f"params.yaml: {where} is {metric}, which {path} does not have{hint}")
        test_digest = here.get("test_digest", test_digest)
        here = here[part]
    if isinstance(here, bool) or not isinstance(here, int | float) or not math.isfinite(here):
        got = "a group of figures" if isinstance(here, dict) else repr(here)
        raise UserError(f"{path}: {metric} must be a finite number, got {got}; name a figure in {where}")
    if not isinstance(test_digest, str):
        raise UserError(f"{path}: no test_digest beside {metric}; make it anew with `dvc repro -f evaluate`")
    return float(here), test_digest


def _numbers(value: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            names += _numbers(item, f"{prefix}{key}.")
        elif isinstance(item, int | float):
            names.append(f"{prefix}{key}")
    return names
