"""Language modelling as a task: rows of a token stream, an objective on them, and its validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tokenmill.core.errors import UserError
from tokenmill.core.seeds import seed_of
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives import scoring
from tokenmill.objectives.objective import Objective
from tokenmill.pretraining.packing import PackedRows
from tokenmill.training.order import Stream, TokenRows
from tokenmill.training.task import Batch, Task


class LanguageModelling(Task):
    """An objective on rows of a token stream."""

    skips_outliers = True

    def __init__(
        self,
        config: ModelConfig,
        objective: Objective,
        *,
        train: Stream,
        validation: npt.NDArray[Any],
        bytes_per_token: float,
        batch_rows: int,
        seed: int,
        ends: npt.NDArray[np.int64] | None = None,
        locate: Callable[[int], str] = str,
    ) -> None:
        """Set up the rows.

        Args:
            config: of the model that learns.
            objective: what it learns to predict.
            train: token ids.
            validation: token ids (n,).
            bytes_per_token: UTF-8 bytes behind one text token of the validation split, on average.
            batch_rows: rows in one step.
            seed: of the data's order and of the objective's chance.
            ends: where the documents of ``train`` end; with it, rows are packed from whole ones.
            locate: says where a token of ``train`` stands on disk.
        """
        self.config, self.objective, self.batch_rows, self.seed = config, objective, batch_rows, seed
        length = objective.row_tokens(config.context)
        self.rows = TokenRows(train, length, seed) if ends is None else PackedRows(train, ends, length, seed)
        self.validation, self.bytes_per_token = validation, bytes_per_token
        self.locate = locate

    def batch(self, step: int) -> Batch:
        """Rows of the stream, and the objective's inputs and labels from them.

        Raises:
            UserError: a row holds a token that the model does not know.
        """
        rows_BL = self.rows.batch(step, self.batch_rows)
        vocab_size = self.config.vocab_size
        if int(rows_BL.max()) >= vocab_size:
            raise UserError(
                f"token {int(rows_BL.max())} is beyond the model's vocabulary of {vocab_size} "
                f"in step {step} ({self.origin(step)}); make the shards anew with `dvc repro -f tokenize`"
            )
        generator = torch.Generator().manual_seed(seed_of(self.seed, step))
        examples = self.objective.examples(rows_BL, vocab_size=vocab_size, generator=generator)
        return Batch(step, self.batch_rows * self.objective.tokens_used(self.config.context), examples)

    def origin(self, step: int) -> str:
        """Where the rows of a step begin."""
        places = [self.locate(start) for start in self.rows.starts(step, self.batch_rows)]
        return f"its {len(places)} rows begin at token {', '.join(places)}"

    def validate(self, model: nn.Module) -> dict[str, float]:
        """:func:`language_scores` on the validation tokens."""
        assert isinstance(model, LanguageModel)
        return language_scores(model, self.validation, self.objective, bytes_per_token=self.bytes_per_token)


def language_scores(
    model: LanguageModel, stream: npt.NDArray[Any], objective: Objective, *, bytes_per_token: float
) -> dict[str, float]:
    """Validation figures of a language model on token ids (n,).

    Causal: ``loss`` (nats a text token), ``bits_per_byte``, ``perplexity``. Otherwise ``loss`` (nats a
    label) and ``accuracy``: such a model gives no probability of the text, hence no bits per byte.
    """
    model.eval()
    if objective.gives_text_probability:
        nats, count = scoring.stream_nats(
            model, stream, special=objective.special.ids, stride=model.config.context
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
