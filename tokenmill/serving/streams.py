"""Server-sent events, as OpenAI's clients read them."""

import json
from typing import Any

from tokenmill.serving.requests import error_response

DONE = "data: [DONE]\n\n"


def event(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


def error_event(error: Exception) -> str:
    """What is told of an error after the answer has begun."""
    return event(json.loads(error_response(error).body))
