"""Reading what others may have broken."""

import json
from pathlib import Path
from typing import Any

from lm.errors import UserError


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UserError: it is missing, broken or no object; the message ends with ``remedy``.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: missing; {remedy}") from None
    except ValueError:
        raise UserError(f"{path}: not readable as JSON; {remedy}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: must be a JSON object, got {type(value).__name__}; {remedy}")
    return value
