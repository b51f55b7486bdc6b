"""docs/formats.md names all formats, and each of its samples is read."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.conftest import ROOT
from tests.data.ingest.helpers import read_source
from tokenmill.data.ingest.names import FORMATS
from tokenmill.data.ingest.settings import Format

PAGE = (ROOT / "docs/formats.md").read_text("utf-8")
SAMPLES = dict(re.findall(r"^### `(\w+)`\n.*?^```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SETTINGS: dict[str, dict[str, Any]] = {
    "jsonl": {"columns": {"label": "stars"}},
    "csv": {"columns": {"label": "stars"}},
    "parallel": {"paths": ["sample"], "target_paths": ["targets"]},
}
DOCUMENTS = {"txt": 3, "jsonl": 3, "csv": 2, "tagged": 3, "conll": 2, "entities": 3, "messages": 3}
DOCUMENTS |= {"preferences": 3, "parallel": 2, "catalog": 2}


@pytest.mark.parametrize("format_", SAMPLES)
def test_samples_are_read(tmp_path: Path, format_: str) -> None:
    files = {"sample": SAMPLES[format_]}
    if format_ == "parallel":
        files["targets"] = "天\n夜\n"
    documents, rejects = read_source(tmp_path, files, format=format_, **SETTINGS.get(format_, {}))
    assert rejects.is_empty() and documents.height == DOCUMENTS.get(format_, 1)


def test_all_formats_are_named() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|([^|]*)\|", PAGE, re.MULTILINE)
    names = [name for cell, _ in rows for name in re.findall(r"\w+", cell)]
    assert sorted(names) == sorted({*get_args(Format)} - {"auto"})
    suffixes = {suffix for _, cell in rows for suffix in re.findall(r"\.\w+", cell)}
    assert suffixes == set(FORMATS)
    assert {*SAMPLES} | {"tsv", "parquet", "articles", "cloze", "mo"} == set(names)
