"""Classification: a step on labelled texts of like length, and its validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tokenmill.model.heads import TaskModel
from tokenmill.objectives.batches import pad_ngrams, pad_rows
from tokenmill.training.order import length_buckets
from tokenmill.training.schedule import Schedule
from tokenmill.training.task import Task


@dataclass(frozen=True)
class LabelledTexts:
    """Texts as the model reads them, and the numbers of their labels."""

    rows: Sequence[Sequence[int]]
    labels: npt.NDArray[np.int64]
    padding: int
    """Id that fills up shorter rows of a batch."""
    ngrams: Sequence[npt.NDArray[np.int64]] | None = None
    """Buckets of each text's n-grams, for a model that weighs them."""

    def batch(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Tokens (B, T), where they are (B, T), n-grams (B, G) and label numbers (B) of some of the texts."""
        tokens, attention_mask = pad_rows([self.rows[index] for index in chosen], self.padding)
        ngrams = None if self.ngrams is None else pad_ngrams([self.ngrams[index] for index in chosen])
        return tokens, attention_mask, ngrams, torch.from_numpy(self.labels[list(chosen)])


class Classification(Task):
    """Sequence classification with batches of like length."""

    skips_outliers = False

    def __init__(
        self,
        model: TaskModel,
        schedule: Schedule,
        *,
        train: LabelledTexts,
        validation: LabelledTexts,
        batch_size: int,
    ) -> None:
        super().__init__(model, schedule)
        self.train_texts, self.validation_texts, self.batch_size = train, validation, batch_size
        self._lengths = [len(row) for row in train.rows]
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    @staticmethod
    def steps_in(texts: int, batch_size: int, epochs: int) -> int:
        """Optimizer steps that ``epochs`` passes over ``texts`` take."""
        return epochs * len(length_buckets([1] * texts, batch_size, 0, 0))

    def _chosen(self, step: int) -> list[int]:
        """Which texts a step reads."""
        per_epoch = self.steps_in(len(self._lengths), self.batch_size, 1)
        epoch, place = divmod(step, per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, length_buckets(self._lengths, self.batch_size, self.schedule.seed, epoch))
        return self._epoch[1][place]

    def prepare(self, step: int) -> tuple[int, Callable[[slice], Tensor]]:
        """Texts of like length, and the cross-entropy over their labels, summed over the model's parts.

        Parts that learn together leave to each other what either knows, and are worse than parts that learn
        each on its own (docs/experiments.md).
        """
        tokens, attention_mask, ngrams, labels = self.train_texts.batch(self._chosen(step))
        self.seen += int(attention_mask.sum())

        def share(part: slice) -> Tensor:
            logits_PBL = self.model(
                tokens[part].to(self.device),
                attention_mask[part].to(self.device),
                ngrams_BG=None if ngrams is None else ngrams[part].to(self.device),
                apart=True,
            )
            targets_PB = labels[part].to(self.device).expand(len(logits_PBL), -1)
            loss = F.cross_entropy(logits_PBL.flatten(0, 1).float(), targets_PB.flatten(), reduction="sum")
            return loss / len(labels)

        return len(labels), share

    def padding_share(self) -> float:
        """Share of the positions that the whole run computes which hold padding."""
        tokens = positions = 0
        for step in range(self.schedule.steps):
            lengths = [self._lengths[index] for index in self._chosen(step)]
            tokens += sum(lengths)
            positions += len(lengths) * max(lengths)
        return 1 - tokens / positions

    def origin(self, step: int) -> str:
        """Which of the training texts a step reads, counted from 0."""
        return f"its texts are numbers {', '.join(map(str, self._chosen(step)))} of the training split"

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Loss in nats a text, and accuracy."""
        self.model.eval()
        texts = self.validation_texts
        order = sorted(range(len(texts.rows)), key=lambda index: (len(texts.rows[index]), index))
        loss, right = 0.0, 0
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            tokens, attention_mask, ngrams, labels = texts.batch(chosen)
            logits = self.model(
                tokens.to(self.device),
                attention_mask.to(self.device),
                ngrams_BG=None if ngrams is None else ngrams.to(self.device),
            ).cpu()
            loss += float(F.cross_entropy(logits.float(), labels, reduction="sum"))
            right += int((logits.argmax(-1) == labels).sum())
        self.model.train()
        return {"loss": loss / len(order), "accuracy": right / len(order)}
