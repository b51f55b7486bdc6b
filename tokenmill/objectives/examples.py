"""A batch of a language model: what it reads, what it must predict, and the loss of that."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from tokenmill.model.heads import LanguageModel

IGNORE_INDEX = -100
"""Label at positions that are not predicted; ``cross_entropy`` skips it."""


@dataclass(frozen=True)
class Examples:
    """What a model reads, and the labels (B, T), IGNORE_INDEX where nothing is predicted."""

    inputs_BT: Tensor
    labels_BT: Tensor
    source_BS: Tensor | None = None
    """What a text-to-text model's encoder reads."""
    source_attention_mask_BS: Tensor | None = None
    """False where a source holds padding; None: nowhere."""
    mask_BTS: Tensor | None = None
    """Where attention is allowed, if not to all (an encoder) or to all before (a decoder)."""
    total: int | None = None
    """Labels of the whole batch, where these are some of its rows."""

    def __len__(self) -> int:
        return len(self.labels_BT)

    def __getitem__(self, rows: slice) -> Self:
        """Some rows, whose losses are their shares of the batch's mean."""
        some: dict[str, Any] = {name: tensor[rows] for name, tensor in self._tensors.items()}
        return replace(self, total=self.total or self.count, **some)

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self._tensors.items()}
        return replace(self, **moved)

    @property
    def count(self) -> int:
        """Number of labels."""
        return int((self.labels_BT != IGNORE_INDEX).sum())

    @property
    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def hidden_states(self, model: LanguageModel) -> tuple[Tensor, Tensor]:
        """Hidden states (n, D) and labels (n) of the positions that have one: nothing else goes through the
        output layer, which at small sizes costs as much as the backbone."""
        hidden, labels = self.all_hidden_states(model), self.labels_BT.flatten()
        chosen = (labels != IGNORE_INDEX).nonzero().squeeze(1)
        if len(chosen) < len(labels):
            hidden, labels = hidden[chosen], labels[chosen]
        return hidden, labels

    def all_hidden_states(self, model: LanguageModel) -> Tensor:
        """Hidden states (B * T, D) of all positions."""
        if self.source_BS is None:
            return model.backbone(self.inputs_BT, mask_BTS=self.mask_BTS).flatten(0, 1)
        backbone, attention_mask_BS = model.transformer, self.source_attention_mask_BS
        hidden_BTD = backbone.decode(
            self.inputs_BT,
            memory_BSD=backbone.encode(self.source_BS, attention_mask_BS),
            memory_attention_mask_BS=attention_mask_BS,
        )
        return hidden_BTD.flatten(0, 1)

    def predictions(self, model: LanguageModel) -> tuple[Tensor, Tensor]:
        """Logits (n, V) and labels (n) of the positions that have one."""
        hidden, labels = self.hidden_states(model)
        return model.logits(hidden), labels

    def loss(self, model: LanguageModel) -> Tensor:
        """Mean cross-entropy over the labels in nats; of some rows of a batch, their share of its mean."""
        hidden, labels = self.hidden_states(model)
        loss = model.cross_entropy(hidden, labels)
        return loss if self.total is None else loss * (len(labels) / self.total)


class FullExamples(Examples):
    """Rows of which every position is predicted: that need not be read, as of tensors without content."""

    def hidden_states(self, model: LanguageModel) -> tuple[Tensor, Tensor]:
        """Those of all positions."""
        return self.all_hidden_states(model), self.labels_BT.flatten()


def document_mask(tokens_BT: Tensor, *, bos: int, causal: bool) -> Tensor:
    """Which positions a position sees (B, T, T): those of its own document, up to itself where ``causal``.

    A document begins at ``bos``.
    """
    document_BT = (tokens_BT == bos).cumsum(1)
    mask_BTS = document_BT[:, :, None] == document_BT[:, None, :]
    return mask_BTS.tril() if causal else mask_BTS
