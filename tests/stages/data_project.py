"""A project folder that only cleans: the shipped settings of measure and clean on sources of a test."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import ROOT


def write_params(folder: Path, *, shipped: bool = False, **sources: dict[str, Any]) -> None:
    """params.yaml with these sources, and with the shipped ones if so wanted; no tokenizer and no model."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    params["sources"] = (params["sources"] if shipped else {}) | sources
    params |= {group: {} for group in ("tokenize", "pretrain", "finetune", "evaluate", "register")}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
