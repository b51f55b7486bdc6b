"""Tasks whose training examples are rows of unequal length: batches of like length, in the seed's order."""

from collections.abc import Iterable

from tokenmill.tasks.task import FinetuneTask
from tokenmill.training.order import length_buckets


class ByLength(FinetuneTask):
    """Which rows a step reads."""

    def __init__(self, lengths: Iterable[int], *, documents: int, batch_size: int, seed: int) -> None:
        """Set up the order of rows that have so many tokens each."""
        self._lengths = list(lengths)
        self.documents, self.batch_size, self.seed = documents, batch_size, seed
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    @property
    def longest(self) -> int:
        """Tokens of the longest training text."""
        return max(self._lengths)

    def steps(self, epochs: int) -> int:
        """Optimizer steps that ``epochs`` passes over the training texts take."""
        return epochs * len(length_buckets([1] * len(self._lengths), self.batch_size, 0, 0))

    def _chosen(self, step: int) -> list[int]:
        """Which rows a step reads."""
        epoch, place = divmod(step, self.steps(1))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, length_buckets(self._lengths, self.batch_size, self.seed, epoch))
        return self._epoch[1][place]

    def padding_share(self, steps: int) -> float:
        """Share of the positions which hold padding, of all that so many steps compute."""
        tokens = positions = 0
        for step in range(steps):
            lengths = [self._lengths[index] for index in self._chosen(step)]
            tokens += sum(lengths)
            positions += len(lengths) * max(lengths)
        return 1 - tokens / positions
