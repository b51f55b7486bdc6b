"""Finders of named entities: on test documents, beside their control, a dictionary and a random field."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.entities import EntityDocument, entity_documents
from tokenmill.data.documents.spans import Span, write_spans
from tokenmill.evaluation import entity_scores as scoring
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.entity_rivals import crf_entities, dictionary_entities
from tokenmill.evaluation.entity_scores import Found
from tokenmill.evaluation.parts import Parts
from tokenmill.evaluation.resampling import Counts, Figure
from tokenmill.evaluation.scores import calibration
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.classify import Span as Answer
from tokenmill.inference.entities import entities
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

LABELS = {
    "control": "the same from random weights",
    "crf": "conditional random field of characters (CRFsuite)",
    "dictionary": "the training entities, longest match",
}
"""What the rivals are, in words."""


def measure_entities(subject: Subject) -> Result:
    """F1 of the entities of test documents, by exact place and label.

    Raises:
        UserError: the training or test documents have no entities, or some overlap.
    """
    test = _documents(subject, "test", subject.sources)
    train = _documents(subject, "train", subject.rival_sources)
    texts, seed = [document.text for document in test], subject.settings.seed
    answers = entities(subject.model, subject.vocabulary, texts)
    found = {"": _spans(answers), **_rivals(subject, train, texts)}
    seen = frozenset(d.text[s.begin : s.end] for d in train for s in d.entities)
    counted = {name: scoring.counts(test, said) for name, said in found.items()}
    grouped = {name: scoring.by_group(test, counts) for name, counts in counted.items()}
    figures = {name: _figures(test, said, seen) for name, said in found.items()}
    for name, counts in grouped.items():
        figures[name]["f1_low"], figures[name]["f1_high"] = scoring.f1_interval(counts, seed)
    own, rivals = grouped[""], [name for name in found if name]
    true = [set(document.entities) for document in test]
    flat = [(a, Span(a.start, a.end, a.label) in true[n]) for n, row in enumerate(answers) for a in row]
    labels = list(dict.fromkeys(label[2:] for label in subject.model.config.labels[1:]))
    return Result(
        figures={
            **figures[""],
            "by_label": scoring.by_label(test, found[""]),
            "errors": scoring.errors(test, found[""]),
            "entities": sum(map(len, true)),
            "entities_unseen": scoring.recall_of_unseen(test, found[""], seen)[1],
            "groups": len(own),
        },
        rivals={name: {"label": LABELS[name], **figures[name]} for name in rivals},
        documents=len(test),
        test_digest=_digest(test),
        calibration=calibration(
            np.array([answer.probability for answer, _ in flat], np.float64),
            np.array([right for _, right in flat], np.bool_),
        ),
        comparisons={name: asdict(scoring.compare_f1(own, grouped[name], seed)) for name in rivals},
        predictions=_predictions(test, answers, found),
        confusion=scoring.confusion(test, found[""], sorted({*labels, *(s.label for d in true for s in d)})),
    )


def _documents(subject: Subject, split: Split, sources: Sequence[str]) -> list[EntityDocument]:
    labels = subject.ancestry.get("finetune", {}).get("labels")
    try:
        found = entity_documents(subject.documents(split, sources), labels)
    except ValueError as error:
        raise UserError(f"{subject.clean}: {error}; entities must lie apart: mend the source") from None
    if not any(document.entities for document in found):
        raise UserError(
            f"{subject.clean}: no {split} document of {', '.join(sources)} has an entity; see sources and "
            "clean.split in params.yaml"
        )
    return found


def _rivals(subject: Subject, train: Sequence[EntityDocument], texts: Sequence[str]) -> dict[str, Found]:
    rivals: dict[str, Found] = {}
    if (subject.folder / CONTROL).is_dir():
        rivals["control"] = _answers(*load_model(subject.folder / CONTROL), texts)
    rivals["crf"] = crf_entities(train, texts)
    rivals["dictionary"] = dictionary_entities(train, texts)
    return rivals


def _answers(model: Model, vocabulary: Vocabulary, texts: Sequence[str]) -> Found:
    return _spans(entities(model, vocabulary, texts))


def _spans(answers: Sequence[Sequence[Answer]]) -> Found:
    return [[Span(answer.start, answer.end, answer.label) for answer in row] for row in answers]


def _figures(test: Sequence[EntityDocument], found: Found, seen: frozenset[str]) -> dict[str, Any]:
    recall, _ = scoring.recall_of_unseen(test, found, seen)
    return {**scoring.shares(scoring.counts(test, found)), "recall_unseen": recall}


def _digest(test: Sequence[EntityDocument]) -> str:
    rows = [(document.id, document.text, write_spans(document.entities)) for document in test]
    return documents_digest(pl.DataFrame(rows, ["id", "text", "label"], orient="row"), labels=True)


def _predictions(
    test: Sequence[EntityDocument], answers: Sequence[Sequence[Answer]], found: Mapping[str, Found]
) -> pl.DataFrame:
    """id, group, text; ``spans`` that there are, ``predicted`` ones with their ``probabilities``; those of
    rivals, as ``RIVAL_predicted``. Spans are JSON."""
    columns = {
        "id": [document.id for document in test],
        "group": [document.group for document in test],
        "text": [document.text for document in test],
        "spans": [write_spans(document.entities) for document in test],
        "predicted": [write_spans(row) for row in found[""]],
        "probabilities": [[round(answer.probability, 4) for answer in row] for row in answers],
        **{f"{name}_predicted": [write_spans(r) for r in said] for name, said in found.items() if name},
    }
    return pl.DataFrame(columns, schema_overrides={"probabilities": pl.List(pl.Float64)}).sort("id")


def _share(right: Counts, of: Counts) -> Counts:
    return np.asarray(right / np.maximum(of, 1))


_FIGURES: dict[str, Figure] = {
    "f1": lambda sums: _share(2 * sums[..., 0], sums[..., 1] + sums[..., 2]),
    "precision": lambda sums: _share(sums[..., 0], sums[..., 2]),
    "recall": lambda sums: _share(sums[..., 0], sums[..., 1]),
}
"""Of entities (..., 3) as entity_scores.counts has them."""


def entity_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none."""
    if metric not in _FIGURES:
        return None
    test = _documents(subject, "test", subject.sources)
    answers = _answers(subject.model, subject.vocabulary, [document.text for document in test])
    labels = json.dumps(subject.ancestry.get("finetune", {}).get("labels"), sort_keys=True)
    return Parts(
        tuple(document.id for document in test),
        tuple(document.group for document in test),
        scoring.counts(test, answers).astype(np.float64),
        _FIGURES[metric],
        f"entities of {labels}",
    )
