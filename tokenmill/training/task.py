"""What every training has: schedule, optimizer, a seeded step, and what a checkpoint keeps of it."""

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader

from tokenmill.core.errors import UserError
from tokenmill.training import parallel
from tokenmill.training.optimizer import MuonAdamW, parameter_groups
from tokenmill.training.order import Steps
from tokenmill.training.schedule import Schedule
from tokenmill.training.spikes import LIMIT, WINDOW, Spikes

if TYPE_CHECKING:
    from tokenmill.training.sharding import Shards


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
        self.micro_batch = 0
        """Rows that are computed at a time; 0: all of this process's. It bounds memory."""
        self.seen = 0
        """Tokens that went through the model so far."""
        self.curve: list[dict[str, Any]] = []
        """Rows of the learning curve: tokens, split, and the figures of that moment."""
        self.best: dict[str, Any] = {"step": 0, "loss": math.inf}
        """The lowest validation loss so far, and after how many steps it was; kept where it is asked for."""
        self.spikes = Spikes(outliers=self.skips_outliers)
        self.shards: Shards | None = None
        """The model in pieces, where FSDP trains it."""

    def configure_model(self) -> None:
        """Share out the model's weights, where the strategy wants that."""
        if self.device_mesh is None or self.shards is not None:
            return
        from tokenmill.training.sharding import Shards

        self.shards = Shards(self.model, self.device_mesh["data_parallel"])
        self.model = self.shards.model

    def gather(self) -> None:
        """Put a model that was shared out together again; each process must call this."""
        if self.shards is not None:
            self.model, self.shards = self.shards.gathered(), None

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function's result, with the weights outside of the blocks gathered around it."""
        if self.shards is None:
            return function(*arguments)
        return self.shards.root(function, *arguments)

    def train_dataloader(self) -> DataLoader[int]:
        """The steps still to do, one number a batch."""
        return DataLoader(self.steps, batch_size=None)

    def configure_optimizers(self) -> Any:
        """Muon and AdamW, their rates moved by the schedule."""
        groups = parameter_groups(self.model, self.schedule.learning_rate)
        optimizer = MuonAdamW(groups)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Loss of the step numbered ``batch`` (``batch_idx`` counts within this process only)."""
        step = int(batch)
        # Dropout is the one thing that depends on how a batch is shared out.
        torch.manual_seed(self.schedule.seed * 1_000_003 + step + (parallel.rank() << 40))
        rows, share = self.prepare(step)
        self.zero_grad()
        loss: Any = 0.0
        parts = parallel.pieces(rows, self.micro_batch)
        for number, part in enumerate(parts):
            # A process without rows still takes part in the exchange of gradients.
            filled = part.stop > part.start
            own = self.compute(share, part) if filled else 0 * self.compute(share, slice(0, 1))
            # Gradients are averaged over the processes, each of which holds a share of the batch's mean.
            own = own * parallel.world()
            if number + 1 < len(parts):
                own.backward()  # gathered here; the last part's goes through Lightning, which exchanges them
                own = own.detach()
            loss = loss + own
        self._current = (step, loss.detach())
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Leave out a step that went wrong: without gradients the optimizer changes nothing.

        Raises:
            UserError: too many of the last steps went wrong.
        """
        step, loss = self._current
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        figures = torch.stack([parallel.mean(loss), norm])  # one wait for the device
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
        if parallel.rank() == 0:
            print(f"{what}; skipped", file=sys.stderr, flush=True)

    def optimizer_zero_grad(self, *_: Any) -> None:
        """Nothing: :meth:`training_step` does it, before the first part of a batch."""

    def prepare(self, step: int) -> tuple[int, Callable[[slice], Tensor]]:
        """Draw a step's batch: its rows, and the share of its mean loss (nats) that some of them have."""
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
