"""What fine-tuning needs of a task: how long it is, the model that it makes, its largest batch."""

from abc import abstractmethod
from typing import ClassVar

from torch import nn

from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import Model
from tokenmill.training.task import Examples, Task


class FinetuneTask(Task):
    """A task on the documents of a source, for one model to start from."""

    skips_outliers = False  # a hard batch is no spike
    figures: ClassVar[tuple[str, ...]]
    """What :meth:`validate` gives, as the metrics file has it."""
    control_is_start: ClassVar[bool] = False
    """Whether the model to start from stands beside the trained one as its control, as it is, in place of
    one that is trained from random weights."""
    chat: bool = False
    """Whether the model answers in conversations, which its folder is to say."""
    config: ModelConfig
    """Of the model that learns it."""
    batch_size: int
    documents: int
    """For training."""
    tokenizer: str | None = None
    """tokenizer.json of the model, where it is not that of the model to start from."""

    def begin(self, base: Model) -> None:
        """Take what training needs of the model to start from: by default nothing."""

    def finish(self, model: nn.Module) -> None:
        """Make of a trained model what is stored: by default it stays as it is."""

    @abstractmethod
    def steps(self, epochs: int) -> int:
        """Optimizer steps that ``epochs`` passes over the training examples take."""

    @abstractmethod
    def padding_share(self, steps: int) -> float:
        """Share of the positions which hold padding, of all that so many steps compute."""

    @property
    @abstractmethod
    def longest(self) -> int:
        """Tokens of the longest training example."""

    @abstractmethod
    def largest(self, rows: int) -> Examples:
        """A batch of as many rows as long as the longest of training, of zeros: for estimates of memory."""
