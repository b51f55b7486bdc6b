"""Conversations as token ids: special tokens that every tokenizer of ours has stand around the turns.

A conversation is <bos>, then for each turn the token of its role, the text, and the end of the turn;
:mod:`tokenmill.text.chat_template` has the same for ``transformers``. Text that spells a special token is
plain text here, as in all that we encode.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from tokenmill.core.errors import UserError
from tokenmill.data.documents.conversations import Role, Turn
from tokenmill.text.chat_template import ASSISTANT, END_OF_TURN, SYSTEM, USER
from tokenmill.text.tokenizer import SENTINEL_IDS, SPECIAL_TOKENS
from tokenmill.text.vocabulary import Vocabulary

ROLES: Mapping[Role, int] = {"user": USER, "assistant": ASSISTANT, "system": SYSTEM}


class ChatRow(NamedTuple):
    """Token ids of a conversation, or of a part of it."""

    ids: list[int]
    learnt: list[bool]
    """Of each token: whether the model is to say it, as an answer of the assistant's or its end."""


class ChatRows(NamedTuple):
    """A conversation as rows that fit into a context."""

    rows: list[ChatRow]
    left_out: int
    """Answers which fit into no row, even with nothing but the turn before them."""


def check_chat_tokens(vocabulary: Vocabulary, where: str) -> None:
    """Whether a tokenizer has the tokens that stand around turns.

    Raises:
        UserError: it has not; ``where`` begins the message.
    """
    if any(vocabulary.tokenizer.token_to_id(SPECIAL_TOKENS[id]) != id for id in SENTINEL_IDS[-4:]):
        first, last = SPECIAL_TOKENS[SENTINEL_IDS[-4]], SPECIAL_TOKENS[SENTINEL_IDS[-1]]
        raise UserError(
            f"{where}: its tokenizer has no tokens for turns ({first} to {last}, as `dvc repro tokenize` "
            "makes them); take a model with a tokenizer of ours"
        )


def turn_row(vocabulary: Vocabulary, turn: Turn) -> ChatRow:
    """A turn between its role and its end."""
    ids = vocabulary.tokenizer.encode(turn.content, add_special_tokens=False).ids
    said = turn.role == "assistant"
    return ChatRow([ROLES[turn.role], *ids, END_OF_TURN], [False, *[said] * (len(ids) + 1)])


def _joined(vocabulary: Vocabulary, parts: Sequence[ChatRow]) -> ChatRow:
    begin = [] if vocabulary.bos is None else [vocabulary.bos]
    return ChatRow(
        [*begin, *chain.from_iterable(part.ids for part in parts)],
        [*[False] * len(begin), *chain.from_iterable(part.learnt for part in parts)],
    )


def chat_rows(vocabulary: Vocabulary, turns: Sequence[Turn], max_tokens: int) -> ChatRows:
    """A conversation as rows of at most ``max_tokens``, in which each answer of the assistant's stands once.

    One that is too long is cut from its end: the last row holds as many turns as fit, the one before it the
    turns before those, and so on. Each row begins with the system's turn, if there is one, and a user's. What
    follows the last answer is left out.
    """
    parts = [turn_row(vocabulary, turn) for turn in turns]
    head = [part for part, turn in zip(parts, turns, strict=True) if turn.role == "system"]
    first, rows, left_out = len(head), list[ChatRow](), 0
    room = max_tokens - len(_joined(vocabulary, head).ids)
    end = len(parts)
    while end > first:
        if turns[end - 1].role != "assistant":
            end -= 1
            continue
        begin, length = end, 0
        for place in range(end - 1, first - 1, -1):
            length += len(parts[place].ids)
            if length > room:
                break
            if turns[place].role == "user":
                begin = place
        if begin == end:
            end, left_out = end - 1, left_out + 1
            continue
        rows.append(_joined(vocabulary, [*head, *parts[begin:end]]))
        end = begin
    return ChatRows(rows[::-1], left_out)


def chat_prompt(vocabulary: Vocabulary, turns: Sequence[Turn], max_tokens: int) -> list[int]:
    """Ids after which the assistant's answer to the last turn follows, at most ``max_tokens`` of them.

    Of a conversation that is too long the oldest turns are left out; the system's stays.

    Raises:
        UserError: the system's and the last turn are too long for that.
    """
    parts = [turn_row(vocabulary, turn) for turn in turns]
    first = sum(turn.role == "system" for turn in turns)
    for begin in range(first, len(parts)):
        ids = [*_joined(vocabulary, [*parts[:first], *parts[begin:]]).ids, ASSISTANT]
        if len(ids) <= max_tokens and (turns[begin].role == "user" or begin == first):
            return ids
    raise UserError(
        f"the last turn has {len(parts[-1].ids)} tokens, and there is room for {max(0, max_tokens)}; shorten "
        "it, or ask for fewer new tokens"
    )


def shown_row(vocabulary: Vocabulary, row: ChatRow) -> list[tuple[str, bool]]:
    """A row for a person: its text in pieces, special tokens spelt, and whether each piece is learnt."""
    pieces = list[tuple[str, bool]]()
    for learnt, part in groupby(zip(row.ids, row.learnt, strict=True), key=lambda pair: pair[1]):
        text = vocabulary.tokenizer.decode([id for id, _ in part], skip_special_tokens=False)
        pieces.append((text, learnt))
    return pieces
