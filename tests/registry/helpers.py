"""The models of the registry's tests, and the register stage without its job."""

import json
from pathlib import Path

from tokenmill.model.names import Kind
from tokenmill.registry.records import Record, make_records, write_records
from tokenmill.registry.settings import RegisteredModel

KINDS: dict[str, Kind] = {
    "scribe": "causal-lm",
    "gaps": "masked-lm",
    "replies": "text-to-text",
    "mood": "sequence-classifier",
    "speech": "token-classifier",
    "names": "character-classifier",
    "finder": "span-extractor",
}
METRICS = {
    "scribe": "bits_per_byte",
    "gaps": "accuracy",
    "replies": "accuracy",
    "mood": "accuracy",
    "speech": "accuracy",
    "names": "f1",
    "finder": "exact_match",
}
SETTINGS = {
    "scribe": RegisteredModel(name="our-scribe", metric="bits_per_byte", better="lower", gate="better"),
    "mood": RegisteredModel(name="our-mood", metric="accuracy", better="higher", gate="better"),
}
"""Figures on the same test data are compared as they are: no data are needed."""


def run_stage(settings: dict[str, RegisteredModel] = SETTINGS) -> list[Record]:
    """What the register stage does, in the current folder."""
    data = Path("data")
    records = make_records(settings, data / "models", data / "evaluation", data / "report")
    write_records(data / "registry.json", records)
    return records


def change(path: Path, **values: object) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
