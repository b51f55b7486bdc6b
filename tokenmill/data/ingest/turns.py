"""Turns of conversations: whose they are, what makes a conversation, and how it becomes a text with spans."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tokenmill.data.documents.spans import Span
from tokenmill.data.ingest.records import kind_of

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}
"""Names of roles in files, and ours."""


class Turn(NamedTuple):
    """What one side says."""

    role: str
    text: str


def read_turns(written: Any) -> list[Turn]:
    """Turns from a list of objects: role and content (OpenAI), from and value (ShareGPT), or from the
    lists of messages with text and sender that chitchat-dataset has.

    Raises:
        ValueError: one has no role that is known, or no text.
    """
    if not isinstance(written, list):
        raise ValueError(f"a conversation is {kind_of(written)}, not a list of turns")
    if written and all(isinstance(turn, list) for turn in written):
        return _by_sender(written)
    return [_turn(turn) for turn in written]


def conversation(turns: Iterable[Turn]) -> list[Turn]:
    """The turns as a conversation: turns of one role in a row are one, with a line end between them.

    Raises:
        ValueError: a turn is empty; there is a system's after the first; or none of the user before one of
            the assistant.
    """
    found: list[Turn] = []
    for number, turn in enumerate(turns, start=1):
        text = turn.text.strip()
        if not text:
            raise ValueError(f"turn {number} ({turn.role}) is empty")
        if found and found[-1].role == turn.role:
            found[-1] = Turn(turn.role, f"{found[-1].text}\n{text}")
        elif found and turn.role == "system":
            raise ValueError(f"turn {number} is the system's, which may only be the first")
        else:
            found.append(Turn(turn.role, text))
    first = next((turn.role for turn in found if turn.role != "system"), None)
    if first is None:
        raise ValueError("no turn of the user")
    if first == "assistant":
        raise ValueError("begins with the assistant")
    return found


def lay_out(turns: Sequence[Turn]) -> tuple[str, list[Span]]:
    """A text with a turn below the other, and a span of each with its role."""
    spans, place = [], 0
    for role, text in turns:
        spans.append(Span(place, place + len(text), role))
        place += len(text) + 1
    return "\n".join(turn.text for turn in turns), spans


def _turn(written: Any) -> Turn:
    if not isinstance(written, Mapping):
        raise ValueError(f"a turn is {kind_of(written)}, not an object")
    theirs, text = (
        (written["from"], written.get("value"))
        if "from" in written
        else (written.get("role"), written.get("content"))
    )
    role = ROLES.get(theirs.lower()) if isinstance(theirs, str) else None
    if role is None:
        raise ValueError(f"unknown role {str(theirs)[:40]!r}; known are {', '.join(ROLES)}")
    if isinstance(text, list):  # parts, as for models that see pictures
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in text]
        if not all(isinstance(part, str) for part in parts):
            raise ValueError("a turn has parts that are no text")
        text = "\n".join(map(str, parts))
    if text is not None and not isinstance(text, str):
        raise ValueError(f"a turn's text is {kind_of(text)}, not text")
    return Turn(role, text or "")


def _by_sender(written: list[list[Any]]) -> list[Turn]:
    """The sender of the first message is the user, the other the assistant; empty messages are left out."""
    turns: list[Turn] = []
    senders: list[Any] = []
    for messages in written:
        for message in messages:
            text = message.get("text") if isinstance(message, Mapping) else None
            if not isinstance(text, str):
                raise ValueError("a message has no text")
            if not text.strip():
                continue
            if message.get("sender") not in senders:
                senders.append(message.get("sender"))
            if len(senders) > 2:
                raise ValueError("more than two senders")
            turns.append(Turn("user" if message.get("sender") == senders[0] else "assistant", text))
    return turns
