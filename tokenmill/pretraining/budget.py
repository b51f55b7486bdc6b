"""From a budget of tokens to steps, batch and learning rate, by formula where the settings name none."""

import math
from dataclasses import dataclass

REFERENCE_TOKENS, REFERENCE_RATE = 1024, 0.02
"""Batch and Muon's rate at which the formula was set; see docs/experiments.md."""


def batch_tokens(tokens: int) -> float:
    """Tokens in a step that suit a run over ``tokens``: 1.16 · tokens^0.571.

    The Step Law (Li et al. 2025, arXiv:2503.04715) has this power, and finds that the model's size hardly
    matters. Its factor, for AdamW, is 0.58; with Muon twice as much was best here (docs/experiments.md).
    """
    return 1.16 * tokens**0.571


def matrix_rate(batch: float) -> float:
    """Muon's rate for steps of ``batch`` tokens: it grows with the batch's square root, up to twice the
    reference's. An update's size does not depend on a matrix's width, so the model's size is not in it."""
    return REFERENCE_RATE * min(2.0, math.sqrt(batch / REFERENCE_TOKENS))


@dataclass(frozen=True)
class Budget:
    """How much one run trains, and in what steps."""

    steps: int
    batch_rows: int
    learning_rate: float
    row_tokens: int
    """Tokens of the stream that a row uses up."""

    @property
    def tokens(self) -> int:
        """Tokens that the run goes through."""
        return self.steps * self.batch_rows * self.row_tokens


def new_budget(
    tokens: int, *, row_tokens: int, batch_rows: int | None = None, learning_rate: float | None = None
) -> Budget:
    """The steps that go through about ``tokens`` tokens; a batch by formula is a power of two of rows."""
    if batch_rows is None:
        batch_rows = 2 ** max(0, round(math.log2(batch_tokens(tokens) / row_tokens)))
    batch = batch_rows * row_tokens
    rate = matrix_rate(batch) if learning_rate is None else learning_rate
    return Budget(max(1, round(tokens / batch)), batch_rows, rate, row_tokens)
