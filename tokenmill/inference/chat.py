"""Answers in conversations, by a causal model that was fine-tuned for them (task `chat`)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

import torch

from tokenmill.core.errors import UserError, shown
from tokenmill.data.documents.conversations import Role, Turn, check_turns
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.inference.generation.streaming import cut
from tokenmill.inference.rows import check_texts
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.chat import chat_prompt
from tokenmill.text.chat_template import is_chat
from tokenmill.text.vocabulary import Vocabulary


def read_messages(messages: object) -> list[Turn]:
    """Turns from messages in OpenAI's shape: ``{"role": "user", "content": "..."}``, the last one a user's.

    Raises:
        UserError: they are of another shape, or no conversation that waits for an answer.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes) or not messages:
        raise UserError(f"messages must be a list of objects with role and content, got {shown(messages)}")
    turns = []
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Mapping) or not {"role", "content"} <= message.keys():
            raise UserError(f"message {number} must be an object with role and content, got {shown(message)}")
        role, content = message["role"], message["content"]
        if role not in get_args(Role):
            raise UserError(f"message {number}: role must be system, user or assistant, got {shown(role)}")
        check_texts([content], f"content of message {number}, text")
        turns.append(Turn(cast(Role, role), content))
    try:
        check_turns(turns)
    except ValueError as error:
        raise UserError(f"the conversation {error}") from None
    if turns[-1].role != "user":
        raise UserError("the last message is not a user's; there is nothing to answer")
    return turns


@torch.inference_mode()
def chat(
    model: Model,
    vocabulary: Vocabulary,
    conversations: Sequence[Sequence[Turn]],
    *,
    batch_size: int = 16,
    **settings: Any,
) -> list[str]:
    """The assistant's next turn in each conversation.

    It ends where the model ends its turn, before a stop text, or after ``max_new_tokens``. Of a conversation
    that is too long for the context the oldest turns are not read.

    Args:
        model: a causal language model that was fine-tuned for conversations.
        vocabulary: its own.
        conversations: turns, the last of each a user's.
        batch_size: so many conversations at a time.
        **settings: of :class:`tokenmill.inference.generation.sampling.GenerationConfig`.

    Raises:
        UserError: the model is no such model, a setting is out of range, or the last turn is too long.
    """
    chosen = GenerationConfig(**settings)
    if not isinstance(model, LanguageModel) or not is_chat(vocabulary):
        raise UserError(
            f"this model ({model.config.kind}) was not fine-tuned for conversations; give one that was (chat)"
        )
    if chosen.num_return_sequences > 1:
        raise UserError("num_return_sequences must be 1: a conversation goes on with one answer")
    room = model.config.context - chosen.max_new_tokens
    rows = [chat_prompt(vocabulary, turns, room) for turns in conversations]
    written = generate_ids(model.eval(), vocabulary, rows, chosen, batch_size=batch_size)
    return [cut(vocabulary.decode(answers[0]), chosen.stop) for answers in written]
