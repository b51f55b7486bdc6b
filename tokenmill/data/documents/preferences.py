"""Preferences, as the spans of a document's text have them: a prompt, a better and a worse answer."""

from typing import NamedTuple

from tokenmill.data.documents.conversations import Turn, read_turns
from tokenmill.data.documents.spans import read_spans


class Preference(NamedTuple):
    """Two answers to one prompt."""

    prompt: list[Turn]
    """[] where there is none."""
    chosen: str
    rejected: str


def read_preference(text: str, spans: str | None) -> Preference | None:
    """The preference that a document holds; None where it holds none.

    Raises:
        ValueError: ``spans`` are none, an answer is empty, or chosen equals rejected; the message is a
            sentence without its subject.
    """
    found = {label: text[begin:end] for begin, end, label in read_spans(spans)}
    if not {"chosen", "rejected"} <= found.keys():
        return None
    chosen, rejected = found["chosen"].strip(), found["rejected"].strip()
    if not chosen or not rejected:
        raise ValueError(f"has an empty answer ({'rejected' if chosen else 'chosen'})")
    if chosen == rejected:
        raise ValueError(f"prefers an answer to the same one (chosen equals rejected: {chosen[:40]!r})")
    return Preference(read_turns(text, spans), chosen, rejected)
