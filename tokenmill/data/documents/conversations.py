"""The turns of a conversation, as the spans of a document's text have them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast, get_args

from tokenmill.data.documents.spans import read_spans

Role = Literal["system", "user", "assistant"]


class Turn(NamedTuple):
    """What one side says before the other does."""

    role: Role
    content: str


def read_turns(text: str, spans: str | None) -> list[Turn]:
    """The turns of a document, in their order; [] where it is no conversation.

    Raises:
        ValueError: ``spans`` are none.
    """
    labelled = [span for span in read_spans(spans) if span.label in get_args(Role)]
    return [Turn(cast(Role, label), text[begin:end]) for begin, end, label in labelled]


def check_turns(turns: Sequence[Turn]) -> None:
    """Whether turns are a conversation that a user begins, after what a system turn may say.

    Raises:
        ValueError: they are not; the message is a sentence without its subject.
    """
    if any(not turn.content.strip() for turn in turns):
        empty = next(number for number, turn in enumerate(turns, 1) if not turn.content.strip())
        raise ValueError(f"has an empty turn ({empty}, {turns[empty - 1].role})")
    first = next((turn.role for turn in turns if turn.role != "system"), None)
    if first is None:
        raise ValueError("has no turn of a user")
    if first != "user":
        raise ValueError("begins with the assistant; begin it with what a user says")
    if any(turn.role == "system" for turn in turns[1:]):
        raise ValueError("has a system turn that is not its first")
