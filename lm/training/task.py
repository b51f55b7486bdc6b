"""What every training has: schedule, optimizer, a seeded step, and what a checkpoint keeps of it."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lm.errors import UserError
from lm.training.optimizer import MuonAdamW, parameter_groups
from lm.training.order import Steps
from lm.training.schedule import Schedule

EMBEDDING_RATE = 0.5
"""AdamW's learning rate (embeddings, vectors, heads) as a share of Muon's; see docs/experiments.md."""


class Task(pl.LightningModule):
    """A model, its data and its objective.

    Every random number of a step (dropout, masks) is drawn from (seed, step), and so is the data order:
    a resumed run continues as if it had never stopped.
    """

    def __init__(self, model: Any, schedule: Schedule) -> None:
        super().__init__()
        self.model = model
        self.schedule = schedule
        self.steps = Steps(schedule.steps)
        self.seen = 0
        """Tokens that went through the model so far."""
        self.curve: list[dict[str, Any]] = []
        """Rows of the learning curve: tokens, split, and the figures of that moment."""

    def train_dataloader(self) -> DataLoader[int]:
        """The steps still to do, one number a batch."""
        return DataLoader(self.steps, batch_size=None)

    def configure_optimizers(self) -> Any:
        """Muon and AdamW, their rates moved by the schedule."""
        rate = self.schedule.learning_rate
        optimizer = MuonAdamW(parameter_groups(self.model, rate, EMBEDDING_RATE * rate))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Loss of the step numbered ``batch`` (``batch_idx`` counts within this process only)."""
        step = int(batch)
        torch.manual_seed(self.schedule.seed * 1_000_003 + step)
        loss = self.loss(step)
        if not bool(torch.isfinite(loss)):
            raise UserError(
                f"the loss of step {step} is {float(loss)}, nothing is published; "
                "lower learning_rate in params.yaml"
            )
        return loss

    def loss(self, step: int) -> Tensor:
        """Mean loss of a step's batch in nats."""
        raise NotImplementedError

    def validate(self) -> dict[str, float]:
        """Figures on the validation split."""
        raise NotImplementedError

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counters beside the weights."""
        checkpoint["tokenmill"] = {"seen": self.seen, "curve": self.curve}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue counters and data where the checkpoint left them."""
        self.seen = checkpoint["tokenmill"]["seen"]
        self.curve = checkpoint["tokenmill"]["curve"]
        self.steps.first = checkpoint["global_step"]
