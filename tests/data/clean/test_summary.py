"""The figures of cleaning: they add up, and they name examples and reasons."""

import json
from pathlib import Path

from tests.data.clean.helpers import clean_rows, row
from tokenmill.data.clean.rules import RULES
from tokenmill.data.clean.statistics import LENGTH_EDGES
from tokenmill.data.clean.summary import drops_csv, metrics

ROWS = {
    "a": [row("x"), row("twice", target="t"), row("twice", target="t"), row("call 13800138000")],
    "b": [row(f"document {n}", "good" if n % 3 else "bad") for n in range(30)] + [row("好" * 39), row("")],
}


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


def test_metrics_and_the_plotted_table_are_headlines_of_the_report(tmp_path: Path) -> None:
    made = report(tmp_path)
    assert metrics(made) == {
        "read": 36,
        "kept": 33,
        "dropped": 3,
        "characters": made["total"]["characters"],
        "groups": 0,
        "near_duplicate_clusters": 0,
        "pii": 1,
    }
    assert drops_csv(made).splitlines() == [
        "source,reason,documents",
        "a,kept,2",
        "a,too_short,1",
        "a,exact_duplicate,1",
        "b,kept,31",
        "b,empty,1",
    ]


def test_the_report_has_words_for_every_rule(tmp_path: Path) -> None:
    rules = report(tmp_path)["rules"]
    assert [rule["name"] for rule in rules] == list(RULES)
    assert rules[2] == {
        "name": "too_short",
        "plural": "texts that are too short",
        "meaning": "characters, below min_characters",
        "value": "characters:",
        "thresholds": ["min_characters"],
        "published": "data-juicer zh 10",
    }


def test_examples_are_of_the_rule_and_say_why(tmp_path: Path) -> None:
    examples = report(tmp_path)["examples"]
    (duplicate,) = examples["dropped"]["exact_duplicate"]["a"]
    assert duplicate["text"] == "twice"
    assert duplicate["reasons"] == [{"rule": "exact_duplicate", "value": "a:002"}]
    assert len(examples["kept"]["b"]) == 3
    assert examples["dropped"]["too_long"] == {}
