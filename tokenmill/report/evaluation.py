"""What evaluate wrote about one model, read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.files import read_json
from tokenmill.report.words import FIGURES, figure_of

REMEDY = "make it anew with `dvc repro -f evaluate`"


@dataclass(frozen=True)
class Evaluation:
    """The folder data/evaluation/NAME."""

    name: str
    folder: Path
    content: Mapping[str, Any]
    """figures.json."""

    @property
    def kind(self) -> str:
        """The kind of model."""
        return str(self.content["kind"])

    @property
    def metric(self) -> str:
        """Name of the headline figure."""
        return str(self.content["headline"]["metric"])

    @property
    def value(self) -> float:
        """The headline figure."""
        return float(self.content["headline"]["value"])

    @property
    def figures(self) -> dict[str, Any]:
        """The model's figures."""
        return dict(self.content["figures"])

    @property
    def rivals(self) -> dict[str, dict[str, Any]]:
        """Figures of what it has to beat, each with its ``label``."""
        return dict(self.content["rivals"])

    @property
    def ancestry(self) -> dict[str, Any]:
        """The model's ancestry; {} where nothing is known."""
        return dict(self.content["ancestry"])

    def digests(self) -> dict[str, str]:
        """What the model and its figures descend from, SHA-256 by words."""
        ancestry = self.ancestry
        data = ancestry.get("data", {})
        words = {
            **{f"raw text of {source}": digest for source, digest in data.get("raw", {}).items()},
            "settings of clean": data.get("clean_params"),
            "clean documents": ancestry.get("documents"),
            "tokenizer": ancestry.get("tokenizer"),
            "token shards": ancestry.get("shards"),
            "model it began with": ancestry.get("init_from"),
            "test documents": self.content["test_digest"],
        }
        return {what: digest for what, digest in words.items() if digest}

    def shared_metric(self, rival: str) -> str:
        """The headline figure, or the first that a rival has, too: retrieval has no bits per byte."""
        theirs = self.rivals[rival]
        shared = (name for name in (self.metric, *FIGURES) if name in theirs and name in self.figures)
        return next(shared, self.metric)

    @property
    def analysis(self) -> dict[str, Any]:
        """What one figure hides of a classifier of texts; {} of other models."""
        return dict(self.content.get("analysis", {}))

    def beats(self, rival: str) -> bool:
        """Whether :meth:`shared_metric` is better than the rival's."""
        metric = self.shared_metric(rival)
        ours, theirs = self.figures[metric], self.rivals[rival][metric]
        if metric == self.metric:
            higher = self.content["headline"]["better"] == "higher"
        else:
            higher = figure_of(metric).higher_is_better
        return bool(ours > theirs if higher else ours < theirs)

    def samples(self) -> list[dict[str, Any]]:
        """``{"prompt": ..., "continuations": [...]}``; [] where the model wrote none."""
        path = self.folder / "samples.json"
        return pl.read_json(path).to_dicts() if path.exists() else []

    def learnt(self) -> list[dict[str, Any]]:
        """A training example in pieces, ``{"text": ..., "learnt": ...}``; [] where all of it was learnt."""
        path = self.folder / "learnt.json"
        return pl.read_json(path).to_dicts() if path.exists() else []

    def predictions(self) -> pl.DataFrame | None:
        """A row for each test document, of a classifier."""
        path = self.folder / "predictions.parquet"
        return pl.read_parquet(path) if path.exists() else None

    def confusion(self) -> pl.DataFrame | None:
        """actual, predicted, documents, of a classifier."""
        path = self.folder / "confusion.csv"
        return (
            pl.read_csv(path, schema_overrides={"actual": pl.String, "predicted": pl.String})
            if path.exists()
            else None
        )


def read_evaluations(folder: Path, names: Mapping[str, Any]) -> list[Evaluation]:
    """The evaluations of these names that are there, in the names' order.

    Raises:
        UserError: one has no readable figures.json.
    """
    return [
        Evaluation(name, folder / name, read_json(folder / name / "figures.json", REMEDY))
        for name in names
        if (folder / name).is_dir()
    ]
