"""Who is answered: pages of this server and programs, not pages of others; beyond this machine, who has the
token.

A page of another site may send requests to this machine from the browser of whoever opens it. Its own name
in place of ours in ``Host`` (DNS rebinding), a foreign ``Origin``, and bodies that a form can send without
being asked are refused.
"""

import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokenmill.serving.requests import problem

LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
"""What ``Host`` may hold where only this machine is answered."""
OPEN = ("/", "/style.css", "/script.js")
"""What is sent without a token: a page that holds nothing, and asks for the token."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The report's pages carry their styles in themselves, and no script."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Around an application: refuses requests that are not meant for it, and adds headers to what it sends.

    Args:
        app: what is guarded.
        token: what ``Authorization: Bearer`` must hold; None: nothing need be there.
        any_host: whether any ``Host`` will do, as where the server is reached by a name of its network.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, any_host: bool) -> None:
        self.app, self.token, self.any_host = app, token, any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        policy = REPORT_POLICY if scope["path"].startswith("/report/") else PAGE_POLICY

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**HEADERS, "content-security-policy": policy}.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        if refusal is None:
            await self.app(scope, receive, sealed)
        else:
            status, message = refusal
            kind = "authentication_error" if status == 401 else "invalid_request_error"
            await problem(status, message, kind)(scope, receive, sealed)

    def _refusal(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self.any_host and not LOOPBACK.fullmatch(host):
            return 403, "this server answers to the names localhost and 127.0.0.1 alone; use one of them"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "pages of other sites are not answered"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and method != "GET":
            return 403, "pages of other sites are not answered"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method == "POST" and kind != "application/json":
            return 415, "the body must be JSON; send content-type application/json"
        if self.token is not None and path not in OPEN:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self.token.encode()):
                return 401, "a token is needed; send it as `Authorization: Bearer TOKEN`"
        return None
