"""Continuations of prompts by a causal model, answers to them by a text-to-text model."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from tokenmill.core.errors import UserError
from tokenmill.core.memory import free_memory
from tokenmill.inference.generation.beam import beam_search
from tokenmill.inference.generation.decoding import Decoding
from tokenmill.inference.generation.limits import ROWS_AT_ONCE
from tokenmill.inference.generation.sampling import (
    GenerationConfig,
    RepetitionPenalty,
    banned_ids,
    choose,
    row_numbers,
)
from tokenmill.inference.generation.streaming import TextStream, cut
from tokenmill.inference.rows import check_texts
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.infill import InfillTokens
from tokenmill.text.vocabulary import Vocabulary

LOGITS = 8
"""Tensors of the size of a step's logits: probabilities, their sums in 64 bits, what sampling sorts."""


@torch.inference_mode()
def generate(
    model: Model,
    vocabulary: Vocabulary,
    prompts: Sequence[str],
    *,
    suffixes: Sequence[str] | None = None,
    infilling: InfillTokens | None = None,
    batch_size: int = 16,
    max_tokens: int | None = None,
    **settings: Any,
) -> list[list[str]]:
    """Continue each prompt, or answer it with a text-to-text model.

    A text ends at <eos> or another token that the model's files say ends one, before a stop text, or after
    ``max_new_tokens``; other special tokens are never chosen. What comes out for a prompt depends on that
    prompt and the settings, not on the other prompts (but for rounding: logits that are equal to the last
    digits may change places).

    Args:
        model: a causal language model or a text-to-text model.
        vocabulary: the model's own.
        prompts: texts; prompts of like length are computed together.
        suffixes: what stands behind the gap after each prompt, which is filled then.
        infilling: the tokens around the parts, of a model that learned to fill gaps.
        batch_size: so many prompts at a time.
        max_tokens: of a prompt with more tokens the first are read; None: it must fit into the context.
        **settings: of :class:`tokenmill.inference.generation.sampling.GenerationConfig`.

    Returns:
        For each prompt its ``num_return_sequences`` texts, without the prompt.

    Raises:
        UserError: the model is of another kind, or did not learn to fill gaps, a setting is out of range, or
            prompt and new tokens do not fit into the context.
    """
    chosen = GenerationConfig(**settings)
    gaps = None if suffixes is None else _Gaps(suffixes, infilling)
    language_model, rows = prompt_ids(model, vocabulary, prompts, chosen, max_tokens, gaps)
    return [
        [cut(vocabulary.decode(answer), chosen.stop) for answer in answers]
        for answers in generate_ids(language_model, vocabulary, rows, chosen, batch_size=batch_size)
    ]


