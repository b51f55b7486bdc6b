"""The first page of the docs: its code runs and prints what the page says."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-steps.md"


@pytest.mark.slow
def test_the_page_prints_what_it_says() -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    names: dict[str, Any] = {}
    shown = printed = ""
    for kind, content in blocks:
        if kind == "text":
            shown += content
            continue
        assert printed == shown, "what a block prints stands below it"
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(content, str(PAGE), kind.replace("python", "exec")), names)
        printed += out.getvalue()
    assert printed == shown and "'看': 0.33, '听': 0.33, '阅': 0.33" in shown
