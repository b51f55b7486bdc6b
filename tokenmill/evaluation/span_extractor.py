"""Answers in passages: on the questions of test documents, beside the control and what needs no model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.questions import Question, questions_of
from tokenmill.data.documents.spans import Span, write_spans
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.candidates import candidates, most_alike, most_frequent
from tokenmill.evaluation.exact_match import answer_f1, exact_match
from tokenmill.evaluation.parts import Parts, means
from tokenmill.evaluation.scores import calibration, clustered_mean
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.answer import MAX_TOKENS, STRIDE, answer
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

LABELS = {
    "control": "the same from random weights",
    "alike": "the candidate whose surroundings are most like the question",
    "frequent": "the most frequent candidate",
}
"""What the rivals are, in words."""

Values = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Given:
    """The answer to a question: a part of the passage, or None for none, and its probability."""

    place: tuple[int, int] | None
    probability: float = 0.0


def measure_extractor(subject: Subject) -> Result:
    """Exact match and F1 on the test questions; intervals and comparisons are by group.

    Raises:
        UserError: a split has no questions, or spans that are none.
    """
    documents, test = _questions(subject, "test", subject.sources)
    _, train = _questions(subject, "train", subject.rival_sources)
    known = {text for question in train for text in question.answer_texts}
    given = {"": _by_model(subject, subject.model, subject.vocabulary, test)}
    if (subject.folder / CONTROL).is_dir():
        given["control"] = _by_model(subject, *load_model(subject.folder / CONTROL), test)
    found = [candidates(question.passage, question.text, known) for question in test]
    given["alike"] = [
        Given(most_alike(places, question.passage, question.text))
        for places, question in zip(found, test, strict=True)
    ]
    given["frequent"] = [Given(most_frequent(places)) for places in found]
    groups = np.unique([question.group for question in test], return_inverse=True)[1].astype(np.int64)
    texts = {name: _texts(test, answers) for name, answers in given.items()}
    matches = {name: _each(exact_match, test, answers) for name, answers in texts.items()}
    figures = {name: _figures(test, answers, matches[name], groups, known) for name, answers in texts.items()}
    probability = np.array([answers.probability for answers in given[""]])
    return Result(
        figures={**figures.pop(""), **_counts(test, known)},
        rivals={name: {"label": LABELS[name], **values} for name, values in figures.items()},
        documents=len(documents),
        test_digest=documents_digest(documents.with_columns(label="spans"), labels=True),
        calibration=calibration(probability, matches[""] == 1),
        comparisons={
            name: asdict(clustered_mean(matches[""] - other, groups))
            for name, other in matches.items()
            if name
        },
        predictions=_predictions(test, given, texts),
    )


def _questions(subject: Subject, split: Split, sources: Sequence[str]) -> tuple[pl.DataFrame, list[Question]]:
    documents = subject.documents(split, sources)
    try:
        found = questions_of(documents)
    except ValueError as error:
        raise UserError(f"{subject.clean}: {error}; mend the source") from None
    if not found:
        raise UserError(
            f"{subject.clean}: no {split} documents of {', '.join(sources)} with questions; "
            "see sources and clean.split in params.yaml"
        )
    return documents.filter(pl.col("id").is_in({question.document for question in found})), found


def _by_model(
    subject: Subject, model: Model, vocabulary: Vocabulary, questions: Sequence[Question]
) -> list[Given]:
    settings = subject.ancestry.get("finetune", {})
    found = answer(
        model,
        vocabulary,
        [question.text for question in questions],
        [question.passage for question in questions],
        max_tokens=settings.get("max_answer_tokens", MAX_TOKENS),
        stride=settings.get("stride", STRIDE),
    )
    return [
        Given(None, each.no_answer)
        if each.best is None
        else Given((each.best.start, each.best.end), each.best.probability)
        for each in found
    ]


def _texts(questions: Sequence[Question], given: Sequence[Given]) -> list[str]:
    """Each answer as text; "" for none."""
    return [
        question.passage[slice(*answers.place)] if answers.place else ""
        for question, answers in zip(questions, given, strict=True)
    ]


def _each(
    figure: Callable[[str, Sequence[str]], float], questions: Sequence[Question], answers: Sequence[str]
) -> Values:
    return np.array(
        [figure(text, asked.answer_texts) for text, asked in zip(answers, questions, strict=True)]
    )


def _figures(
    questions: Sequence[Question],
    answers: Sequence[str],
    matches: Values,
    groups: Groups,
    known: set[str],
) -> dict[str, float]:
    """Exact match and F1 with their 95% intervals, and of questions with, without and with unseen answers."""
    values = {"exact_match": matches, "answer_f1": _each(answer_f1, questions, answers)}
    figures: dict[str, float] = {}
    for name, each in values.items():
        mean = clustered_mean(each, groups)
        figures |= {name: mean.gain, f"{name}_low": max(mean.low, 0), f"{name}_high": min(mean.high, 1)}
    for part, chosen in _parts(questions, known).items():
        if chosen.any():
            figures |= {f"{name}_{part}": float(each[chosen].mean()) for name, each in values.items()}
    return figures


def _parts(questions: Sequence[Question], known: set[str]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which questions have an answer, have none, and have answers that no training question had."""
    answered = np.array([bool(question.answers) for question in questions])
    unseen = np.array([known.isdisjoint(question.answer_texts) for question in questions])
    return {"with_answer": answered, "without_answer": ~answered, "unseen_answer": answered & unseen}


def _counts(questions: Sequence[Question], known: set[str]) -> dict[str, float]:
    parts = {f"questions_{part}": int(chosen.sum()) for part, chosen in _parts(questions, known).items()}
    return {"questions": len(questions), **parts}


def _predictions(
    questions: Sequence[Question], given: Mapping[str, Sequence[Given]], texts: Mapping[str, Sequence[str]]
) -> pl.DataFrame:
    """id, text (the passage), question, ``actual`` (the first right answer) and ``answers``, their places.

    ``predicted`` with its place (``begin`` and ``end``, null for none) and ``probability``; of rivals
    ``RIVAL_predicted``.
    """
    places = [answers.place or (None, None) for answers in given[""]]
    spans = (write_spans(Span(*place, "answer") for place in asked.answers) for asked in questions)
    return pl.DataFrame(
        {
            "id": [question.id for question in questions],
            "text": [question.passage for question in questions],
            "question": [question.text for question in questions],
            "actual": [next(iter(question.answer_texts), "") for question in questions],
            "answers": list(spans),
            "predicted": texts[""],
            "begin": [begin for begin, _ in places],
            "end": [end for _, end in places],
            "probability": [round(answers.probability, 4) for answers in given[""]],
            "right": _each(exact_match, questions, texts[""]) == 1,
            **{f"{name}_predicted": answers for name, answers in texts.items() if name},
        },
        schema_overrides={"begin": pl.Int64, "end": pl.Int64},
    )


def extractor_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by question; None of one that has none."""
    figure = {"exact_match": exact_match, "answer_f1": answer_f1}.get(metric)
    if figure is None:
        return None
    _, test = _questions(subject, "test", subject.sources)
    answers = _texts(test, _by_model(subject, subject.model, subject.vocabulary, test))
    units, groups = [question.id for question in test], [question.group for question in test]
    return means(units, groups, _each(figure, test, answers))
