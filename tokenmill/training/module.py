"""The step of training: a batch, its loss, the optimizer's step, and what is skipped of it."""

import math
import sys
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from tokenmill.core.errors import UserError
from tokenmill.core.seeds import seed_of
from tokenmill.training import parallel
from tokenmill.training.optimizer import MuonAdamW, parameter_groups
from tokenmill.training.precision import Precision
from tokenmill.training.schedule import Schedule
from tokenmill.training.sharding import Shards
from tokenmill.training.spikes import LIMIT, WINDOW, Spikes
from tokenmill.training.task import Batch, Task


class TrainingModule(pl.LightningModule):
    """A model that learns a task.

    Every random number of a step (dropout, masks) is drawn from (seed, step), and so is the data order:
    a resumed run continues as if it had never stopped.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        schedule: Schedule,
        *,
        micro_batch: int = 0,
        precision: Precision = "float32",
        keep_precision: bool = False,
    ) -> None:
        """Set up the counters.

        Args:
            model: in main memory.
            task: what it learns.
            schedule: steps, learning rate, seed.
            micro_batch: rows computed at a time, which bounds memory; 0: all of this process's.
            precision: what products are computed in.
            keep_precision: refuse a checkpoint of another precision.
        """
        super().__init__()
        self.products, self.keep_precision = getattr(torch, precision), keep_precision
        self.precision: str = precision
        """What products were computed in: more than one, where the run was told to change it on its way."""
        self.model, self.task, self.schedule, self.micro_batch = model, task, schedule, micro_batch
        self.tokens_seen = 0
        """Tokens that went through the model so far."""
        self.curve: list[dict[str, Any]] = []
        """Rows of the learning curve: tokens, split, and the figures of that moment."""
        self.best: dict[str, Any] = {"step": 0, "loss": math.inf}
        """The lowest validation loss so far, and after how many steps it was; kept where it is asked for."""
        self.gradient_norm = 0.0
        """Of the last step, over all weights."""
        self.spikes = Spikes(outliers=task.skips_outliers)
        self.shards: Shards | None = None
        """The model in pieces, where FSDP trains it."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Mean loss of a batch in nats, computed in parts of at most ``micro_batch`` rows."""
        # Dropout is the one thing that depends on how a batch is shared out.
        torch.manual_seed(seed_of(self.schedule.seed, batch.step + (parallel.rank() << 40)))
        self.tokens_seen += batch.tokens
        self.zero_grad()
        loss: Any = 0.0
        *earlier, last = parallel.pieces(len(batch.examples), self.micro_batch)
        for rows in earlier:
            part = self.share_of_loss(batch, rows)
            part.backward()  # adds up here; the last part's goes through Lightning, which exchanges them
            loss = loss + part.detach()
        loss = loss + self.share_of_loss(batch, last)
        self._current = (batch.step, loss.detach())
        return loss

    def share_of_loss(self, batch: Batch, rows: slice) -> Tensor:
        """The share that some rows have of a batch's mean loss."""
        # A process without rows still takes part in the exchange of gradients.
        filled = rows.stop > rows.start
        examples = batch.examples[rows if filled else slice(0, 1)].to(self.device)
        loss: Tensor = self.compute(examples.loss, self.model)
        # Gradients are averaged over the processes, each of which holds a share of the batch's mean.
        return loss * (parallel.world() if filled else 0)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Skip a step that went wrong: without gradients the optimizer changes nothing.

        Raises:
            UserError: too many of the last steps went wrong.
        """
        step, loss = self._current
        norm = torch.nn.utils.get_total_norm([p.grad for p in self.parameters() if p.grad is not None])
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        figures = torch.stack([parallel.mean(loss), norm])  # one wait for the device
        mean_loss, self.gradient_norm = figures.tolist()
        reason = self.spikes.check(step, mean_loss, self.gradient_norm)
        if reason is None:
            return
        optimizer.zero_grad()
        what = f"step {step}: {reason} ({self.task.origin(step)})"
        if self.spikes.too_many(step):
            raise UserError(
                f"{what}; {LIMIT} of the last {WINDOW} steps went wrong and nothing is published; "
                "lower learning_rate in params.yaml, or look at that data"
            )
        if parallel.rank() == 0:
            print(f"{what}; skipped", file=sys.stderr, flush=True)

    def optimizer_zero_grad(self, *_: Any) -> None:
        """Nothing: :meth:`training_step` does it, before the first part of a batch."""

    def configure_optimizers(self) -> Any:
        """What the schedule names, the rates moved by it."""
        groups = parameter_groups(self.model, self.schedule.learning_rate, self.schedule.optimizer)
        optimizer = MuonAdamW(groups, dtype=self.products)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def validate(self) -> dict[str, float]:
        """The task's figures on the validation split."""
        figures: dict[str, float] = self.compute(self.task.validate, self.model)
        return figures

    def configure_model(self) -> None:
        """Share out the model's weights, where the strategy wants that."""
        if self.device_mesh is not None and self.shards is None:
            self.shards = Shards(self.model, self.device_mesh["data_parallel"], products=self.products)
            self.model = self.shards.model

    def gather(self) -> None:
        """Put a model that was shared out together again; each process must call this."""
        if self.shards is not None:
            self.model, self.shards = self.shards.gathered(), None

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function's result, with the weights outside of the blocks gathered around it."""
        return function(*arguments) if self.shards is None else self.shards.root(function, *arguments)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the counters beside the weights."""
        checkpoint["tokenmill"] = {
            "tokens_seen": self.tokens_seen,
            "curve": self.curve,
            "best": self.best,
            "spikes": self.spikes.state_dict(),
            "precision": self.precision,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue the counters where the checkpoint left them.

        Raises:
            UserError: it was computed in another precision, and nobody asked for the change.
        """
        kept = checkpoint["tokenmill"]
        *_, before = kept["precision"].split(", then ")
        if before != self.precision:
            if self.keep_precision:
                raise UserError(
                    f"this training began in {before}, and this machine would go on in {self.precision}; "
                    f"set runtime.precision in params.yaml: {before} goes on as it began"
                )
            self.precision = f"{kept['precision']}, then {self.precision}"
        else:
            self.precision = kept["precision"]
        self.tokens_seen, self.curve, self.best = kept["tokens_seen"], kept["curve"], kept["best"]
        self.spikes.load_state_dict(kept["spikes"])