@torch.inference_mode()
def generate_ids(
    model: LanguageModel,
    vocabulary: Vocabulary,
    rows: Sequence[Sequence[int]],
    settings: GenerationConfig,
    *,
    batch_size: int = 16,
) -> list[list[list[int]]]:
    """:func:`generate` from prompts as ids, each of which fits into the context with the new tokens.

    Returns:
        For each prompt the new ids of its texts, without what ended them: one with ``max_new_tokens`` ids did
        not end by itself.
    """
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    batch_size = max(1, min(batch_size, ROWS_AT_ONCE // settings.copies))
    results: list[list[list[int]]] = [[] for _ in rows]
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        texts = _generate(model, vocabulary, [rows[index] for index in batch], settings)
        for index, answers in zip(batch, texts, strict=True):
            results[index] = answers
    return results


class _Gaps(NamedTuple):
    """What stands behind the gaps after prompts, and the tokens around the parts."""

    suffixes: Sequence[str]
    tokens: InfillTokens | None

    def rows(self, vocabulary: Vocabulary, prompts: Sequence[str]) -> list[list[int]]:
        """Ids after which the model writes what is missing.

        Raises:
            UserError: it did not learn that.
        """
        if self.tokens is None:
            raise UserError(
                "this model did not learn to fill the gap before a suffix; give one whose pretraining has "
                "`fim_rate`, or leave the suffix out"
            )
        begin = [] if vocabulary.bos is None else [vocabulary.bos]
        encode = vocabulary.tokenizer.encode_batch_fast
        parts = [encode(list(texts), add_special_tokens=False) for texts in (prompts, self.suffixes)]
        return [
            [*begin, *self.tokens.row(before.ids, behind.ids)] for before, behind in zip(*parts, strict=True)
        ]


@torch.inference_mode()
def stream(
    model: Model,
    vocabulary: Vocabulary,
    prompt: str,
    *,
    suffix: str | None = None,
    infilling: InfillTokens | None = None,
    max_tokens: int | None = None,
    **settings: Any,
) -> Iterator[str]:
    """The one text that :func:`generate` gives for a prompt, in pieces, as soon as each is certain.

    Raises:
        UserError: see :func:`generate`; or several texts or beams are asked for, which end all at once.
    """
    chosen = GenerationConfig(**settings)
    if chosen.num_beams > 1 or chosen.num_return_sequences > 1:
        raise UserError(
            "num_beams and num_return_sequences must be 1 for a text that is given out as it comes"
        )
    gaps = None if suffix is None else _Gaps([suffix], infilling)
    language_model, rows = prompt_ids(model, vocabulary, [prompt], chosen, max_tokens, gaps)
    text, row = TextStream(vocabulary, chosen.stop), list[int]()
    for (row,) in sample_ids(language_model, vocabulary, rows, chosen):
        if piece := text.take(row):
            yield piece
    if piece := text.finish(row):
        yield piece


def prompt_ids(
    model: Model,
    vocabulary: Vocabulary,
    prompts: Sequence[str],
    settings: GenerationConfig,
    max_tokens: int | None,
    gaps: _Gaps | None = None,
) -> tuple[LanguageModel, list[list[int]]]:
    """The model, known to be able to write, and the prompts as ids, known to fit."""
    if not isinstance(model, LanguageModel) or model.config.kind == "masked-lm":
        raise UserError(
            f"this model is a {model.config.kind}; give a causal or a text-to-text model, such as gpt"
        )
    model.eval()
    check_texts(prompts, "prompt")
    answers = model.config.kind == "text-to-text"
    rows = vocabulary.encode(prompts, max_tokens) if gaps is None else gaps.rows(vocabulary, prompts)
    begin = vocabulary.bos if vocabulary.bos is not None else vocabulary.eos
    for number, row in enumerate(rows):
        if not row and begin is not None:
            row.append(begin)
        if not row:
            raise UserError(
                f"prompt {number + 1} is empty, and this model has no token to begin with; give a text"
            )
        longest = model.config.context - (0 if answers else settings.max_new_tokens)
        if len(row) > longest or settings.max_new_tokens >= model.config.context:
            raise UserError(
                f"the prompt has {len(row)} tokens and {settings.max_new_tokens} are asked for, the model's "
                f"context is {model.config.context}; shorten the prompt or ask for fewer tokens"
            )
    return model, rows


def _begin(
    model: LanguageModel,
    vocabulary: Vocabulary,
    rows: Sequence[Sequence[int]],
    settings: GenerationConfig,
    copies: int,
) -> tuple[Decoding, list[list[int]]]:
    """The decoder after the prompts, and the ids that it has read."""
    if model.config.kind == "causal-lm":
        prompts, sources = [list(row) for row in rows], None
    else:
        start = vocabulary.start if vocabulary.start is not None else vocabulary.pad
        prompts, sources = [[start] for _ in rows], rows
    _check_memory(model, len(rows) * copies, max(map(len, prompts)) + settings.max_new_tokens)
    decoding = Decoding(
        model, prompts, settings.max_new_tokens, pad=vocabulary.pad, rows_per_prompt=copies, sources=sources
    )
    return decoding, prompts


def _check_memory(model: LanguageModel, rows: int, length: int) -> None:
    """Refuse what cannot be held in main memory: keys and values of all positions, logits and their copies.

    Raises:
        UserError: it is more than there is.
    """
    config = model.config
    layers = (config.decoder_layers or config.layers) if config.cell == "attention" else 0
    values = 2 * layers * config.groups * config.width_of_head * length + LOGITS * config.vocab_size
    need, there = 4 * rows * values, free_memory()
    if need > there and next(model.parameters()).device.type == "cpu":
        raise UserError(
            f"{rows:,} texts of {length:,} tokens at once take {need / 2**30:,.1f} GiB, and there are "
            f"{there / 2**30:,.1f}; ask for fewer num_return_sequences, num_beams or max_new_tokens"
        )


def _generate(
    model: LanguageModel, vocabulary: Vocabulary, rows: Sequence[Sequence[int]], settings: GenerationConfig
) -> list[list[list[int]]]:
    """New ids of each text of each prompt."""
    if settings.num_beams > 1:
        decoding, prompts = _begin(model, vocabulary, rows, settings, settings.num_beams)
        banned = banned_ids(model, vocabulary, vocabulary.ends)
        found = beam_search(decoding, prompts, settings, ends=vocabulary.ends, banned=banned)
        return [[row for _, row in texts] for texts in found]
    *_, written = sample_ids(model, vocabulary, rows, settings)
    copies = settings.num_return_sequences
    return [written[start : start + copies] for start in range(0, len(written), copies)]


def sample_ids(
    model: LanguageModel, vocabulary: Vocabulary, rows: Sequence[Sequence[int]], settings: GenerationConfig
) -> Iterator[list[list[int]]]:
    """After each step the new ids of all texts: the same lists, which grow until all texts have ended."""
    copies, steps = settings.num_return_sequences, settings.max_new_tokens
    decoding, prompts = _begin(model, vocabulary, rows, settings, copies)
    banned = banned_ids(model, vocabulary, vocabulary.ends)
    numbers_BT = np.stack(
        [row_numbers(settings.seed, row, copy, steps) for row in rows for copy in range(copies)]
    )
    repeated = [prompt for prompt in prompts for _ in range(copies)]
    repetition = RepetitionPenalty(settings.repetition_penalty, repeated, decoding.logits_BV)
    written: list[list[int]] = [[] for _ in numbers_BT]
    going = set(range(len(written)))
    for step in range(steps):
        logits_BV = repetition(decoding.logits_BV).index_fill_(1, banned, -torch.inf)
        tokens_B = choose(logits_BV, settings, numbers_BT[:, step])
        for row, token in enumerate(tokens_B.tolist()):
            if row not in going:
                continue
            if token in vocabulary.ends:
                going.remove(row)
                continue
            written[row].append(token)
            if settings.stop:
                text = vocabulary.decode(written[row])
                if any(end in text for end in settings.stop):
                    going.remove(row)
        yield written
        if not going or step == steps - 1:
            return
        repetition.add(tokens_B)
        decoding.step(tokens_B)
