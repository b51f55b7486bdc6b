"""The page and the figures: they add up, they are safe to open, and they say the same each time."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from tokenmill.report.cleaning import page
from tokenmill.data.clean.statistics import drops_csv, metrics
from tokenmill.data.clean.survey import LENGTH_EDGES
from tests.data.clean.helpers import clean_rows, row

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


def report(folder: Path) -> dict:
    clean_rows(folder, ROWS)
    return json.loads((folder / "clean/report.json").read_text("utf-8"))


def test_figures_add_up(tmp_path: Path) -> None:
    made = report(tmp_path)
    for name, part in {**made["sources"], "all": made["total"]}.items():
        assert part["read"] == part["kept"] + sum(part["dropped"].values()), name
        assert part["kept"] == sum(part["splits"].values())
    assert {rule: n for rule, n in made["sources"]["b"]["dropped"].items() if n} == {"empty": 1}
    assert made["total"]["kept"] == 33
    assert made["sources"]["b"]["characters"] == 10 * 10 + 20 * 11 + 39
    labels = made["sources"]["b"]["labels"]
    assert {label: sum(sizes.values()) for label, sizes in labels.items()} == {"bad": 10, "good": 20}
    lengths = dict(zip(LENGTH_EDGES, made["lengths"]["sources"]["b"], strict=True))
    assert {edge: n for edge, n in lengths.items() if n} == {10: 30, 20: 1}
    assert metrics(made)["total"] == made["total"]
    assert drops_csv(made).splitlines() == [
        "source,reason,documents", "a,too_short,1", "a,exact_duplicate,1", "b,empty,1",
    ]  # fmt: skip


def test_examples_are_of_the_rule_and_say_why(tmp_path: Path) -> None:
    examples = report(tmp_path)["examples"]
    (duplicate,) = examples["dropped"]["exact_duplicate"]["a"]
    assert duplicate["text"] == "twice"
    assert duplicate["reasons"] == [{"rule": "exact_duplicate", "value": "a:003"}]
    assert len(examples["kept"]["b"]) == 3
    assert examples["dropped"]["too_long"] == {}


def test_the_page_is_sound_safe_and_self_contained(tmp_path: Path) -> None:
    report(tmp_path)
    html = (tmp_path / "clean/report.html").read_text("utf-8")
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
    assert page(made) == page(made) == (tmp_path / "clean/report.html").read_text("utf-8")
    assert str(tmp_path) not in page(made)


def test_a_corpus_without_drops_has_a_page_too(tmp_path: Path) -> None:
    clean_rows(tmp_path, [row("one"), row("two")])
    assert "Not one was dropped." in (tmp_path / "clean/report.html").read_text("utf-8")
