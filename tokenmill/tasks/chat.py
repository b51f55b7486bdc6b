"""Chat: the assistant's turns of conversations are learned, each with its end; the others' are only read."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import polars as pl
import torch
from torch import nn

from tokenmill.core.errors import UserError, one_line
from tokenmill.core.splits import Split
from tokenmill.data.documents.conversations import check_turns, read_turns
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.model.padding import pad_rows
from tokenmill.objectives.examples import IGNORE_INDEX, Examples, FullExamples
from tokenmill.tasks.by_length import ByLength
from tokenmill.tasks.labelling import VALIDATION_ROWS
from tokenmill.tasks.settings import ChatSettings
from tokenmill.text.chat import ChatRow, chat_rows, check_chat_tokens, shown_row
from tokenmill.text.vocabulary import Vocabulary
from tokenmill.training.task import Batch

SHOWN_TOKENS = 200
"""Of the example in the log."""


class Chat(ByLength):
    """Rows of conversations, and the model that answers in them."""

    figures: ClassVar[tuple[str, ...]] = ("loss",)
    chat = True

    def __init__(
        self,
        config: ModelConfig,
        *,
        train: Sequence[ChatRow],
        validation: Sequence[ChatRow],
        documents: int,
        padding: int,
        batch_size: int,
        seed: int,
    ) -> None:
        lengths = (len(row.ids) - 1 for row in train)  # the last token is a label only
        super().__init__(lengths, documents=documents, batch_size=batch_size, seed=seed)
        self.config, self.train, self.validation, self.padding = config, train, validation, padding

    def largest(self, rows: int) -> Examples:
        """As many rows as long as the longest, all of which are learnt."""
        tokens_BT = torch.zeros(rows, self.longest, dtype=torch.long)
        return FullExamples(tokens_BT, tokens_BT, total=tokens_BT.numel())

    def batch(self, step: int) -> Batch:
        """Rows of like length."""
        chosen = self._chosen(step)
        examples = answers_of([self.train[index] for index in chosen], self.padding)
        return Batch(step, sum(self._lengths[index] for index in chosen), examples)

    def origin(self, step: int) -> str:
        """Which rows of training conversations a step reads, counted from 0."""
        return f"its rows are numbers {', '.join(map(str, self._chosen(step)))} of the training conversations"

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a token of the answers, their ends included."""
        assert isinstance(model, LanguageModel)
        model.eval()
        device = next(model.parameters()).device
        rows = sorted(self.validation, key=lambda row: len(row.ids))
        loss, count = 0.0, 0
        for start in range(0, len(rows), VALIDATION_ROWS):
            examples = answers_of(rows[start : start + VALIDATION_ROWS], self.padding)
            loss += float(examples.to(device).loss(model)) * examples.count
            count += examples.count
        model.train()
        return {"loss": loss / count}


def answers_of(rows: Sequence[ChatRow], padding: int) -> Examples:
    """Rows as one batch: inputs (B, T), and as labels (B, T) the next token where it is the assistant's."""
    inputs_BT, _ = pad_rows([row.ids[:-1] for row in rows], padding)
    labels_BT, _ = pad_rows(
        [
            [id if learnt else IGNORE_INDEX for id, learnt in zip(row.ids[1:], row.learnt[1:], strict=True)]
            for row in rows
        ],
        IGNORE_INDEX,
    )
    return Examples(inputs_BT, labels_BT)


def new_task(
    name: str, settings: ChatSettings, documents: pl.DataFrame, vocabulary: Vocabulary, base: ModelConfig
) -> Chat:
    """The task of an entry ``name`` of ``finetune`` on its source's conversations.

    It prints how many rows there are, what was left out, and one row with what is learnt of it.

    Raises:
        UserError: the tokenizer has no tokens for turns, a conversation has no user to begin it or an empty
            turn, or a split has no answer to learn from.
    """
    check_chat_tokens(vocabulary, settings.init_from)
    train, count = _rows(name, settings, documents, "train", vocabulary)
    validation, _ = _rows(name, settings, documents, "validation", vocabulary)
    print(f"{name}: learnt of a conversation is what stands in [[ ]]: {_example(vocabulary, train[0])}")
    return Chat(
        dataclasses.replace(base, dropout=settings.dropout, context=settings.max_tokens),
        train=train,
        validation=validation,
        documents=count,
        padding=vocabulary.pad,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )


def _rows(
    name: str, settings: ChatSettings, documents: pl.DataFrame, split: Split, vocabulary: Vocabulary
) -> tuple[list[ChatRow], int]:
    """The rows of a split, and how many conversations they come from."""
    rows, used, unanswered, cut, left_out, first = list[ChatRow](), 0, 0, 0, 0, ""
    for id, text, spans in documents.filter(split=split).select("id", "text", "spans").iter_rows():
        turns = read_turns(text, spans)
        if not turns:
            continue
        try:
            check_turns(turns)
        except ValueError as error:
            raise UserError(f"conversation {id} {error}; mend or remove it in its source") from None
        made = chat_rows(vocabulary, turns, settings.max_tokens)
        unanswered += all(turn.role != "assistant" for turn in turns)
        rows += made.rows
        used += bool(made.rows)
        cut += len(made.rows) > 1
        left_out += made.left_out
        first = first or (id if made.left_out else "")
    if left_out:
        print(
            f"{name}: {left_out:,} answers for {split} are left out, being longer than {settings.max_tokens} "
            f"tokens with the turn before (first in {first}); raise finetune.{name}.max_tokens, or cut them"
        )
    if not rows:
        raise UserError(
            f"{', '.join(settings.sources)}: no {split} conversation has an answer of the assistant's to "
            f"learn from; see sources, clean.split and finetune.{name}.max_tokens in params.yaml"
        )
    print(
        f"{name}: {used:,} conversations for {split}, {cut:,} of them in several rows of at most "
        f"{settings.max_tokens} tokens; {len(rows):,} rows; {unanswered:,} conversations without an answer"
    )
    return rows, used


def _example(vocabulary: Vocabulary, row: ChatRow) -> str:
    start = ChatRow(row.ids[:SHOWN_TOKENS], row.learnt[:SHOWN_TOKENS])
    parts = shown_row(vocabulary, start)
    return one_line("".join(f"[[{text}]]" if learnt else text for text, learnt in parts))
