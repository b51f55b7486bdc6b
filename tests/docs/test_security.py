"""SECURITY.md names tests that are there, and the READMEs lead to it."""

import re

from tests.conftest import ROOT
from tokenmill.data.ingest.columnar import Dataset, Parquet
from tokenmill.data.ingest.packed import FREE, MAX_RATIO, MAX_WINDOW

PAGE = (ROOT / "SECURITY.md").read_text("utf-8")


def test_every_promise_names_a_test_that_is_there() -> None:
    rows = re.findall(r"^\| (?!promise|---).+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 8
    for tests in rows:
        named = re.findall(r"`(tests/\S+\.py)`", tests)
        assert named and all((ROOT / name).is_file() for name in named), tests


def test_its_figures_are_those_of_the_code() -> None:
    assert f"beyond {FREE >> 20} MiB at most {MAX_RATIO} times its size" in PAGE
    holds = f"may hold {Parquet.memory_bytes >> 30} GiB, a dataset in one of {Dataset.memory_bytes >> 30} GiB"
    assert holds in PAGE
    assert f"a window of at most {MAX_WINDOW >> 20} MiB" in PAGE


def test_both_readmes_lead_to_it() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert "(SECURITY.md)" in (ROOT / name).read_text("utf-8")
