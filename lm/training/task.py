"""What every training has: schedule, optimizer, a seeded step, and what a checkpoint keeps of it."""

import math
import sys
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lm.errors import UserError
from lm.training.optimizer import MuonAdamW, parameter_groups
from lm.training.order import Steps
from lm.training.schedule import Schedule
from lm.training.spikes import LIMIT, WINDOW, Spikes

EMBEDDING_RATE = 0.5
"""AdamW's learning rate (embeddings, vectors, heads) as a share of Muon's; see docs/experiments.md."""


class Task(pl.LightningModule):
    """A model, its data and its objective.

    Every random number of a step (dropout, masks) is drawn from (seed, step), and so is the data order:
    a resumed run continues as if it had never stopped.
    """

    skips_outliers: ClassVar[bool]
    """Whether a finite loss can be a spike; see :class:`Spikes`."""

    def __init__(self, model: Any, schedule: Schedule) -> None:
        super().__init__()
        self.model = model
        self.schedule = schedule
        self.steps = Steps(schedule.steps)
        self.seen = 0
        """Tokens that went through the model so far."""
        self.curve: list[dict[str, Any]] = []
        """Rows of the learning curve: tokens, split, and the figures of that moment."""
        self.best: dict[str, Any] = {"step": 0, "loss": math.inf}
        """The lowest validation loss so far, and after how many steps it was; kept where it is asked for."""
        self.spikes = Spikes(outliers=self.skips_outliers)

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
        self._current = (step, loss.detach())
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Leave out a step that went wrong: without gradients the optimizer changes nothing.

        Raises:
            UserError: too many of the last steps went wrong.
        """
        step, loss = self._current
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        figures = torch.stack([loss, torch.nn.utils.get_total_norm(gradients)])  # one wait for the device
        why = self.spikes.judge(step, *figures.tolist())
        if why is None:
            return
        optimizer.zero_grad()
        what = f"step {step}: {why} ({self.origin(step)})"
        if self.spikes.too_many(step):
            raise UserError(
                f"{what}; {LIMIT} of the last {WINDOW} steps went wrong and nothing is published; "
                "lower learning_rate in params.yaml, or look at that data"
            )
        print(f"{what}; skipped", file=sys.stderr, flush=True)

    def loss(self, step: int) -> Tensor:
        """Mean loss of a step's batch in nats."""
        raise NotImplementedError

    def origin(self, step: int) -> str:
        """Where the data of a step come from, for a person."""
        raise NotImplementedError

    def validate(self) -> dict[str, float]:
        """Figures on the validation split."""
        raise NotImplementedError

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counters beside the weights."""
        checkpoint["tokenmill"] = {
            "seen": self.seen,
            "curve": self.curve,
            "best": self.best,
            "spikes": self.spikes.state_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue counters and data where the checkpoint left them."""
        kept = checkpoint["tokenmill"]
        self.seen, self.curve, self.best = kept["seen"], kept["curve"], kept["best"]
        self.spikes.load_state_dict(kept["spikes"])
        self.steps.first = checkpoint["global_step"]
