"""Language modelling: a step of an objective on rows of a token stream, and its validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives import scoring
from tokenmill.objectives.batches import Objective
from tokenmill.pretraining.packing import PackedRows
from tokenmill.text.tokenizer import FIRST_TEXT_ID
from tokenmill.training.order import Stream, TokenRows
from tokenmill.training.schedule import Schedule
from tokenmill.training.task import Task


class LanguageModelling(Task):
    """An objective on rows of a token stream."""

    skips_outliers = True

    def __init__(
        self,
        model: LanguageModel,
        schedule: Schedule,
        *,
        objective: Objective,
        train: Stream,
        validation: npt.NDArray[Any],
        bytes_per_token: float,
        batch_rows: int,
        ends: npt.NDArray[np.int64] | None = None,
        locate: Callable[[int], str] = str,
    ) -> None:
        """Set up the rows.

        ``bytes_per_token``: UTF-8 bytes behind one text token of the validation split, on average.
        With ``ends``, where the documents of ``train`` end, rows are packed from whole ones. ``locate`` says
        where a token of ``train`` stands on disk.
        """
        super().__init__(model, schedule)
        self.objective, self.batch_rows = objective, batch_rows
        length = objective.row_tokens(model.config)
        self.data = (
            TokenRows(train, length, schedule.seed)
            if ends is None
            else PackedRows(train, ends, length, schedule.seed)
        )
        self.validation = validation
        self.bytes_per_token = bytes_per_token
        self.locate = locate

    def prepare(self, step: int) -> tuple[int, Callable[[slice], Tensor]]:
        """Rows of the stream, and the cross-entropy over their targets.

        Raises:
            UserError: a row holds a token that the model does not know.
        """
        rows = self.data.batch(step, self.batch_rows)
        if int(rows.max()) >= self.model.config.vocab_size:
            raise UserError(
                f"token {int(rows.max())} is beyond the model's vocabulary of {self.model.config.vocab_size} "
                f"in step {step} ({self.origin(step)}); make the shards anew with `dvc repro -f tokenize`"
            )
        self.seen += self.batch_rows * stream_tokens(self.objective, self.model.config)
        batch = self.objective.batch(
            rows,
            vocab_size=self.model.config.vocab_size,
            generator=torch.Generator().manual_seed(self.schedule.seed * 1_000_003 + step),
        )
        targets = batch.count
        return self.batch_rows, lambda part: batch.rows(part).to(self.device).loss(self.model, of=targets)

    def origin(self, step: int) -> str:
        """Where the rows of a step begin."""
        places = [self.locate(start) for start in self.data.starts(step, self.batch_rows)]
        return f"its {len(places)} rows begin at token {', '.join(places)}"

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
