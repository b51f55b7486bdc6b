"""Fine-tuning in batches of rows of like length."""

from abc import abstractmethod
from collections.abc import Sequence

from tokenmill.model.config import ModelConfig
from tokenmill.tasks.task import FinetuneTask
from tokenmill.training.order import length_buckets
from tokenmill.training.task import Batch, Examples


class LengthBatches(FinetuneTask):
    """The training rows of ``lengths`` tokens, all of them once an epoch, in batches of like length."""

    def __init__(
        self, config: ModelConfig, lengths: Sequence[int], *, documents: int, batch_size: int, seed: int
    ) -> None:
        self.config, self.documents, self.batch_size, self.seed = config, documents, batch_size, seed
        self._lengths = lengths
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    @abstractmethod
    def rows(self, chosen: Sequence[int]) -> Examples:
        """Some of the training rows as one padded batch."""

    @property
    def longest(self) -> int:
        """Tokens of the longest training row."""
        return max(self._lengths)

    def steps(self, epochs: int) -> int:
        """Optimizer steps that ``epochs`` passes over the training rows take."""
        return epochs * len(length_buckets([1] * len(self._lengths), self.batch_size, 0, 0))

    def chosen(self, step: int) -> list[int]:
        """Which rows a step reads."""
        epoch, place = divmod(step, self.steps(1))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, length_buckets(self._lengths, self.batch_size, self.seed, epoch))
        return self._epoch[1][place]

    def batch(self, step: int) -> Batch:
        """Rows of like length."""
        chosen = self.chosen(step)
        return Batch(step, sum(self._lengths[index] for index in chosen), self.rows(chosen))

    def padding_share(self, steps: int) -> float:
        """Share of the positions which hold padding, of all that so many steps compute."""
        tokens = positions = 0
        for step in range(steps):
            lengths = [self._lengths[index] for index in self.chosen(step)]
            tokens += sum(lengths)
            positions += len(lengths) * max(lengths)
        return 1 - tokens / positions
