"""The part of OpenAI's HTTP that clients of language models use: models, completions, chat, embeddings.

Fields that would change an answer in a way that models here do not know are refused by name; those that only
tell OpenAI's service something are not looked at. ``top_k``, ``min_p`` and ``repetition_penalty`` are ours.
"""

import base64
import struct
import time
import uuid
from collections.abc import AsyncIterator, Hashable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tokenmill.core.errors import UserError, shown
from tokenmill.serving import tasks
from tokenmill.serving.limits import MOST_SAMPLES, MOST_TEXTS
from tokenmill.serving.models import Models
from tokenmill.serving.requests import check_size, read_body, results
from tokenmill.serving.streams import DONE, error_event, event
from tokenmill.serving.worker import Job
from tokenmill.serving.writing import Begun, Ended, Piece, write

IGNORED = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "timeout"}
)
"""Fields that change no answer."""
NOTHING: tuple[object, ...] = (None, False, 0, 0.0, "", [], {})
"""Values that ask for nothing in any other field: ``logprobs: false``."""
USUAL: dict[str, object] = {
    "best_of": 1,
    "response_format": {"type": "text"},
    "modalities": ["text"],
    "tool_choice": "none",
    "parallel_tool_calls": True,
}
"""Values of fields that ask for what is done anyhow."""


class StreamOptions(BaseModel):
    """Of a text that is given out as it comes."""

    include_usage: bool | None = None


class Body(BaseModel):
    """What all requests have."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    model: str

    def refuse_unknown(self) -> None:
        """Refuse a field that would have to change the answer.

        Raises:
            UserError: there is one.
        """
        for name, value in (self.model_extra or {}).items():
            empty = (*NOTHING, USUAL.get(name))
            if name not in IGNORED and not any(type(value) is type(no) and value == no for no in empty):
                raise UserError(f"{shown(name, 40)} is not supported here; leave it out")


class Writing(Body):
    """How texts are written."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = Field(None, ge=1, le=MOST_SAMPLES)
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None

    def settings(self, longest: int | None) -> Hashable:
        """Those of :class:`tokenmill.inference.generation.sampling.GenerationConfig` that are given."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if len(stop) > 4:
            raise UserError(f"stop has {len(stop)} texts; give at most 4")
        names = ("temperature", "top_p", "seed", "top_k", "min_p", "repetition_penalty")
        given = {name: getattr(self, name) for name in names}
        given |= {"max_new_tokens": longest, "num_return_sequences": self.n, "stop": stop or None}
        return tuple(sorted((name, value) for name, value in given.items() if value is not None))


class CompletionBody(Writing):
    """/v1/completions."""

    prompt: str | list[str]


class ChatBody(Writing):
    """/v1/chat/completions."""

    messages: list[dict[str, Any]] = Field(max_length=MOST_TEXTS)
    max_completion_tokens: int | None = None


class EmbeddingsBody(Body):
    """/v1/embeddings."""

    input: str | list[str]
    encoding_format: Literal["float", "base64"] | None = None


class Shape:
    """How an endpoint's answers look: those of texts, or those of chats."""

    def __init__(self, model: str, *, chat: bool) -> None:
        self.chat = chat
        self.head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        kind = "chat.completion" if self.chat else "text_completion"
        return {**self.head, "object": kind, "choices": choices, "usage": usage}

    def choice(self, index: int, text: str, reason: str) -> dict[str, Any]:
        said = {"message": {"role": "assistant", "content": text, "refusal": None}}
        return {
            "index": index,
            **(said if self.chat else {"text": text}),
            "logprobs": None,
            "finish_reason": reason,
        }

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        return {**self.head, "object": kind, "choices": choices, **more}

    def part(
        self, index: int, text: str, reason: str | None = None, *, first: bool = False
    ) -> dict[str, Any]:
        delta: dict[str, Any] = {"role": "assistant"} if first else {}
        if text or first:
            delta["content"] = text
        said = {"delta": delta} if self.chat else {"text": text}
        return self.chunk([{"index": index, **said, "logprobs": None, "finish_reason": reason}])


