"""Which Prefect server is used, and its password.

prefect.toml holds what all users of the repository share; Prefect reads it, and ``.env``, in the current
folder. ``python -m flows.settings`` writes a random password into ``.env`` (which git ignores) when there is
none yet.
"""

import os
import secrets
import time
from pathlib import Path

from tokenmill.core.errors import UserError

ENV_FILE = Path(".env")
SERVER_AUTH = "PREFECT_SERVER_API_AUTH_STRING"
CLIENT_AUTH = "PREFECT_API_AUTH_STRING"
TRIES = 3
"""A server that is busy answers late; one that is gone refuses at once."""


def ensure_password(path: Path = ENV_FILE) -> bool:
    """Append a random ``user:password`` for server and clients to ``.env``; whether there was none before.

    A password in the environment or in the file stays as it is. The file becomes readable by its owner only.
    """
    text = path.read_text("utf-8") if path.exists() else ""
    names = {line.partition("=")[0].removeprefix("export ").strip() for line in text.splitlines()}
    if SERVER_AUTH in names or SERVER_AUTH in os.environ:
        return False
    auth = f"tokenmill:{secrets.token_urlsafe(24)}"
    new = f"# The Prefect server asks for this password, and its clients send it.\n{SERVER_AUTH}={auth}\n"
    if CLIENT_AUTH not in names:
        new += f"{CLIENT_AUTH}={auth}\n"
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + new if text and not text.endswith("\n") else new)
    return True


def require_server() -> None:
    """Check that the configured Prefect server answers, and takes our password.

    Raises:
        UserError: no server is configured, none answers, or it wants another password.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    start = "start one with `make prefect-server`"
    if not url:
        raise UserError(f"PREFECT_API_URL: no Prefect server is set; {start} and run this in the repository")
    try:
        with get_client(sync_client=True) as client:
            client.read_flow_runs(limit=1)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        why = f"wants another password ({CLIENT_AUTH})" if status == 401 else f"answers with status {status}"
        raise UserError(f"PREFECT_API_URL: the Prefect server at {url} {why}") from error
    except Exception as error:
        raise UserError(f"PREFECT_API_URL: no Prefect server answers at {url}; {start}") from error


def server_answers() -> bool:
    """Whether the Prefect server of this run answers within some seconds; an ephemeral one always does."""
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    for left in range(TRIES, 0, -1):
        try:
            if not url or httpx.get(f"{url}/health", timeout=5).is_success:
                return True
        except httpx.TransportError:
            pass
        if left > 1:
            time.sleep(2)
    return False


def main() -> None:
    """Prepare ``.env`` and say how to log in."""
    if ensure_password():
        print(f"wrote a new password for the Prefect server to {ENV_FILE}")
    print(f"the web page asks for the value of {SERVER_AUTH} in {ENV_FILE}", flush=True)


if __name__ == "__main__":
    main()
