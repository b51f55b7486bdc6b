"""What stages wrote, made up: a small cleaning report, evaluations, metrics and curves of any names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.files import write_json, write_text
from tokenmill.report.run import report

EMPTY: dict[str, dict[str, Any]] = {group: {} for group in ("tokenize", "pretrain", "finetune", "evaluate")}
SOURCE = {
    "read": 12,
    "kept": 10,
    "dropped": {"too_short": 2},
    "splits": {"train": 8, "validation": 1, "test": 1},
    "characters": 1234,
}
CLEANED: dict[str, Any] = {
    "settings": {"thresholds": {"default": {"min_characters": 2}}, "split": {"validation": 0.1, "test": 0.1}},
    "rules": [
        {
            "name": "too_short",
            "plural": "short texts",
            "meaning": "characters, below min_characters",
            "value": "characters:",
            "thresholds": ["min_characters"],
            "published": "",
        }
    ],
    "total": SOURCE,
    "failed": {"too_short": 2},
    "sources": {"news": {**SOURCE, "labels": {}}},
    "lengths": {"edges": [1, 10, 100], "sources": {"news": [0, 10, 0]}},
    "languages": {"news": {"zh": 9, "en": 1}},
    "pii": {"news": {"email": 0}},
    "clusters": {"clusters": 0, "documents": 0, "sizes": {}, "examples": []},
    "contamination": {"documents": 0, "examples": []},
    "passages": {"documents": 0, "characters": 0, "examples": []},
    "selection": None,
    "roles": {},
    "groups": {},
    "notes": [],
    "examples": {"characters": 280, "kept": {}, "dropped": {"too_short": {}}},
}


def figures(name: str, kind: str, metric: str, value: float, better: str, **more: Any) -> dict[str, Any]:
    """A figures.json as evaluate writes it."""
    return {
        "kind": kind,
        "name": name,
        "headline": {"metric": metric, "value": value, "better": better},
        "figures": {metric: value},
        "rivals": {},
        "comparisons": {},
        "documents": 36,
        "sources": ["news"],
        "parameters": 7777,
        "test_digest": "d" * 64,
        "ancestry": {"tokenizer": "e" * 64, "pretrain": {"objective": "causal", "layers": 2}},
        **more,
    }


def causal(name: str, value: float = 2.5, rival: float = 2.0) -> dict[str, Any]:
    """Of a causal model beside an n-gram."""
    ngram = {"label": "3-gram", "bits_per_byte": rival, "curve_bits_per_byte": 4.5}
    return figures(name, "causal-lm", "bits_per_byte", value, "lower", rivals={"ngram": ngram})


def classifier(name: str, p_value: float = 0.001) -> dict[str, Any]:
    """Of a classifier beside TF-IDF."""
    return figures(
        name,
        "sequence-classifier",
        "accuracy",
        0.75,
        "higher",
        figures={"accuracy": 0.75, "accuracy_low": 0.7, "accuracy_high": 0.8, "f1": 0.7},
        rivals={"tfidf": {"label": "TF-IDF", "accuracy": 0.5, "f1": 0.4}},
        comparisons={"tfidf": {"gain": 0.25, "low": 0.2, "high": 0.3, "p_value": p_value}},
        ancestry={"documents": "f" * 64, "finetune": {"source": "news"}},
    )


class Written:
    """The inputs of report below one folder, and its outs."""

    def __init__(self, root: Path) -> None:
        data = root / "data"
        self.inputs = {
            "cleaning": data / "clean/report.json",
            "evaluation": data / "evaluation",
            "metrics": data / "metrics",
            "plots": data / "plots",
        }
        self.out = root / "report"
        for name in ("evaluation", "metrics", "plots"):
            self.inputs[name].mkdir(parents=True)
        write_json(self.inputs["cleaning"], CLEANED)

    def evaluation(self, content: Mapping[str, Any], samples: list[dict[str, Any]] | None = None) -> None:
        """An evaluation, with samples if there are any."""
        folder = self.inputs["evaluation"] / content["name"]
        write_json(folder / "figures.json", content)
        if samples:
            write_json(folder / "samples.json", samples)

    def predictions(self, name: str, rows: list[tuple[str, str, str, str, float, str]]) -> None:
        """id, text, label, predicted, probability, and what TF-IDF says; the confusion follows."""
        columns = ["id", "text", "label", "predicted", "probability", "tfidf_predicted"]
        table = pl.DataFrame(rows, columns, orient="row")
        folder = self.inputs["evaluation"] / name
        table.write_parquet(folder / "predictions.parquet")
        labels = sorted(table["label"].unique())
        counts = [
            (a, b, table.filter((pl.col("label") == a) & (pl.col("predicted") == b)).height)
            for a in labels
            for b in labels
        ]
        confusion = pl.DataFrame(counts, ["actual", "predicted", "documents"], orient="row")
        confusion.write_csv(folder / "confusion.csv")

    def plot(self, name: str, text: str) -> None:
        """A CSV in data/plots."""
        write_text(self.inputs["plots"] / f"{name}.csv", text)

    def report(self, **trained: dict[str, Any]) -> str:
        """Run report; returns the page."""
        report(self.inputs, self.out, {**EMPTY, **trained})
        return (self.out / "report.html").read_text("utf-8")
