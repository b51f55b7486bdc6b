"""Generation: each document has a text that answers its own, such as a translation or a headline.

A text-to-text model reads the text and writes the answer; a decoder reads the text and its end, and goes on
with the answer, of which alone it is taught.
"""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl
import torch
import torch.nn.functional as F
from torch import nn

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.pairs import text_pairs
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.model.padding import pad_rows
from tokenmill.objectives.examples import IGNORE_INDEX, Examples, FullExamples
from tokenmill.objectives.span_corruption import shift_right
from tokenmill.tasks.by_length import ByLength
from tokenmill.tasks.labelling import VALIDATION_ROWS
from tokenmill.tasks.settings import GenerationSettings
from tokenmill.text.vocabulary import Vocabulary
from tokenmill.training.task import Batch


@dataclass(frozen=True)
class Pairs:
    """Sources and their answers as token ids."""

    sources: Sequence[Sequence[int]]
    targets: Sequence[Sequence[int]]
    """Each ends with <eos>, unless it was cut."""
    padding: int
    start: int | None
    """What the decoder of a text-to-text model reads before an answer; None: a decoder reads the source."""

    def lengths(self, index: int) -> tuple[int, int]:
        """Tokens of a source and of its answer."""
        return len(self.sources[index]), len(self.targets[index])

    def examples(self, chosen: Sequence[int]) -> Examples:
        """Some of the pairs as one padded batch, the answer's own tokens before each of its tokens."""
        if self.start is None:
            return self._continuations(chosen)
        source_BS, source_attention_mask_BS = pad_rows([self.sources[i] for i in chosen], self.padding)
        labels_BT, attention_mask_BT = pad_rows([self.targets[i] for i in chosen], self.padding)
        labels_BT = labels_BT.masked_fill(~attention_mask_BT, IGNORE_INDEX)
        return Examples(
            shift_right(labels_BT, start_id=self.start),
            labels_BT,
            source_BS=source_BS,
            source_attention_mask_BS=source_attention_mask_BS,
        )

    def _continuations(self, chosen: Sequence[int]) -> Examples:
        """Answers behind their sources, in one row (B, S + T - 1)."""
        rows = [(self.sources[i], self.targets[i]) for i in chosen]
        inputs_BT, _ = pad_rows([[*source, *target[:-1]] for source, target in rows], self.padding)
        read = [[IGNORE_INDEX] * (len(source) - 1) for source, _ in rows]
        labels_BT, _ = pad_rows(
            [[*ignored, *target] for ignored, (_, target) in zip(read, rows, strict=True)], IGNORE_INDEX
        )
        return Examples(inputs_BT, labels_BT)


def new_task(
    name: str,
    settings: GenerationSettings,
    documents: pl.DataFrame,
    vocabulary: Vocabulary,
    base: ModelConfig,
) -> "Generation":
    """The task of an entry of ``finetune`` on its sources' documents, for the backbone of ``base``.

    Raises:
        UserError: a split has no document with a target, or an answer (of a decoder: with its text) may be
            longer than the context.
    """
    most, decoder = settings.max_target_tokens or settings.max_tokens, base.kind == "causal-lm"
    longest = most + settings.max_tokens if decoder else max(most, settings.max_tokens)
    if longest > base.context:
        both = f" and max_tokens {settings.max_tokens}" if decoder else ""
        raise UserError(
            f"params.yaml: finetune.{name}.max_target_tokens is {most}{both}, but the context of "
            f"{settings.init_from} is {base.context}; lower it or start from a model with a longer context"
        )
    tokenizer = None
    if decoder:
        vocabulary = vocabulary.ended()
        tokenizer = vocabulary.tokenizer.to_str(pretty=True)
    encoder = _Encoder(settings, vocabulary, most, decoder=decoder)
    train, validation = (encoder.pairs(documents, split) for split in ("train", "validation"))
    if encoder.cut:
        print(
            f"finetune.{name}: {encoder.cut} targets have more than {most} tokens; their ends are not "
            "learned; raise max_target_tokens",
            file=sys.stderr,
        )
    return Generation(
        dataclasses.replace(base, dropout=settings.dropout, context=longest),
        train=train,
        validation=validation,
        batch_size=settings.batch_size,
        seed=settings.seed,
        tokenizer=tokenizer,
    )


