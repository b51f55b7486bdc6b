"""The model that is measured and the documents it is measured on, and what comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.reading import read_documents
from tokenmill.evaluation.ancestry import read_ancestry, training_sources
from tokenmill.evaluation.scores import Bin
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.model.folder import load_model
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Subject:
    """A model, its data and what is asked of it."""

    folder: Path
    model: Model
    vocabulary: Vocabulary
    ancestry: Mapping[str, Any]
    """{} where nothing is known."""
    clean: Path
    sources: tuple[str, ...]
    """Whose test documents are read."""
    rival_sources: tuple[str, ...]
    """Whose training documents its rivals learn from: those of the model, as far as they are known."""
    settings: EvaluateSettings
    left_out: frozenset[str] = frozenset()
    """Ids of test documents on which it is not measured."""

    def documents(self, split: Split, sources: Sequence[str]) -> pl.DataFrame:
        """Documents of a split, source after source; columns as in data/clean.

        Raises:
            UserError: there is none.
        """
        frame = pl.concat([read_documents(self.clean, source, split) for source in sources])
        if split == "test" and self.left_out:
            frame = frame.filter(~pl.col("id").is_in(self.left_out))
        if frame.is_empty():
            raise UserError(
                f"{self.clean}: no {split} documents of {', '.join(sources)}; see clean.split in params.yaml"
            )
        return frame


@dataclass(frozen=True)
class Result:
    """What was measured."""

    figures: dict[str, Any]
    """Those of settings.FIGURES for the model's kind, and others that explain them."""
    rivals: dict[str, dict[str, Any]]
    """By name: its ``label`` in words, and its figures by the same names."""
    documents: int
    """Test documents."""
    test_digest: str
    """Of the test documents (ancestry.documents_digest)."""
    calibration: list[Bin]
    comparisons: dict[str, dict[str, float]] = field(default_factory=dict)
    """By rival: the ``gain`` over it in the headline figure, its interval ``low`` to ``high``, its
    ``p_value``."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    """``{"prompt": ..., "continuations": [...]}`` of each prompt."""
    learnt: list[tuple[str, bool]] = field(default_factory=list)
    """A training example in pieces, and whether each was to be learnt, where not all of it was."""
    predictions: pl.DataFrame | None = None
    """A row for each test document."""
    confusion: pl.DataFrame | None = None
    """actual, predicted, documents."""
    analysis: dict[str, Any] = field(default_factory=dict)
    """What one figure hides of a classifier of texts (analysis.py)."""


def open_subject(
    name: str, settings: EvaluateSettings, clean: Path, folder: Path, documents_digest: str
) -> Subject:
    """Load a model for measuring, after checking that it belongs to ``clean``.

    Raises:
        UserError: it was trained on other data, cannot be loaded, or nothing says which sources to read.
    """
    ancestry = read_ancestry(folder, clean, documents_digest)
    trained_on = training_sources(ancestry)
    sources = tuple(settings.sources or trained_on)
    if not sources:
        raise UserError(
            f"params.yaml: evaluate.{name}.sources is missing, and {folder} does not say what it was trained "
            "on; name the sources whose test documents it is to be measured on"
        )
    model, vocabulary = load_model(folder)
    return Subject(folder, model, vocabulary, ancestry, clean, sources, trained_on or sources, settings)
