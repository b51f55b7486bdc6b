"""The tasks that OpenAI's HTTP has no address for, and what the page asks: JSON in, JSON out."""

from typing import Any, Literal

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tokenmill.core.errors import UserError
from tokenmill.inference.answer import MAX_TOKENS
from tokenmill.serving import tasks
from tokenmill.serving.describe import describe, listed, origin
from tokenmill.serving.examples import examples
from tokenmill.serving.limits import MOST_CANDIDATES, MOST_EXPLAINED
from tokenmill.serving.models import Models
from tokenmill.serving.requests import Strict, check_size, read_body, results
from tokenmill.serving.worker import Job, Run


class TextsBody(Strict):
    """/api/classify, /api/explain, /api/tag."""

    model: str
    texts: list[str]


class FillBody(TextsBody):
    """/api/fill."""

    top_k: int = Field(5, ge=1, le=MOST_CANDIDATES)


class AnswerBody(Strict):
    """/api/answer: a question for each passage."""

    model: str
    questions: list[str]
    passages: list[str]
    top_k: int = Field(1, ge=1, le=MOST_CANDIDATES)
    max_tokens: int = Field(MAX_TOKENS, ge=1)


class ChooseBody(Strict):
    """/api/choose."""

    model: str
    candidates: list[str]
    before: str = ""
    after: str = ""
    ranking: Literal["sum", "per_byte", "pmi"] = "sum"


async def classify(request: Request, models: Models) -> Response:
    return await _texts(request, models, tasks.classify)


async def explain(request: Request, models: Models) -> Response:
    return await _texts(request, models, tasks.explain, MOST_EXPLAINED)


async def tag(request: Request, models: Models) -> Response:
    return await _texts(request, models, tasks.tag)


async def _texts(request: Request, models: Models, run: Run, *most: int) -> Response:
    body = await read_body(request, TextsBody)
    check_size(body.texts, "texts", *most)
    return await _results(request, models, body.model, Job(run, body.texts, rows=len(body.texts)))


async def fill(request: Request, models: Models) -> Response:
    body = await read_body(request, FillBody)
    check_size(body.texts, "texts")
    settings = (("top_k", body.top_k),)
    return await _results(
        request, models, body.model, Job(tasks.fill, body.texts, settings, rows=len(body.texts))
    )


async def answer(request: Request, models: Models) -> Response:
    body = await read_body(request, AnswerBody)
    check_size(body.passages, "passages")
    check_size(body.questions, "questions")
    if len(body.questions) != len(body.passages):
        raise UserError(
            f"{len(body.questions)} questions for {len(body.passages)} passages; give one for each passage"
        )
    asked = [tasks.Passage(*each) for each in zip(body.questions, body.passages, strict=True)]
    settings = (("top_k", body.top_k), ("max_tokens", body.max_tokens))
    return await _results(request, models, body.model, Job(tasks.answer, asked, settings, rows=len(asked)))


async def choose(request: Request, models: Models) -> Response:
    body = await read_body(request, ChooseBody)
    check_size(body.candidates, "candidates")
    check_size([body.before, body.after], "before and after")
    asked = tasks.Candidates(tuple(body.candidates), body.before, body.after)
    job = Job(tasks.choose, [asked], (("ranking", body.ranking),), rows=len(body.candidates))
    (found,) = await results(request, models, body.model, job)
    return JSONResponse({"model": body.model, "results": found})


async def _results(request: Request, models: Models, name: str, job: Job) -> Response:
    found: list[Any] = await results(request, models, name, job)
    return JSONResponse({"model": name, "results": found})


async def list_models(request: Request, models: Models) -> Response:
    """GET /api/models: names and kinds; no model is loaded for it."""
    return JSONResponse({"models": listed(models)})


async def one_model(request: Request, models: Models) -> Response:
    """GET /api/models/NAME: what may be asked of a model, which is loaded for it."""
    name = request.path_params["name"]
    (facts,) = await results(request, models, name, Job(describe, [None]))
    return JSONResponse({"name": name, **facts, **origin(models, name)})


async def show_examples(request: Request, models: Models) -> Response:
    """GET /api/examples/NAME?task=TASK: texts of the test split that suit a task."""
    name, task = request.path_params["name"], request.query_params.get("task", "")
    found = await run_in_threadpool(examples, models, name, task)
    return JSONResponse({"examples": found})