def model_object(models: Models, name: str) -> dict[str, Any]:
    """A model as /v1/models lists it."""
    created = int((models.folder(name) / "config.json").stat().st_mtime)
    return {"id": name, "object": "model", "created": created, "owned_by": "tokenmill"}


async def list_models(request: Request, models: Models) -> Response:
    """GET /v1/models."""
    data = [model_object(models, name) for name in models.folders]
    return JSONResponse({"object": "list", "data": data})


async def one_model(request: Request, models: Models) -> Response:
    """GET /v1/models/NAME."""
    return JSONResponse(model_object(models, request.path_params["name"]))


async def complete(request: Request, models: Models) -> Response:
    """POST /v1/completions."""
    body = await read_body(request, CompletionBody)
    body.refuse_unknown()
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    check_size(prompts, "prompt")
    job = _job(prompts, body, body.max_tokens)
    return await _answer(request, models, body, job, Shape(body.model, chat=False))


async def chat(request: Request, models: Models) -> Response:
    """POST /v1/chat/completions."""
    body = await read_body(request, ChatBody)
    body.refuse_unknown()
    check_size([str(message.get("content", "")) for message in body.messages], "messages")
    longest = body.max_completion_tokens or body.max_tokens
    job = _job([body.messages], body, longest)
    return await _answer(request, models, body, job, Shape(body.model, chat=True))


async def embeddings(request: Request, models: Models) -> Response:
    """POST /v1/embeddings: vectors of length 1, the mean over a text's tokens."""
    body = await read_body(request, EmbeddingsBody)
    body.refuse_unknown()
    texts = [body.input] if isinstance(body.input, str) else body.input
    check_size(texts, "input")
    vectors = await results(request, models, body.model, Job(tasks.embed, texts, rows=len(texts)))
    tokens = sum(await results(request, models, body.model, Job(tasks.count_tokens, texts)))
    packed = body.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _job(inputs: list[Any], body: Writing, longest: int | None) -> Job:
    rows = len(inputs) * (body.n or 1)
    return Job(write, inputs, body.settings(longest), rows=rows, streamed=bool(body.stream))


async def _answer(request: Request, models: Models, body: Writing, job: Job, shape: Shape) -> Response:
    if not body.stream:
        return JSONResponse(_whole(shape, await results(request, models, body.model, job)))
    models.submit(body.model, job)
    parts = job.events()
    begun = await anext(parts)  # a mistake is told before anything is sent
    usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return StreamingResponse(
        _stream(shape, begun, parts, usage=usage),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


def _whole(shape: Shape, events: list[Any]) -> dict[str, Any]:
    texts: dict[int, str] = {}
    ends: dict[int, Ended] = {}
    for each in events:
        if isinstance(each, Piece):
            texts[each.number] = texts.get(each.number, "") + each.text
        elif isinstance(each, Ended):
            ends[each.number] = each
    choices = [shape.choice(n, texts.get(n, ""), end.reason) for n, end in sorted(ends.items())]
    return shape.whole(choices, _usage(events[0], list(ends.values())))


def _usage(begun: Begun, ends: list[Ended]) -> dict[str, int]:
    written = sum(end.tokens for end in ends)
    read = begun.prompt_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


async def _stream(
    shape: Shape, begun: Begun, parts: AsyncIterator[Any], *, usage: bool
) -> AsyncIterator[str]:
    seen, ends = set[int](), list[Ended]()
    try:
        async for each in parts:
            if shape.chat and each.number not in seen:
                yield event(shape.part(each.number, "", first=True))
            seen.add(each.number)
            if isinstance(each, Piece):
                yield event(shape.part(each.number, each.text))
            else:
                ends.append(each)
                yield event(shape.part(each.number, "", each.reason))
    except Exception as error:
        yield error_event(error)
        return
    if usage:
        yield event(shape.chunk([], usage=_usage(begun, ends)))
    yield DONE
