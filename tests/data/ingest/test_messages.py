"""Conversations and preferences, in each of the forms that people have, as texts with a span a turn."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.ingest.helpers import notes, read_source
from tokenmill.data.documents.spans import read_spans

Turns = list[tuple[str, str]]
HELLO: Turns = [("user", "你好"), ("assistant", "hello\nthere")]


def said(**turns: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in turns.items()]


def read(folder: Path, *rows: Any, format_: str = "messages") -> tuple[list[Turns], list[str]]:
    """The turns of each document, as spans have them, and the reasons of rejects."""
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    documents, rejects = read_source(folder, {"a.jsonl": content}, format=format_)
    found = []
    for text, written in documents.select("text", "spans").rows():
        spans = read_spans(written)
        assert "\n".join(text[begin:end] for begin, end, _ in spans) == text
        found.append([(label, text[begin:end]) for begin, end, label in spans])
    return found, rejects["reason"].to_list()


SHARE = [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "hello\nthere"}]
PARTS = [{"type": "text", "text": "hello"}, {"type": "text", "text": "there"}]
CHITCHAT = [
    [{"text": " ", "sender": "b"}, {"text": "你好", "sender": "a"}],
    [{"text": "hello", "sender": "b"}, {"text": "there", "sender": "b"}],
]
FORMS: dict[str, tuple[Any, str]] = {
    "OpenAI": ({"messages": said(user=" 你好\n", assistant="hello\nthere")}, "messages (OpenAI, TRL"),
    "parts": (
        {"messages": [*said(user="你好"), {"role": "assistant", "content": PARTS}]},
        "messages (OpenAI",
    ),
    "ShareGPT": ({"conversations": SHARE}, "conversations (ShareGPT)"),
    "Alpaca": (
        {"instruction": "你好", "input": "", "output": "hello\nthere"},
        "instruction, input and output (Alpaca)",
    ),
    "TRL, texts": ({"prompt": "你好", "completion": "hello\nthere"}, "prompt and completion (TRL)"),
    "TRL, messages": (
        {"prompt": said(user="你好"), "completion": said(assistant="hello\nthere")},
        "prompt and completion (TRL)",
    ),
    "chitchat": ({"messages": CHITCHAT}, "messages (OpenAI, TRL, chitchat-dataset)"),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path: Path, form: str) -> None:
    row, name = FORMS[form]
    assert read(tmp_path, row, row) == ([HELLO] * 2, [])
    assert notes(tmp_path)[0].startswith(f"a.jsonl: read as {name}")


def test_system_and_input(tmp_path: Path) -> None:
    rows = [
        {"messages": said(system="be kind", user="a", assistant="b")},
        {"system": "be kind", "instruction": "a", "input": "c", "output": "b"},
    ]
    start = ("system", "be kind")
    found, _ = read(tmp_path, *rows)
    assert found == [
        [start, ("user", "a"), ("assistant", "b")],
        [start, ("user", "a\nc"), ("assistant", "b")],
    ]


def test_turns_of_one_role_are_joined_and_counted(tmp_path: Path) -> None:
    messages = [*said(user="one"), *said(user="two", assistant="three")]
    found, _ = read(tmp_path, {"messages": messages})
    assert found == [[("user", "one\ntwo"), ("assistant", "three")]]
    assert notes(tmp_path)[1] == (
        "a.jsonl: 1 conversations have turns of one role in a row, which are joined, with a line end between"
    )


BAD: list[tuple[Any, str]] = [
    ({"messages": said(assistant="a", user="b")}, "begins with the assistant"),
    ({"messages": said(system="s", assistant="a")}, "begins with the assistant"),
    ({"messages": said(system="s")}, "no turn of the user"),
    ({"messages": []}, "no turn of the user"),
    ({"messages": said(user="a", assistant=" \n")}, "turn 2 (assistant) is empty"),
    ({"messages": [{"role": "user", "content": None}]}, "turn 1 (user) is empty"),
    ({"messages": said(user="a", system="s")}, "turn 2 is the system's, which may only be the first"),
    ({"messages": said(tool="a")}, "unknown role 'tool'; known are system, user, human, assistant, gpt"),
    ({"messages": [{"content": "a"}]}, "unknown role 'None'; known are system, user, human, assistant, gpt"),
    ({"messages": [{"role": "user", "content": 7}]}, "a turn's text is a number, not text"),
    ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "a turn has parts that are no text"),
    ({"messages": ["hello"]}, "a turn is text, not an object"),
    ({"messages": "hello"}, "a conversation is text, not a list of turns"),
    ({"messages": [[{"text": "a", "sender": n}] for n in range(3)]}, "more than two senders"),
    ({"messages": [[{"sender": 1}]]}, "a message has no text"),
    ({"instruction": "", "input": "", "output": "b"}, "turn 1 (user) is empty"),
    ({"instruction": "a", "output": 7}, "output is a number, not text"),
    ({"text": "a"}, "none of the fields messages, conversations, instruction, completion"),
    (["a"], "a row is a list, not an object"),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=[f"{n} {reason}" for n, (_, reason) in enumerate(BAD)])
def test_bad_conversations(tmp_path: Path, row: Any, reason: str) -> None:
    found, reasons = read(tmp_path, row, {"messages": said(user="你好", assistant="hello\nthere")})
    assert found == [HELLO] and reasons == [reason]


def test_an_object_of_conversations_and_groups(tmp_path: Path) -> None:
    rows = {"one": {"messages": said(user="a")}, "two": {"messages": said(user="b"), "id": 7}, "three": 4}
    documents, rejects = read_source(tmp_path, {"a.json": json.dumps(rows)}, format="messages")
    assert documents.select("text", "group").rows() == [("a", "one"), ("b", "7")]
    assert rejects.select("line", "reason", "raw").rows() == [(3, "a row is a number, not an object", "4")]
    lines = json.dumps({"messages": said(user="a"), "id": "x", "topic": "t"})
    documents, _ = read_source(
        tmp_path, {"b.json": f"{lines}\n{lines}\n"}, format="messages", columns={"group": "topic"}
    )
    assert documents.select("text", "group").rows() == [("a", "t")] * 2


def test_conversations_of_chatterbot_as_a_whole(tmp_path: Path) -> None:
    content = "conversations:\n- - hello\n  - hi\n  - 42\n- [a, ~]\n- []\n- text\n"
    documents, rejects = read_source(tmp_path, {"a.yml": content}, format="messages")
    assert documents["text"].to_list() == ["hello\nhi\n42"]
    assert [label for _, _, label in read_spans(documents["spans"][0])] == ["user", "assistant", "user"]
    assert rejects.select("line", "reason").rows() == [
        (5, "a turn is no text"),
        (7, "a conversation is no list of turns"),
    ]


PROMPT = said(user="q")
PREFERENCES: dict[str, Any] = {
    "texts": {"prompt": "q", "chosen": "good", "rejected": "bad"},
    "messages": {"prompt": PROMPT, "chosen": said(assistant="good"), "rejected": said(assistant="bad")},
    "with the prompt": {
        "prompt": "q",
        "chosen": [*PROMPT, *said(assistant="good")],
        "rejected": [*PROMPT, *said(assistant="bad")],
    },
    "without a prompt of its own": {
        "chosen": [*PROMPT, *said(assistant="good")],
        "rejected": [*PROMPT, *said(assistant="bad")],
    },
}


@pytest.mark.parametrize("form", PREFERENCES)
def test_preferences(tmp_path: Path, form: str) -> None:
    found, reasons = read(tmp_path, PREFERENCES[form], format_="preferences")
    assert found == [[("user", "q"), ("chosen", "good"), ("rejected", "bad")]] and reasons == []


BAD_PREFERENCES = [
    ({"prompt": "q", "chosen": "a", "rejected": " a"}, "chosen equals rejected"),
    ({"prompt": "q", "chosen": "", "rejected": "a"}, "turn 2 (assistant) is empty"),
    ({"prompt": "q", "chosen": "a", "rejected": " "}, "turn 2 (assistant) is empty"),
    ({"prompt": "", "chosen": "a", "rejected": "b"}, "turn 1 (user) is empty"),
    ({"chosen": "a", "rejected": "b"}, "begins with the assistant"),
    ({"prompt": "q", "chosen": "a"}, "no rejected"),
    ({"prompt": "q", "rejected": "a"}, "no chosen"),
    ({"prompt": "q", "chosen": 1, "rejected": "a"}, "chosen is a number, not text"),
    (
        {"prompt": "q", "chosen": said(user="other", assistant="a"), "rejected": "b"},
        "chosen and rejected answer different prompts",
    ),
    (
        {"prompt": "q", "chosen": said(user="p", assistant="a"), "rejected": said(user="p", assistant="b")},
        "chosen and rejected answer different prompts",
    ),
    ({"chosen": PROMPT, "rejected": PROMPT}, "does not end with an answer of the assistant"),
    ("a", "a row is text, not an object"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_PREFERENCES)
def test_bad_preferences(tmp_path: Path, row: Any, reason: str) -> None:
    found, reasons = read(tmp_path, PREFERENCES["texts"], row, format_="preferences")
    assert len(found) == 1 and reasons == [reason]
