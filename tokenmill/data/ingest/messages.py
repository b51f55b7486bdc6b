"""Conversations and preferences, each a document, in the forms of OpenAI, TRL, ShareGPT and Alpaca."""

from collections.abc import Iterator, Mapping
from typing import Any

from tokenmill.data.ingest.objects import Item, Items, other_fields, parse_items
from tokenmill.data.ingest.records import Note, Record, Rows, kind_of, make_spanned
from tokenmill.data.ingest.turns import Turn, conversation, lay_out, read_turns

FORMS = {
    "messages": "messages (OpenAI, TRL, chitchat-dataset)",
    "conversations": "conversations (ShareGPT)",
    "instruction": "instruction, input and output (Alpaca)",
    "completion": "prompt and completion (TRL)",
}
"""The field by which a form is known, and what it is called."""
FIELDS = (*FORMS, "input", "output", "prompt", "system", "id", "conversation_id")
PREFERENCE_FIELDS = ("prompt", "chosen", "rejected")


def message_rows(items: Items, columns: Mapping[str, str], max_bytes: int) -> Rows:
    """A document of each conversation. What has an id is a group by it, unless ``columns`` names another."""
    form, joined = "", 0

    def parse(item: Item) -> Iterator[Record | Note]:
        nonlocal form, joined
        name, written = _turns(item.value)
        if not form:
            form = name
            yield Note(f"read as {FORMS[name]}")
        turns = conversation(written)
        joined += len(written) > len(turns)
        fields = other_fields(item.value, columns)
        if "group" not in columns:
            fields["group"] = item.value.get("conversation_id", item.value.get("id"))
        yield make_spanned(item.number, *lay_out(turns), max_bytes, fields)

    yield from parse_items(items, parse)
    if joined:
        yield _joined(joined)


def preference_rows(items: Items, columns: Mapping[str, str], max_bytes: int) -> Rows:
    """A document of each prompt with the answer that was preferred and the other, numbered by line or entry.

    All three are texts or messages (TRL); chosen and rejected may repeat the prompt.
    """

    def parse(item: Item) -> Iterator[Record]:
        *prompt, (_, chosen), (_, rejected) = _preference(item.value)
        turns = [*prompt, Turn("chosen", chosen), Turn("rejected", rejected)]
        fields = other_fields(item.value, columns)
        yield make_spanned(item.number, *lay_out(turns), max_bytes, fields)

    return parse_items(items, parse)


def _turns(row: Any) -> tuple[str, list[Turn]]:
    """The form of a row, and its turns."""
    if not isinstance(row, Mapping):
        raise ValueError(f"a row is {kind_of(row)}, not an object")
    name = next((name for name in FORMS if row.get(name) is not None), None)
    if name is None:
        raise ValueError(f"none of the fields {', '.join(FORMS)}")
    system = [Turn("system", row["system"])] if isinstance(row.get("system"), str) and row["system"] else []
    if name == "instruction":
        asked = [text for key in ("instruction", "input") if (text := _text(row, key)).strip()]
        return name, [*system, Turn("user", "\n".join(asked)), Turn("assistant", _text(row, "output"))]
    if name == "completion":
        return name, [*system, *_side(row, "prompt", "user"), *_side(row, name, "assistant")]
    return name, [*system, *read_turns(row[name])]


def _preference(row: Any) -> list[Turn]:
    """The turns of the prompt, and the chosen and the rejected answer as two turns more."""
    if not isinstance(row, Mapping):
        raise ValueError(f"a row is {kind_of(row)}, not an object")
    prompt = _side(row, "prompt", "user") if row.get("prompt") is not None else []
    sides = []
    for name in ("chosen", "rejected"):
        if row.get(name) is None:
            raise ValueError(f"no {name}")
        turns = _side(row, name, "assistant")
        repeats = turns and turns[0].role != "assistant"
        sides.append(conversation(turns if repeats else [*prompt, *turns]))
    (*before, chosen), (*other, rejected) = sides
    if before != other or (prompt and before != conversation(prompt)):
        raise ValueError("chosen and rejected answer different prompts")
    if chosen.role != "assistant" or rejected.role != "assistant":
        raise ValueError("does not end with an answer of the assistant")
    if chosen == rejected:
        raise ValueError("chosen equals rejected")
    return [*before, chosen, rejected]


def _side(row: Mapping[str, Any], name: str, role: str) -> list[Turn]:
    """A field that is a text, which is a turn of ``role``, or a list of messages."""
    return read_turns(row[name]) if isinstance(row.get(name), list) else [Turn(role, _text(row, name))]


def _text(row: Mapping[str, Any], name: str) -> str:
    text = row.get(name)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{name} is {kind_of(text)}, not text")
    return text or ""


def _joined(count: int) -> Note:
    return Note(
        f"{count:,} conversations have turns of one role in a row, which are joined, with a line end between"
    )
