"""Lightning modules: what one training step does for each objective, and how it is validated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from lm import scoring
from lm.batches import Objective, pad_rows
from lm.errors import UserError
from lm.model.config import ModelConfig
from lm.model.heads import LanguageModel, TaskModel
from lm.text.tokenizer import FIRST_TEXT_ID
from lm.training.optimizer import MuonAdamW, linear_schedule, parameter_groups
from lm.training.order import Steps, TokenRows, length_buckets

EMBEDDING_RATE = 0.5
"""AdamW's learning rate (embeddings, vectors, heads) as a share of Muon's; see docs/experiments.md."""

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    steps: int
    learning_rate: float
    seed: int


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
        """Muon and AdamW, warmed up and then lowered to zero in a line."""
        rate = self.schedule.learning_rate
        optimizer = MuonAdamW(parameter_groups(self.model, rate, EMBEDDING_RATE * rate))
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: linear_schedule(step, steps=self.schedule.steps, warm_up=WARM_UP)
        )
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


class LanguageModelling(Task):
    """An objective on rows of a token stream."""

    def __init__(
        self,
        model: LanguageModel,
        schedule: Schedule,
        *,
        objective: Objective,
        train: npt.NDArray[Any],
        validation: npt.NDArray[Any],
        bytes_per_token: float,
        batch_rows: int,
    ) -> None:
        """``bytes_per_token``: UTF-8 bytes behind one text token of the validation split, on average."""
        super().__init__(model, schedule)
        self.objective, self.batch_rows = objective, batch_rows
        self.data = TokenRows(train, objective.row_tokens(model.config), schedule.seed)
        self.validation = validation
        self.bytes_per_token = bytes_per_token

    @staticmethod
    def steps_in(tokens: int, batch_rows: int, objective: Objective, config: ModelConfig) -> int:
        """Optimizer steps that go through about ``tokens`` tokens of the stream."""
        return max(1, round(tokens / (batch_rows * stream_tokens(objective, config))))

    def loss(self, step: int) -> Tensor:
        """Mean cross-entropy over the batch's targets."""
        rows = self.data.batch(step, self.batch_rows)
        self.seen += self.batch_rows * stream_tokens(self.objective, self.model.config)
        batch = self.objective.batch(
            rows,
            vocab_size=self.model.config.vocab_size,
            generator=torch.Generator().manual_seed(self.schedule.seed * 1_000_003 + step),
        )
        return batch.to(self.device).loss(self.model)

    def validate(self) -> dict[str, float]:
        """:func:`language_scores` on the validation tokens."""
        return language_scores(
            self.model, self.validation, self.objective, bytes_per_token=self.bytes_per_token
        )


def stream_tokens(objective: Objective, config: ModelConfig) -> int:
    """Tokens of the stream that a row uses up: the last of a causal row is the next one's first."""
    return (
        min(objective.row_tokens(config), config.context) if config.causal else objective.row_tokens(config)
    )


def language_scores(
    model: LanguageModel, stream: npt.NDArray[Any], objective: Objective, *, bytes_per_token: float
) -> dict[str, float]:
    """Validation figures of a language model on a token stream (1-D).

    Causal: ``loss`` (nats a text token), ``bits_per_byte``, ``perplexity``. Otherwise ``loss`` (nats a
    target) and ``accuracy``: such a model gives no probability of the text, hence no bits per byte.
    """
    model.eval()
    if objective.name == "causal":
        nats, count = scoring.stream_nats(
            model, stream, first_text_id=FIRST_TEXT_ID, stride=model.config.context
        )
        figures = {
            "loss": nats / count,
            "bits_per_byte": scoring.bits_per_byte(nats, count * bytes_per_token),
            "perplexity": float(np.exp(nats / count)),
        }
    else:
        loss, accuracy = scoring.objective_scores(model, stream, objective, seed=0)
        figures = {"loss": loss, "accuracy": accuracy}
    model.train()
    return figures


@dataclass(frozen=True)
class LabelledTexts:
    """Texts as the model reads them, and the numbers of their labels."""

    rows: Sequence[Sequence[int]]
    labels: npt.NDArray[np.int64]
    padding: int
    """Id that fills up shorter rows of a batch."""

    def batch(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, T), where they are (B, T), and label numbers (B) of some of the texts."""
        tokens, present = pad_rows([self.rows[index] for index in chosen], self.padding)
        return tokens, present, torch.from_numpy(self.labels[list(chosen)])


class Classification(Task):
    """Sequence classification with batches of like length."""

    def __init__(
        self,
        model: TaskModel,
        schedule: Schedule,
        *,
        train: LabelledTexts,
        validation: LabelledTexts,
        batch_size: int,
    ) -> None:
        super().__init__(model, schedule)
        self.train_texts, self.validation_texts, self.batch_size = train, validation, batch_size
        self._lengths = [len(row) for row in train.rows]
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    @staticmethod
    def steps_in(texts: int, batch_size: int, epochs: int) -> int:
        """Optimizer steps that ``epochs`` passes over ``texts`` take."""
        return epochs * len(length_buckets([1] * texts, batch_size, 0, 0))

    def loss(self, step: int) -> Tensor:
        """Cross-entropy over the labels of one batch."""
        per_epoch = self.steps_in(len(self._lengths), self.batch_size, 1)
        epoch, place = divmod(step, per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, length_buckets(self._lengths, self.batch_size, self.schedule.seed, epoch))
        chosen = self._epoch[1][place]
        tokens, present, labels = self.train_texts.batch(chosen)
        self.seen += int(present.sum())
        logits = self.model(tokens.to(self.device), present.to(self.device))
        return F.cross_entropy(logits, labels.to(self.device))

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Loss in nats a text, and accuracy."""
        self.model.eval()
        texts = self.validation_texts
        order = sorted(range(len(texts.rows)), key=lambda index: (len(texts.rows[index]), index))
        loss, right = 0.0, 0
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            tokens, present, labels = texts.batch(chosen)
            logits = self.model(tokens.to(self.device), present.to(self.device)).cpu()
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            right += int((logits.argmax(-1) == labels).sum())
        self.model.train()
        return {"loss": loss / len(order), "accuracy": right / len(order)}
