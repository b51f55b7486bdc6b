"""The application: which address is answered by what."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tokenmill.serving import openai, rest
from tokenmill.serving.describe import REPORT
from tokenmill.serving.guard import Guard
from tokenmill.serving.models import Models
from tokenmill.serving.requests import Gone, error_response

PAGE = Path(__file__).parent / "page"
FILES = {"/": "index.html", "/style.css": "style.css", "/script.js": "script.js"}

Endpoint = Callable[[Request, Models], Awaitable[Response]]

READ: dict[str, Endpoint] = {
    "/v1/models": openai.list_models,
    "/v1/models/{name:path}": openai.one_model,
    "/api/models": rest.list_models,
    "/api/models/{name:path}": rest.one_model,
    "/api/examples/{name:path}": rest.show_examples,
}
ASKED: dict[str, Endpoint] = {
    "/v1/completions": openai.complete,
    "/v1/chat/completions": openai.chat,
    "/v1/embeddings": openai.embeddings,
    "/api/classify": rest.classify,
    "/api/explain": rest.explain,
    "/api/tag": rest.tag,
    "/api/fill": rest.fill,
    "/api/answer": rest.answer,
    "/api/choose": rest.choose,
}


def application(models: Models, *, token: str | None = None, any_host: bool = False) -> ASGIApp:
    """What a server runs: the page, both kinds of HTTP, and the report where there is one.

    Args:
        models: those that are served.
        token: what clients must send; None: nothing.
        any_host: see :class:`tokenmill.serving.guard.Guard`.
    """

    def answered(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request, models)
            except Gone:
                return Response(status_code=499)  # nobody reads it
            except Exception as error:
                return error_response(error)

        return answer

    async def told(request: Request, error: Any) -> Response:
        return error_response(error)

    routes = [
        *(Route(path, _file(PAGE / name)) for path, name in FILES.items()),
        *(Route(path, answered(endpoint), methods=["GET"]) for path, endpoint in READ.items()),
        *(Route(path, answered(endpoint), methods=["POST"]) for path, endpoint in ASKED.items()),
        Route("/report/{path:path}", answered(_report)),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: told})
    return Guard(app, token=token, any_host=any_host)


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        return FileResponse(path)

    return send


async def _report(request: Request, models: Models) -> Response:
    """A page of the report, or a model's card as text."""
    home = (models.project / REPORT).resolve()
    path = (home / request.path_params["path"]).resolve()
    kinds = {".html": "text/html", ".md": "text/plain"}
    if not path.is_relative_to(home) or path.suffix not in kinds or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=kinds[path.suffix])
