"""What every objective offers to training, to validation and to the plan."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenmill.objectives.examples import Examples
from tokenmill.objectives.table import module_of
from tokenmill.text.special import OURS, SpecialTokens


@dataclass(frozen=True)
class RowShape:
    """What one row of a batch makes a model compute."""

    positions: int
    """Of the decoder, or of the model that stands alone."""
    source: int
    """Positions of a text-to-text model's encoder."""
    predicted: int
    """Positions that go through the output layer."""


@dataclass(frozen=True)
class Objective(ABC):
    """What a language model learns to predict."""

    special: SpecialTokens = OURS
    """Of the tokenizer that made the rows."""

    gives_text_probability: ClassVar[bool] = False
    """Whether each token is predicted from those before it, so that the model has bits per byte."""

    @abstractmethod
    def row_tokens(self, context: int) -> int:
        """Tokens of a row of the stream that fill a row of the model's context."""

    def tokens_used(self, context: int) -> int:
        """Tokens of the stream that a row uses up."""
        return self.row_tokens(context)

    @abstractmethod
    def row_shape(self, context: int) -> RowShape:
        """What a full row makes a model compute."""

    @abstractmethod
    def examples(self, rows_BL: Tensor, *, vocab_size: int, generator: torch.Generator) -> Examples:
        """Inputs and labels from rows of token ids (B, L), with L as :meth:`row_tokens` gives it.

        All chance comes from ``generator``: seeded by (seed, step), a step's examples are the same each time.
        """


def new_objective(
    settings: Mapping[str, Any], tokenizer: Tokenizer, special: SpecialTokens = OURS
) -> Objective:
    """The objective that settings of pretraining describe, for token ids of ``tokenizer``.

    Args:
        settings: an entry of ``pretrain``, as ancestry.json keeps it.
        tokenizer: that of the token stream.
        special: its special tokens.

    Raises:
        UserError: the tokenizer lacks what the objective needs.
    """
    objective: Objective = import_module(module_of(settings["objective"])).new_objective(
        settings, tokenizer, special
    )
    return objective
