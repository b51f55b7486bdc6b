"""Texts that models write: several requests in one batch, each given out token by token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from tokenmill.core.errors import UserError
from tokenmill.inference.chat import read_messages
from tokenmill.inference.generation.generate import prompt_ids, sample_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.inference.generation.streaming import TextStream, cut
from tokenmill.inference.normalization import whole_texts
from tokenmill.inference.prompts import asked_with, read_prompts
from tokenmill.model.folder import LoadedModel
from tokenmill.model.heads import LanguageModel
from tokenmill.serving.limits import CONTINUING
from tokenmill.serving.worker import Job
from tokenmill.text.chat import chat_prompt
from tokenmill.text.chat_template import is_chat

Reason = Literal["stop", "length"]


class Begun(NamedTuple):
    """The first event: how many tokens the prompts have."""

    prompt_tokens: int


class Piece(NamedTuple):
    """More of one of the texts of a request."""

    number: int
    text: str


class Ended(NamedTuple):
    """The last event of one of the texts."""

    number: int
    reason: Reason
    tokens: int


@dataclass
class _Answer:
    """What is written for a job."""

    job: Job
    left: int
    """So many of its texts go on."""


@dataclass
class _Row:
    """A text that is being written."""

    answer: _Answer
    number: int
    stream: TextStream
    tokens: int = 0
    """When it was last looked at."""
    open: bool = True

    def look(self, ids: Sequence[int], settings: GenerationConfig) -> None:
        """Give out what is new. A text that has not grown since it was last looked at has ended."""
        if not self.open:
            return
        if len(ids) == self.tokens:
            self.end(ids, settings)
            return
        self.tokens = len(ids)
        job = self.answer.job
        if job.streamed and not job.cancelled and (piece := self.stream.take(ids)):
            job.emit(Piece(self.number, piece))

    def end(self, ids: Sequence[int], settings: GenerationConfig) -> None:
        """Give out what is left, and why no more follows."""
        self.open = False
        job = self.answer.job
        if piece := self.stream.finish(ids):
            job.emit(Piece(self.number, piece))
        text = self.stream.vocabulary.decode(ids)
        whole = len(ids) == settings.max_new_tokens and cut(text, settings.stop) == text
        job.emit(Ended(self.number, "length" if whole else "stop", len(ids)))
        self.answer.left -= 1
        if not self.answer.left:
            job.finish()


@torch.inference_mode()
def write(loaded: LoadedModel, jobs: Sequence[Job]) -> None:
    """Answer jobs, whose inputs are prompts, or conversations as lists of messages.

    What a job gets does not depend on the others in its batch, but for rounding. The events of a job are
    :class:`Begun`, then pieces, and an end for each of its texts.
    """
    prompts: list[list[int]] = []
    rows: list[_Row] = []
    settings = GenerationConfig()
    for job in jobs:
        try:
            settings, most = _settings(loaded, job.settings)
            own = _prompts(loaded, job.inputs, settings, most)
        except UserError as error:
            job.fail(error)
            continue
        job.emit(Begun(sum(map(len, own))))
        answer = _Answer(job, settings.num_return_sequences * len(own))
        streams = [TextStream(loaded.vocabulary, settings.stop) for _ in range(answer.left)]
        rows += [_Row(answer, number, stream) for number, stream in enumerate(streams)]
        prompts += own
    if not prompts:
        return
    assert isinstance(loaded.model, LanguageModel)
    written: list[list[int]] = []
    for written in sample_ids(loaded.model, loaded.vocabulary, prompts, settings):
        for row, ids in zip(rows, written, strict=True):
            row.look(ids, settings)
        if all(row.answer.job.cancelled for row in rows if row.open):
            break
    for row, ids in zip(rows, written, strict=True):
        if row.open:
            row.end(ids, settings)


def _settings(loaded: LoadedModel, given: Any) -> tuple[GenerationConfig, int | None]:
    """The settings of a request with the model's own, and how many tokens it reads of a prompt."""
    room = max(1, loaded.model.config.context // 2)
    longest = min(CONTINUING["max_new_tokens"], room)
    continuing = {} if loaded.answering else {**CONTINUING, "max_new_tokens": longest}
    asked = asked_with(loaded, {**continuing, **dict(given)})
    most = asked.pop("max_tokens", None)
    return GenerationConfig(**asked), most


def _prompts(
    loaded: LoadedModel, inputs: Sequence[Any], settings: GenerationConfig, most: int | None
) -> list[list[int]]:
    """Prompts, or conversations, as ids that leave room for what is to be written."""
    if all(isinstance(each, str) for each in inputs):
        texts = read_prompts(loaded, inputs)
        return prompt_ids(loaded.model, loaded.vocabulary, texts, settings, most)[1]
    if not isinstance(loaded.model, LanguageModel) or not is_chat(loaded.vocabulary):
        raise UserError(
            f"this model ({loaded.model.config.kind}) was not fine-tuned for conversations; ask "
            "/v1/completions, or give one that was (chat)"
        )
    room = loaded.model.config.context - settings.max_new_tokens
    rows = []
    for messages in inputs:
        turns = read_messages(messages)
        read = whole_texts(loaded.normalization, [turn.content for turn in turns])
        asked = [turn._replace(content=content) for turn, content in zip(turns, read, strict=True)]
        rows.append(chat_prompt(loaded.vocabulary, asked, room))
    return rows
