"""Learning labels of texts, or of their tokens: batches of like length, cross-entropy, accuracy."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import TaskModel
from tokenmill.tasks.by_length import ByLength
from tokenmill.tasks.settings import ClassificationSettings, NerSettings, TokenClassificationSettings
from tokenmill.tasks.table import kind_of
from tokenmill.training.task import Batch

VALIDATION_ROWS = 64
"""Texts in one forward pass of validation."""

IGNORE_INDEX = -100
"""Label of what nothing is asked of; ``cross_entropy`` skips it."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows of a batch: padded texts, and the number of each text's label, or of each token's."""

    tokens_BT: Tensor
    attention_mask_BT: Tensor | None
    """None: nothing is padding."""
    labels: Tensor
    """(B), or (B, T) with IGNORE_INDEX where nothing is asked."""
    total: int
    """Labels of the whole batch."""
    ngrams_BG: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens_BT)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the rows."""
        ngrams_BG = None if self.ngrams_BG is None else self.ngrams_BG[rows]
        return replace(
            self,
            tokens_BT=self.tokens_BT[rows],
            attention_mask_BT=None if self.attention_mask_BT is None else self.attention_mask_BT[rows],
            labels=self.labels[rows],
            ngrams_BG=ngrams_BG,
        )

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return replace(
            self,
            tokens_BT=self.tokens_BT.to(device),
            attention_mask_BT=None if self.attention_mask_BT is None else self.attention_mask_BT.to(device),
            labels=self.labels.to(device),
            ngrams_BG=None if self.ngrams_BG is None else self.ngrams_BG.to(device),
        )

    def loss(self, model: TaskModel) -> Tensor:
        """Cross-entropy in nats, summed over the model's parts: these rows' share of the batch's mean.

        Parts that learn together leave to each other what either knows, and are worse than parts that learn
        each on its own (docs/experiments.md).
        """
        logits = model(self.tokens_BT, self.attention_mask_BT, ngrams_BG=self.ngrams_BG, apart=True)
        labels = self.labels.expand(len(logits), *self.labels.shape)
        loss = F.cross_entropy(logits.flatten(0, -2).float(), labels.flatten(), reduction="sum")
        return loss / self.total

    def predictions(self, model: TaskModel) -> tuple[Tensor, Tensor]:
        """Logits (n, L) and labels (n) of what has a label."""
        logits = model(self.tokens_BT, self.attention_mask_BT, ngrams_BG=self.ngrams_BG)
        asked = self.labels != IGNORE_INDEX
        return logits[asked], self.labels[asked]


class Texts(Protocol):
    """What a split gives to learn from."""

    @property
    def rows(self) -> Sequence[Sequence[int]]:
        """Token ids of each text."""

    @property
    def documents(self) -> int:
        """How many documents the texts come from."""

    @property
    def most_ngrams(self) -> int:
        """How many n-grams the text has that has most of them; 0 where none are weighed."""

    def examples(self, chosen: Sequence[int], /) -> LabelledRows:
        """Some of the texts as one padded batch."""


class Labelling(ByLength):
    """Texts in batches of like length, and the model that learns their labels."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def __init__(
        self, config: ModelConfig, *, train: Texts, validation: Texts, batch_size: int, seed: int
    ) -> None:
        super().__init__(map(len, train.rows), documents=train.documents, batch_size=batch_size, seed=seed)
        self.config, self.train, self.validation = config, train, validation

    def largest(self, rows: int) -> LabelledRows:
        """As many of the longest texts, each with the n-grams of the one that has most."""
        config, tokens_BT = self.config, torch.zeros(rows, self.longest, dtype=torch.long)
        one = self.train.examples([0])
        of_text = config.kind == "sequence-classifier"
        labels = one.labels.new_zeros((rows, *one.labels.shape[1:]) if of_text else tokens_BT.shape)
        ngrams_BG = torch.zeros(rows, self.train.most_ngrams, dtype=torch.long) if config.ngrams else None
        # A recurrent network looks at what the mask says, which tensors without content do not tell.
        mask_BT = torch.ones_like(tokens_BT, dtype=torch.bool) if config.cell == "attention" else None
        total = rows if of_text else labels.numel()
        return replace(
            one,
            tokens_BT=tokens_BT,
            attention_mask_BT=mask_BT,
            labels=labels,
            total=total,
            ngrams_BG=ngrams_BG,
        )

    def batch(self, step: int) -> Batch:
        """Texts of like length."""
        examples = self.train.examples(self._chosen(step))
        mask_BT = examples.attention_mask_BT
        tokens = examples.tokens_BT.numel() if mask_BT is None else int(mask_BT.sum())
        return Batch(step, tokens, examples)

    def origin(self, step: int) -> str:
        """Which of the training texts a step reads, counted from 0."""
        return f"its texts are numbers {', '.join(map(str, self._chosen(step)))} of the training split"

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a label, and accuracy."""
        assert isinstance(model, TaskModel)
        model.eval()
        device = next(model.parameters()).device
        rows = self.validation.rows
        order = sorted(range(len(rows)), key=lambda index: (len(rows[index]), index))
        loss, right, count = 0.0, 0, 0
        for start in range(0, len(order), VALIDATION_ROWS):
            texts = self.validation.examples(order[start : start + VALIDATION_ROWS]).to(device)
            logits, labels = (values.cpu() for values in texts.predictions(model))
            loss += float(F.cross_entropy(logits.float(), labels, reduction="sum"))
            right += int((logits.argmax(-1) == labels).sum())
            count += len(labels)
        model.train()
        return {"loss": loss / count, "accuracy": right / count}


def label_config(
    base: ModelConfig,
    settings: ClassificationSettings | NerSettings | TokenClassificationSettings,
    labels: Sequence[str],
    **changes: Any,
) -> ModelConfig:
    """What gives these labels on the backbone of ``base``; ``changes`` are the task's own."""
    return dataclasses.replace(
        base,
        kind=kind_of(settings.task, base.kind),
        labels=tuple(labels),
        dropout=settings.dropout,
        context=settings.max_tokens,
        pooler=False,
        **{"problem_type": "single_label_classification", **changes},
    )
