"""Requests as they come: JSON of a bounded size that fits a schema, and errors in OpenAI's form."""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from tokenmill.core.errors import UserError, one_line, shown
from tokenmill.jobs.mistakes import explain
from tokenmill.serving.limits import MOST_BODY_BYTES, MOST_CHARACTERS, MOST_TEXTS
from tokenmill.serving.models import Models, UnknownModel
from tokenmill.serving.worker import Busy, Job

Body = TypeVar("Body", bound=BaseModel)


class Strict(BaseModel):
    """Base of all bodies: no silent conversions."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class TooLarge(UserError):
    """A request has more bytes than are read."""


class Gone(Exception):
    """The client did not wait for the answer."""


async def read_body(request: Request, schema: type[Body]) -> Body:
    """The body of a request.

    Raises:
        UserError: it is too large, no JSON, or does not fit the schema.
    """
    content = await _bytes(request)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise UserError("the body is no JSON; send an object, and content-type application/json") from None
    if not isinstance(value, dict):
        raise UserError(f"the body must be a JSON object, got {shown(value)}")
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise UserError(explain(error.errors()[0], schema)) from None


async def _bytes(request: Request) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BODY_BYTES:
            raise TooLarge(f"the body has more than {MOST_BODY_BYTES:,} bytes; send less at a time")
    return bytes(content)


def check_size(texts: Iterable[str], what: str, most: int = MOST_TEXTS) -> None:
    """Refuse what is too much for one request.

    Raises:
        UserError: there are none, too many, or too long ones.
    """
    lengths = [len(text) for text in texts]
    if not lengths:
        raise UserError(f"{what} is empty; give one text at least")
    if len(lengths) > most:
        raise UserError(f"{what} has {len(lengths)} texts; send at most {most} at a time")
    if sum(lengths) > MOST_CHARACTERS:
        raise UserError(f"{what} has {sum(lengths):,} characters; send at most {MOST_CHARACTERS:,} at a time")


async def results(request: Request, models: Models, name: str, job: Job) -> list[Any]:
    """All of a job's answer; the job is given up when the client goes away.

    Raises:
        Gone: it has.
    """
    models.submit(name, job)
    answer = asyncio.ensure_future(job.results())
    left = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({answer, left}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise Gone
        return answer.result()
    finally:
        job.cancelled = True
        for task in (answer, left):
            task.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def problem(
    status: int, message: str, kind: str, *, code: str | None = None, param: str | None = None
) -> Any:
    """An error as OpenAI's clients read it."""
    error = {"message": one_line(message), "type": kind, "param": param, "code": code}
    headers = {"retry-after": "1"} if status == 503 else None
    return JSONResponse({"error": error}, status, headers)


def error_response(error: Exception) -> Any:
    """What a client is told of an error: of its own mistake a line, of ours only that there was one."""
    match error:
        case UnknownModel():
            return problem(404, str(error), "invalid_request_error", code="model_not_found", param="model")
        case TooLarge():
            return problem(413, str(error), "invalid_request_error")
        case UserError():
            return problem(400, str(error), "invalid_request_error")
        case Busy():
            return problem(503, "too many requests wait for this model; try again", "server_error")
        case HTTPException():
            return problem(error.status_code, _http_message(error), "invalid_request_error")
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    message = "the model failed at this request; the server's log says where"
    return problem(500, message, "server_error")


def _http_message(error: HTTPException) -> str:
    known = {404: "there is nothing at this address", 405: "this address is asked in another way"}
    return known.get(error.status_code, error.detail)
