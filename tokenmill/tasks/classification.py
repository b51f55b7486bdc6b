"""Sequence classification as a task: labelled texts of like length, cross-entropy, accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.model.heads import TaskModel
from tokenmill.model.padding import pad_ngrams, pad_rows
from tokenmill.training.order import length_buckets
from tokenmill.training.task import Batch, Task

VALIDATION_ROWS = 64
"""Texts in one forward pass of validation."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts as the model reads them, and the numbers of their labels."""

    rows: Sequence[Sequence[int]]
    labels: npt.NDArray[np.int64]
    padding: int
    """Id that fills up shorter rows of a batch."""
    ngrams: Sequence[npt.NDArray[np.int64]] | None = None
    """Buckets of each text's n-grams, for a model that weighs them."""

    def examples(self, chosen: Sequence[int]) -> "LabelledRows":
        """Some of the texts as one padded batch."""
        tokens_BT, attention_mask_BT = pad_rows([self.rows[index] for index in chosen], self.padding)
        ngrams_BG = None if self.ngrams is None else pad_ngrams([self.ngrams[index] for index in chosen])
        labels_B = torch.from_numpy(self.labels[list(chosen)])
        return LabelledRows(tokens_BT, attention_mask_BT, labels_B, ngrams_BG, len(chosen))


@dataclass(frozen=True)
class LabelledRows:
    """Rows of a batch: padded texts and the numbers of their labels."""

    tokens_BT: Tensor
    attention_mask_BT: Tensor
    labels_B: Tensor
    ngrams_BG: Tensor | None
    total: int
    """Rows of the whole batch."""

    def __len__(self) -> int:
        return len(self.labels_B)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the rows."""
        ngrams_BG = None if self.ngrams_BG is None else self.ngrams_BG[rows]
        return replace(
            self,
            tokens_BT=self.tokens_BT[rows],
            attention_mask_BT=self.attention_mask_BT[rows],
            labels_B=self.labels_B[rows],
            ngrams_BG=ngrams_BG,
        )

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return replace(
            self,
            tokens_BT=self.tokens_BT.to(device),
            attention_mask_BT=self.attention_mask_BT.to(device),
            labels_B=self.labels_B.to(device),
            ngrams_BG=None if self.ngrams_BG is None else self.ngrams_BG.to(device),
        )

    def loss(self, model: TaskModel) -> Tensor:
        """Cross-entropy in nats, summed over the model's parts: these rows' share of the batch's mean.

        Parts that learn together leave to each other what either knows, and are worse than parts that learn
        each on its own (docs/experiments.md).
        """
        logits_PBL = model(self.tokens_BT, self.attention_mask_BT, ngrams_BG=self.ngrams_BG, apart=True)
        labels_PB = self.labels_B.expand(len(logits_PBL), -1)
        loss = F.cross_entropy(logits_PBL.flatten(0, 1).float(), labels_PB.flatten(), reduction="sum")
        return loss / self.total


class Classification(Task):
    """Sequence classification with batches of like length."""

    skips_outliers = False  # a hard batch is no spike

    def __init__(
        self, *, train: LabelledTexts, validation: LabelledTexts, batch_size: int, seed: int
    ) -> None:
        self.train, self.validation, self.batch_size, self.seed = train, validation, batch_size, seed
        self._lengths = [len(row) for row in train.rows]
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def steps(self, epochs: int) -> int:
        """Optimizer steps that ``epochs`` passes over the training texts take."""
        return epochs * len(length_buckets([1] * len(self._lengths), self.batch_size, 0, 0))

    def _chosen(self, step: int) -> list[int]:
        """Which texts a step reads."""
        epoch, place = divmod(step, self.steps(1))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, length_buckets(self._lengths, self.batch_size, self.seed, epoch))
        return self._epoch[1][place]

    def batch(self, step: int) -> Batch:
        """Texts of like length."""
        examples = self.train.examples(self._chosen(step))
        return Batch(step, int(examples.attention_mask_BT.sum()), examples)

    def origin(self, step: int) -> str:
        """Which of the training texts a step reads, counted from 0."""
        return f"its texts are numbers {', '.join(map(str, self._chosen(step)))} of the training split"

    def padding_share(self, steps: int) -> float:
        """Share of the positions which hold padding, of all that so many steps compute."""
        tokens = positions = 0
        for step in range(steps):
            lengths = [self._lengths[index] for index in self._chosen(step)]
            tokens += sum(lengths)
            positions += len(lengths) * max(lengths)
        return 1 - tokens / positions

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a text, and accuracy."""
        model.eval()
        device = next(model.parameters()).device
        rows = self.validation.rows
        order = sorted(range(len(rows)), key=lambda index: (len(rows[index]), index))
        loss, right = 0.0, 0
        for start in range(0, len(order), VALIDATION_ROWS):
            texts = self.validation.examples(order[start : start + VALIDATION_ROWS]).to(device)
            logits = model(texts.tokens_BT, texts.attention_mask_BT, ngrams_BG=texts.ngrams_BG).cpu()
            labels = texts.labels_B.cpu()
            loss += float(F.cross_entropy(logits.float(), labels, reduction="sum"))
            right += int((logits.argmax(-1) == labels).sum())
        model.train()
        return {"loss": loss / len(order), "accuracy": right / len(order)}
