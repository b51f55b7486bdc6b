"""Preferences as token ids: a row for either answer, each after the same prompt."""

from collections.abc import Sequence

import regex

from tokenmill.data.documents.conversations import Turn
from tokenmill.data.documents.preferences import Preference
from tokenmill.text.chat import ChatRow, chat_prompt, turn_row
from tokenmill.text.chat_template import is_chat
from tokenmill.text.unspaced import UNSPACED
from tokenmill.text.vocabulary import Vocabulary

_WITHOUT_SPACE = regex.compile(rf"[{UNSPACED}\u3000-\u303f\uff00-\uffef]")
"""Characters of scripts without spaces, and their punctuation."""


def prompt_ids(vocabulary: Vocabulary, turns: Sequence[Turn], max_tokens: int) -> list[int]:
    """What stands before an answer: by the template where the model was fine-tuned for conversations, else
    the turns as plain text.

    Raises:
        UserError: of a conversation, the last turn is longer than ``max_tokens``.
    """
    if is_chat(vocabulary):
        return chat_prompt(vocabulary, turns, max_tokens)
    text = "\n".join(turn.content for turn in turns)
    begin = [] if vocabulary.bos is None else [vocabulary.bos]
    return [*begin, *vocabulary.tokenizer.encode(text, add_special_tokens=False).ids]


def preference_rows(
    vocabulary: Vocabulary, preference: Preference, max_tokens: int
) -> tuple[ChatRow, ChatRow] | None:
    """Rows of the chosen and of the rejected answer, of which these and their ends are learnt.

    None where one is longer than ``max_tokens``.

    Raises:
        UserError: of a conversation, the last turn is.
    """
    rows = []
    prompt = prompt_ids(vocabulary, preference.prompt, max_tokens)
    before = preference.prompt[-1].content if preference.prompt else ""
    for answer in (preference.chosen, preference.rejected):
        if is_chat(vocabulary):
            ids = turn_row(vocabulary, Turn("assistant", answer)).ids[1:]
        else:
            ids = vocabulary.tokenizer.encode(_after(before, answer), add_special_tokens=False).ids
            ids += [] if vocabulary.eos is None else [vocabulary.eos]
        rows.append(ChatRow([*prompt, *ids], [*[False] * len(prompt), *[True] * len(ids)]))
    chosen, rejected = rows
    return (chosen, rejected) if max(len(row.ids) for row in rows) <= max_tokens else None


def _after(prompt: str, answer: str) -> str:
    """An answer as it goes on from a prompt: after a space, but not in scripts without."""
    if not prompt or _WITHOUT_SPACE.match(prompt[-1]) or _WITHOUT_SPACE.match(answer[0]):
        return answer
    return f" {answer}"
