"""Labels of texts as a model learns them: a number of a class, several classes, or a number as such."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import TaskModel
from tokenmill.model.padding import pad_ngrams, pad_rows
from tokenmill.tasks.labelling import VALIDATION_ROWS, LabelledRows, Labelling


@dataclass(frozen=True)
class TextRows(LabelledRows):
    """Rows of a batch of texts: the number of each one's label (B), or an output for each label (B, L)."""

    weights_L: Tensor | None = None
    """How much each label counts; None: all alike."""

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        weights_L = None if self.weights_L is None else self.weights_L.to(device)
        return replace(super().to(device), weights_L=weights_L)

    def loss(self, model: TaskModel) -> Tensor:
        """These rows' share of the batch's mean loss, summed over the model's parts: each learns alone.

        Cross-entropy in nats of one label, the mean binary cross-entropy of several, the squared error of a
        number.
        """
        logits_PBL = model(self.tokens_BT, self.attention_mask_BT, ngrams_BG=self.ngrams_BG, apart=True)
        labels = self.labels.expand(len(logits_PBL), *self.labels.shape)
        return summed_loss(model.config, logits_PBL, labels, self.weights_L) / self.total


def summed_loss(config: ModelConfig, logits: Tensor, labels: Tensor, weights_L: Tensor | None) -> Tensor:
    """Losses of logits (..., L) by the kind of problem, summed over texts; of a text's labels the mean.

    ``labels`` is (...) with numbers of classes, or (..., L).
    """
    logits = logits.float()
    match config.problem_type:
        case "single_label_classification":
            flat = logits.flatten(0, -2)
            return F.cross_entropy(flat, labels.flatten(), weight=weights_L, reduction="sum")
        case "multi_label_classification":
            entropy = F.binary_cross_entropy_with_logits(
                logits, labels, pos_weight=weights_L, reduction="sum"
            )
            return entropy / logits.shape[-1]
        case "regression":
            return F.mse_loss(logits, labels, reduction="sum")


@dataclass(frozen=True)
class LabelledTexts:
    """Texts as the model reads them, and what is asked of each."""

    rows: Sequence[Sequence[int]]
    labels: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    """(N), or (N, L)."""
    padding: int
    """Id that fills up shorter rows of a batch."""
    ngrams: Sequence[npt.NDArray[np.int64]] | None = None
    """Buckets of each text's n-grams, for a model that weighs them."""
    weights: npt.NDArray[np.float32] | None = None
    """How much each label counts; None: all alike."""

    @property
    def documents(self) -> int:
        """One for each text."""
        return len(self.rows)

    @property
    def most_ngrams(self) -> int:
        """Those of the longest text."""
        return max(map(len, self.ngrams or ()), default=0)

    def examples(self, chosen: Sequence[int]) -> TextRows:
        """Some of the texts as one padded batch."""
        tokens_BT, attention_mask_BT = pad_rows([self.rows[index] for index in chosen], self.padding)
        ngrams_BG = None if self.ngrams is None else pad_ngrams([self.ngrams[index] for index in chosen])
        labels = torch.from_numpy(self.labels[list(chosen)])
        weights_L = None if self.weights is None else torch.from_numpy(self.weights.astype(np.float32))
        return TextRows(tokens_BT, attention_mask_BT, labels, len(chosen), ngrams_BG, weights_L)


@torch.inference_mode()
def outputs_of(model: nn.Module, texts: LabelledTexts) -> Tensor:
    """A model's logits (N, L) of texts, on the CPU."""
    assert isinstance(model, TaskModel)
    training, device = model.training, next(model.parameters()).device
    model.eval()
    found = torch.empty(texts.documents, len(model.config.labels))
    order = sorted(range(texts.documents), key=lambda index: (len(texts.rows[index]), index))
    for start in range(0, len(order), VALIDATION_ROWS):
        chosen = order[start : start + VALIDATION_ROWS]
        rows = texts.examples(chosen).to(device)
        logits_BL = model(rows.tokens_BT, rows.attention_mask_BT, ngrams_BG=rows.ngrams_BG)
        found[chosen] = logits_BL.float().cpu()
    model.train(training)
    return found


class MultiLabel(Labelling):
    """Texts that several labels may fit."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "micro_f1")
    validation: LabelledTexts

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a label, and micro-F1."""
        logits_NL = outputs_of(model, self.validation)
        asked_NL = torch.from_numpy(self.validation.labels)
        loss = summed_loss(self.config, logits_NL, asked_NL, None) / len(logits_NL)
        said_NL = logits_NL > 0
        hits = 2 * float((said_NL * asked_NL).sum())
        return {"loss": float(loss), "micro_f1": hits / max(1.0, float(said_NL.sum() + asked_NL.sum()))}


class Regression(Labelling):
    """Texts with a number, learned in units of its spread; the model that is stored gives the number itself.

    The head of a decoder has no bias, as in the published classes: there the spread is that about zero.
    """

    figures: ClassVar[tuple[str, ...]] = ("loss", "mean_absolute_error")
    train: LabelledTexts
    validation: LabelledTexts

    def __init__(
        self,
        config: ModelConfig,
        *,
        train: LabelledTexts,
        validation: LabelledTexts,
        batch_size: int,
        seed: int,
    ) -> None:
        self.offset = float(train.labels.mean()) if not config.causal else 0.0
        self.spread = float(np.sqrt(np.square(train.labels - self.offset).mean()))
        train, validation = (
            replace(texts, labels=((texts.labels - self.offset) / self.spread).astype(np.float32))
            for texts in (train, validation)
        )
        super().__init__(config, train=train, validation=validation, batch_size=batch_size, seed=seed)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Squared error in units of the spread, and mean absolute error in the numbers' own."""
        outputs_N1 = outputs_of(model, self.validation)
        asked_N1 = torch.from_numpy(self.validation.labels)
        error = self.spread * float((outputs_N1 - asked_N1).abs().mean())
        return {"loss": float(F.mse_loss(outputs_N1, asked_N1)), "mean_absolute_error": error}

    @torch.no_grad()
    def finish(self, model: nn.Module) -> None:
        """Fold spread and offset into the last layer of each part: outputs are the numbers."""
        assert isinstance(model, TaskModel)
        parts = [(model.classifier.weight, model.classifier.bias)]
        if model.ngrams is not None:
            parts.append((model.ngrams.bucket.weight, model.ngrams.bias))
        for weight, bias in parts:
            weight.mul_(self.spread)
            if bias is not None:
                bias.mul_(self.spread).add_(self.offset)
