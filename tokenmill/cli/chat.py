"""`tokenmill chat`: a conversation, one turn a line; the assistant's follow the user's."""

import sys
from collections.abc import Iterator
from typing import Any

from tokenmill.cli.models import LONGEST_LINE, load
from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.inference.generation.sampling import GenerationConfig

PROMPT = "> "
"""Stands on a terminal before what the user writes."""


def chat(name: str, *, system: str | None, **settings: Any) -> None:
    """Answer each line of stdin, with all that was said before it in mind, until there is no more.

    ``settings`` are those of :class:`tokenmill.inference.generation.sampling.GenerationConfig`.
    """
    GenerationConfig(**settings)  # refuses what is out of range before a model is loaded
    loaded = load(name)
    messages = [] if system is None else [{"role": "system", "content": system}]
    for said in _lines():
        messages.append({"role": "user", "content": said})
        answer = api.chat(loaded, messages, **settings)
        print(" ".join(answer.split()), flush=True)
        if answer.strip():
            messages.append({"role": "assistant", "content": answer})


def _lines() -> Iterator[str]:
    """The lines of stdin that hold something."""
    number = 0
    while sys.stdin is not None:
        if sys.stdin.isatty():
            print(PROMPT, end="", flush=True)
        if not (line := sys.stdin.readline(LONGEST_LINE + 1)):
            return
        number += 1
        if len(line) > LONGEST_LINE:
            raise UserError(f"line {number} of stdin has more than {LONGEST_LINE:,} characters; break it up")
        if line.strip():
            yield line.strip()
