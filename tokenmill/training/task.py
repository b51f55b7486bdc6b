"""What a training needs of a task: the batch of each step, its loss, and validation."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn


class Examples(Protocol):
    """Rows that a model reads, and what it must answer."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, rows: slice, /) -> Self:
        """Some of the rows."""

    def to(self, device: torch.device, /) -> Self:
        """The same on another device."""

    def loss(self, model: Any, /) -> Tensor:
        """Mean loss in nats; of some rows of a batch, their share of its mean."""


@dataclass(frozen=True)
class Batch:
    """The data of one optimizer step."""

    step: int
    """Counted from 0."""
    tokens: int
    """Tokens that go through the model."""
    examples: Examples


class Task(ABC):
    """What a model is to learn, and from which data."""

    skips_outliers: ClassVar[bool]
    """Whether a finite loss can be a spike; see :class:`tokenmill.training.spikes.Spikes`."""

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """The batch of a step: a function of the seed and of ``step`` alone.

        Raises:
            UserError: the data do not fit the model.
        """

    @abstractmethod
    def origin(self, step: int) -> str:
        """Where the data of a step come from, for a person."""

    @abstractmethod
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures on the validation split, ``loss`` (nats) among them."""
