"""The shipped settings with a model of each kind: params.yaml and the models of examples/gaps.yaml."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]


def shipped() -> dict[str, Any]:
    """Plain values; a fresh copy at each call."""
    yaml = YAML(typ="safe", pure=True)
    params, gaps = (
        yaml.load((ROOT / name).read_text("utf-8")) for name in ("params.yaml", "examples/gaps.yaml")
    )
    for group in ("pretrain", "evaluate"):
        params[group] |= gaps[group]
    return params
