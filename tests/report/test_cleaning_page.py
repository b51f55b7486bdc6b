"""The page about cleaning: it is sound, safe to open, and the same each time."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.data.clean.helpers import clean_rows, row
from tokenmill.report.cleaning import page

SCRIPT = "<scripts>alert(1)</scripts>"
ROWS = {
    "a": [row(SCRIPT, f'"><img src=x onerror="{n}">') for n in range(1)]
    + [row("x"), row("twice"), row("twice")],
    "b": [row(f"document {n}", "good" if n % 3 else "bad") for n in range(30)] + [row("好" * 39), row("")],
}


class Tags(HTMLParser):
    """Collects start tags and checks that what is opened is closed."""

    VOID = ("meta", "br", "img", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report(folder: Path) -> dict[str, Any]:
    clean_rows(folder, ROWS)
    return json.loads((folder / "clean/report.json").read_text("utf-8"))


def test_the_page_is_sound_safe_and_self_contained(tmp_path: Path) -> None:
    html = page(report(tmp_path))
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "img", "link", "iframe", "object"}
    assert not any(name in attrs for _, attrs in tags.seen for name in ("src", "href", "onerror"))
    assert not re.search(r"url\(|@import|https?:", html)
    assert "&lt;scripts&gt;alert(1)&lt;/scripts&gt;" in html
    assert "prefers-color-scheme: dark" in html
    assert "33 of 36 documents are kept" in html


def test_the_same_report_gives_the_same_page(tmp_path: Path) -> None:
    made = report(tmp_path)
    assert page(made) == page(made)
    assert str(tmp_path) not in page(made)


def test_a_corpus_without_drops_has_a_page_too(tmp_path: Path) -> None:
    clean_rows(tmp_path, [row("one"), row("two")])
    made = json.loads((tmp_path / "clean/report.json").read_text("utf-8"))
    assert "Not one was dropped." in page(made)


def test_groups_are_a_column_where_there_are_any(tmp_path: Path) -> None:
    made = report(tmp_path)
    assert "<th>groups</th>" not in page(made)
    found = {"groups": 1234, "documents": 20, "name": "x", "largest": 19, "connected": 1}
    html = page(made | {"groups": {"b": found}, "notes": ["b: group 'x' has 19 of 30 documents"]})
    assert "<th>groups</th>" in html and html.count("<td>1,234</td>") == 2
    assert "b: group &#39;x&#39; has 19 of 30 documents" in html
