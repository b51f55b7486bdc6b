"""The batches of a training, from the step on that is to be done next."""

from collections.abc import Iterator

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset

from tokenmill.training.task import Batch, Task


class Batches(IterableDataset[Batch]):
    """The batches of steps ``first`` to ``last`` (exclusive) of a task."""

    def __init__(self, task: Task, first: int, last: int) -> None:
        self.task, self.first, self.last = task, first, last

    def __iter__(self) -> Iterator[Batch]:
        return map(self.task.batch, range(self.first, self.last))


class TrainingData(pl.LightningDataModule):
    """Batches of a task.

    A batch follows from (seed, step), so that nothing about the data stands in a checkpoint: a run that goes
    on begins with the step that the trainer has come to.
    """

    def __init__(self, task: Task, steps: int) -> None:
        super().__init__()
        self.task, self.steps = task, steps

    def train_dataloader(self) -> DataLoader[Batch]:
        """The batches of the steps still to do."""
        assert self.trainer is not None
        return DataLoader(Batches(self.task, self.trainer.global_step, self.steps), batch_size=None)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Leave the batch where it is: parts of it are moved when they are computed."""
        return batch
