"""Projects whose models have other names than the sample's."""

import json
from pathlib import Path
from typing import Any

from tests.shipped import shipped

GROUPS = ("tokenize", "pretrain", "finetune", "evaluate", "register")


def write_params(folder: Path, **entries: dict[str, dict[str, Any]]) -> None:
    """The shipped settings with entries under other names: ``{name: {"like": name, setting: value}}``."""
    params = shipped()
    like = {group: params[group] for group in GROUPS}
    for group in GROUPS:
        params[group] = {
            name: {**like[group][values["like"]], **{k: v for k, v in values.items() if k != "like"}}
            for name, values in entries.get(group, {}).items()
        }
    write(folder / "params.yaml", params)  # JSON is YAML


def write(path: Path, value: Any) -> None:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
