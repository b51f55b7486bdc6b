"""What models answer, as values that JSON has: one shape for the command line and for HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tokenmill.inference.answer import Answers
from tokenmill.inference.classify import Span, fitting
from tokenmill.inference.explain import Explanation
from tokenmill.inference.fill import Candidate
from tokenmill.model.config import ProblemType

DIGITS = 6
"""Of probabilities."""


def labels_answer(problem_type: ProblemType, found: Mapping[str, float]) -> dict[str, Any]:
    """The likeliest label with all probabilities; where several may fit, those that do; of a regression the
    number."""
    rounded = {name: round(value, DIGITS) for name, value in found.items()}
    match problem_type:
        case "regression":
            return {"value": next(iter(rounded.values()))}
        case "multi_label_classification":
            return {"labels": list(fitting(found)), "probabilities": rounded}
    return {"label": next(iter(found)), "probabilities": rounded}


def influences_answer(explanation: Explanation) -> list[dict[str, Any]]:
    """The parts of a text and how much each raises the answer."""
    return [
        {"start": part.start, "end": part.end, "weight": round(part.weight, DIGITS)}
        for part in explanation.influences
    ]


def span_answer(text: str, span: Span) -> dict[str, Any]:
    """A labelled part of a text."""
    words = text[span.start : span.end]
    return {**asdict(span), "text": words, "probability": round(span.probability, DIGITS)}


def gaps_answer(gaps: Sequence[Sequence[Candidate]]) -> list[list[dict[str, Any]]]:
    """The candidates of each gap."""
    return [[{"text": c.text, "probability": round(c.probability, DIGITS)} for c in gap] for gap in gaps]


def passage_answer(found: Answers) -> dict[str, Any]:
    """The answers in a passage, and the best of them; "" where it is likelier that there is none."""
    rows = [
        {"text": s.label, "score": round(s.probability, DIGITS), "begin": s.start, "end": s.end}
        for s in found.spans
    ]
    best = "" if found.best is None else found.best.label
    return {"answer": best, "answers": rows, "no_answer": round(found.no_answer, DIGITS)}