class _Encoder:
    """From documents to token ids."""

    def __init__(
        self, settings: GenerationSettings, vocabulary: Vocabulary, max_target_tokens: int, *, decoder: bool
    ) -> None:
        self.settings, self.vocabulary, self.most = settings, vocabulary, max_target_tokens
        start = vocabulary.pad if vocabulary.start is None else vocabulary.start
        self.start = None if decoder else start
        self.cut = 0
        """Targets that were longer."""

    def pairs(self, documents: pl.DataFrame, split: Split) -> Pairs:
        """Those of one split.

        Raises:
            UserError: there is none.
        """
        settings, vocabulary = self.settings, self.vocabulary
        found = text_pairs(documents.filter(pl.col("split") == split), reverse=settings.reverse)
        if not found:
            raise UserError(
                f"{', '.join(settings.sources)}: no {split} documents with a target that is not empty; name "
                "the column of answers as `target` under sources, and see clean.split in params.yaml"
            )
        sources, targets = zip(*found, strict=True)
        rows = self._answers(targets)
        self.cut += sum(len(row) > self.most for row in rows)
        return Pairs(
            vocabulary.encode((settings.prefix + source for source in sources), settings.max_tokens),
            [row[: self.most] for row in rows],
            vocabulary.pad,
            self.start,
        )

    def _answers(self, targets: Sequence[str]) -> list[list[int]]:
        """Their ids up to <eos>, without what a decoder's tokenizer puts before a text."""
        rows = self.vocabulary.encode(targets)
        begin = 0 if self.start is not None else len(self.vocabulary.encode([""])[0]) - 1
        return [row[begin:] for row in rows]


class Generation(ByLength):
    """Pairs in batches of like length, and the model that learns to answer."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def __init__(
        self,
        config: ModelConfig,
        *,
        train: Pairs,
        validation: Pairs,
        batch_size: int,
        seed: int,
        tokenizer: str | None = None,
    ) -> None:
        documents = len(train.sources)
        lengths = [sum(train.lengths(index)) for index in range(documents)]
        super().__init__(lengths, documents=documents, batch_size=batch_size, seed=seed)
        self.config, self.tokenizer = config, tokenizer
        self.train, self.validation = train, validation

    @property
    def longest(self) -> int:
        """Tokens of the longest training source or answer, of a decoder's longest row of both."""
        if self.train.start is None:
            return max(self._lengths) - 1
        return max(max(self.train.lengths(index)) for index in range(self.documents))

    def largest(self, rows: int) -> Examples:
        """As many pairs of the longest source and the longest answer, all of whose tokens are asked for."""
        if self.train.start is None:
            tokens_BT = torch.zeros(rows, self.longest, dtype=torch.long)
            return FullExamples(tokens_BT, tokens_BT)
        source, target = (max(map(len, part)) for part in (self.train.sources, self.train.targets))
        inputs_BT, source_BS = (torch.zeros(rows, length, dtype=torch.long) for length in (target, source))
        mask_BS = torch.ones_like(source_BS, dtype=torch.bool)
        return FullExamples(inputs_BT, inputs_BT, source_BS, mask_BS)

    def batch(self, step: int) -> Batch:
        """Pairs of like length."""
        chosen = self._chosen(step)
        return Batch(step, sum(self._lengths[index] for index in chosen), self.train.examples(chosen))

    def origin(self, step: int) -> str:
        """Which of the training pairs a step reads, counted from 0."""
        return f"its pairs are numbers {', '.join(map(str, self._chosen(step)))} of the training split"

    def padding_share(self, steps: int) -> float:
        """Share of the positions which hold padding, of all that so many steps compute."""
        if self.train.start is None:
            return super().padding_share(steps)
        tokens = positions = 0
        for step in range(steps):
            pairs = [self.train.lengths(index) for index in self._chosen(step)]
            tokens += sum(map(sum, pairs))
            positions += len(pairs) * sum(max(lengths) for lengths in zip(*pairs, strict=True))
        return 1 - tokens / positions

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats and accuracy at the tokens of answers, each after the true ones before it."""
        assert isinstance(model, LanguageModel)
        model.eval()
        device = next(model.parameters()).device
        order = sorted(range(len(self.validation.sources)), key=lambda i: (self.validation.lengths(i), i))
        loss, right, count = 0.0, 0, 0
        for start in range(0, len(order), VALIDATION_ROWS):
            examples = self.validation.examples(order[start : start + VALIDATION_ROWS]).to(device)
            logits, labels = (values.cpu() for values in examples.predictions(model))
            loss += float(F.cross_entropy(logits.float(), labels, reduction="sum"))
            right += int((logits.argmax(-1) == labels).sum())
            count += len(labels)
        model.train()
        return {"loss": loss / count, "accuracy": right / count}
