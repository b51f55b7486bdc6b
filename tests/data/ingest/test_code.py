"""Sources of program code keep what looks like HTML; others lose what is HTML."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.ingest.helpers import read_source
from tokenmill.core.normalization import normalization_of
from tokenmill.data.clean.run import clean
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.ingest.code import is_code_file, looks_like_code
from tokenmill.data.measure.run import measure
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.jobs.runtime import RuntimeSettings

PROGRAM = """\
#include <vector>
int main() {{
    std::vector<i> a{n};
    std::cout << "<p>{n}</p> &amp;";
    return {n};
}}
"""
PYTHON = "import os\n\ndef page{n}(text):\n    # what is shown\n    return f'<b>{{text}}</b>'\n"
PROSE = "A page says <b>this</b> and that; number {n}.\nFor all of us, it ends here.\nReturn soon."
HTML = "<html><body>\n<script>a = {n};\nb = 1;\nc = 2;</script>\n<p>text</p></body></html>"


@pytest.mark.parametrize(
    ("text", "code"),
    [(PROGRAM, True), (PYTHON, True), (PROSE, False), (HTML, False), ("x = 1;", False), ("", False)],
)
def test_what_looks_like_code(text: str, code: bool) -> None:
    assert looks_like_code(text.format(n=1)) == code


@pytest.mark.parametrize("name", ["a.py", "b/c.CPP", "a.js.gz"])
def test_names_of_programs(name: str) -> None:
    assert is_code_file(name)


@pytest.mark.parametrize("name", ["py", "a.txt", "a.html", "a.py.txt", "cpp/a.jsonl"])
def test_names_of_other_files(name: str) -> None:
    assert not is_code_file(name)


def texts(folder: Path, files: dict[str, str], **settings: Any) -> tuple[list[str], bool]:
    """The texts after measure of a source with these files, and whether models on it remove HTML."""
    read_source(folder, files, **settings)
    steps = MeasureSettings(remove_html=True, simplify_chinese=False, replace_pii=False)
    measure(folder / "raw", folder / "measured", folder / "parts", steps, RuntimeSettings(workers=1))
    base = {"thresholds": {"default": {}}, "near_duplicates": None, "contamination": None, "substrings": None}
    split = {"validation": 0.0, "test": 0.0}
    clean(folder / "measured", folder / "clean", CleanSettings.model_validate(base | {"split": split}))
    found = normalization_of(folder / "clean", ["mine"])
    assert found is not None
    return pl.read_parquet(folder / "measured/mine/*.parquet")["text"].to_list(), found.remove_html


def documents(template: str) -> dict[str, str]:
    return {"a.jsonl": "".join(json.dumps({"text": template.format(n=n)}) + "\n" for n in range(4))}


def test_code_is_told_by_its_documents(tmp_path: Path) -> None:
    found, html = texts(tmp_path, documents(PROGRAM))
    assert found[0].endswith('    std::vector<i> a0;\n    std::cout << "<p>0</p> &amp;";\n    return 0;\n}')
    assert not html
    (said,) = json.loads((tmp_path / "raw/manifest.json").read_text("utf-8"))["sources"]["mine"]["notes"]
    assert said.startswith("program code: ") and "`remove_html`" in said


def test_code_is_told_by_the_names_of_its_files(tmp_path: Path) -> None:
    assert texts(tmp_path, {"a.py": "shown = '<b>x</b>'\n"}, format="txt") == (["shown = '<b>x</b>'"], False)


def test_a_source_says_it_itself(tmp_path: Path) -> None:
    found, html = texts(tmp_path / "code", documents(PYTHON), remove_html=True)
    assert "<b>" not in found[0] and html
    found, html = texts(tmp_path / "prose", documents(PROSE), remove_html=False)
    assert "<b>this</b>" in found[0] and not html
    found, _ = texts(tmp_path / "indented", {"a.py": "if  x:\n\ty = 1  \n"}, format="file")
    assert found == ["if  x:\n\ty = 1"]
    found, _ = texts(tmp_path / "flat", {"a.py": "if  x:\n\ty = 1\n"}, format="file", keep_white_space=False)
    assert found == ["if x:\ny = 1"]
    found, html = texts(tmp_path / "plain", documents(PROSE))
    assert found[0].startswith("A page says this and that") and html


def test_files_of_a_folder_belong_together(tmp_path: Path) -> None:
    files = {f"{folder}/{name}.py": f"{name} = 1\n" for folder in ("a", "a/b") for name in "xy"}
    read_source(tmp_path, files, format="file", group="folder")
    groups = pl.read_parquet(tmp_path / "raw/mine.parquet")["group"].to_list()
    assert groups == ["a/b", "a/b", "a", "a"]
