"""The server: an address that it may listen on, and uvicorn."""

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path

import uvicorn

from tokenmill.core.errors import UserError
from tokenmill.serving.app import application
from tokenmill.serving.models import Models

SHORTEST_TOKEN = 16
"""Characters that nobody guesses."""


def serve(folders: Mapping[str, Path] | None, *, host: str, port: int, token: str | None) -> None:
    """Serve models until Ctrl-C.

    Args:
        folders: name to folder; None: what stands in data/models.
        host: the address to listen on.
        port: its port; 0: any free one.
        token: what clients must send.

    Raises:
        UserError: the address is beyond this machine and there is no token, it is taken, or there is no
            model.
    """
    local = is_loopback(host)
    check_token(token, host, local=local)
    models = Models(folders)
    if not models.folders:
        raise UserError(
            "data/models: holds no model; train one with `make repro`, or name a model folder or "
            "models:/NAME@ALIAS"
        )
    listening = listen(host, port)
    app = application(models, token=token, any_host=not local)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", lifespan="off", server_header=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{listening.getsockname()[1]}", flush=True)
    print(f"serving {', '.join(models.folders)}; Ctrl-C ends it", flush=True)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn raises it again when it has ended
        pass
    finally:
        models.close()


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(token: str | None, host: str, *, local: bool) -> None:
    """Refuse to be reached from elsewhere without a token, or with one that cannot be sent.

    Raises:
        UserError: see above.
    """
    if token is None:
        if not local:
            raise UserError(
                f"--host {host}: others reach this address; give a --token of {SHORTEST_TOKEN} characters or "
                "more that clients must send, or leave --host out"
            )
        return
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(
            f"--token must have {SHORTEST_TOKEN} characters or more, ASCII without spaces; "
            'make one with `python -c "import secrets; print(secrets.token_urlsafe())"`'
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UserError: the address is not one of this machine's, or is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{host}:{port}: {reason}; name another --port or --host") from None
    return listening
