"""What may be asked of a model besides writing: an answer for each input, of several requests at once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.model.folder import LoadedModel
from tokenmill.serving.answers import (
    gaps_answer,
    influences_answer,
    labels_answer,
    passage_answer,
    span_answer,
)
from tokenmill.serving.worker import Job, Run


class Passage(NamedTuple):
    """Where an answer is looked for."""

    question: str
    text: str


class Candidates(NamedTuple):
    """What may stand at one place."""

    texts: tuple[str, ...]
    before: str
    after: str


def together(answer: Callable[..., Sequence[Any]]) -> Run:
    """A function of a model, inputs and settings, called once for several jobs; each gets its part.

    A mistake in one of them is told to that one alone.
    """

    def run(loaded: LoadedModel, jobs: Sequence[Job]) -> None:
        inputs = [each for job in jobs for each in job.inputs]
        settings: Any = jobs[0].settings
        try:
            found = iter(answer(loaded, inputs, **dict(settings)))
        except UserError as error:
            if len(jobs) == 1:
                jobs[0].fail(error)
                return
            for job in jobs:
                run(loaded, [job])
            return
        for job in jobs:
            for _ in job.inputs:
                job.emit(next(found))
            job.finish()

    return run


@together
def classify(loaded: LoadedModel, texts: list[str]) -> list[dict[str, Any]]:
    problem = loaded.model.config.problem_type
    return [labels_answer(problem, found) for found in api.classify(loaded, texts)]


@together
def explain(loaded: LoadedModel, texts: list[str]) -> list[dict[str, Any]]:
    return [
        {"label": found.label, "value": round(found.value, 6), "influences": influences_answer(found)}
        for found in api.explain(loaded, texts)
    ]


@together
def tag(loaded: LoadedModel, texts: list[str]) -> list[dict[str, Any]]:
    found = zip(texts, api.tag(loaded, texts), strict=True)
    return [{"spans": [span_answer(text, span) for span in spans]} for text, spans in found]


@together
def fill(loaded: LoadedModel, texts: list[str], top_k: int) -> list[dict[str, Any]]:
    return [{"gaps": gaps_answer(gaps)} for gaps in api.fill(loaded, texts, top_k=top_k)]


@together
def answer(loaded: LoadedModel, asked: list[Passage], top_k: int, max_tokens: int) -> list[dict[str, Any]]:
    questions, passages = ([getattr(each, name) for each in asked] for name in Passage._fields)
    found = api.answer(loaded, questions, passages, top_k=top_k, max_tokens=max_tokens)
    return [passage_answer(each) for each in found]


@together
def choose(loaded: LoadedModel, asked: list[Candidates], ranking: Any) -> list[list[dict[str, Any]]]:
    return [
        [
            {"text": text, "score": round(score, 6)}
            for text, score in api.choose(
                loaded, each.texts, before=each.before, after=each.after, ranking=ranking
            )
        ]
        for each in asked
    ]


@together
def embed(loaded: LoadedModel, texts: list[str]) -> list[list[float]]:
    vectors: list[list[float]] = api.embed(loaded, texts, normalise=True).tolist()
    return vectors


@together
def count_tokens(loaded: LoadedModel, texts: list[str]) -> list[int]:
    return [len(row) for row in loaded.vocabulary.encode(texts, loaded.model.config.context)]
