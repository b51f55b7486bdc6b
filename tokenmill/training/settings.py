"""What settings of pretraining and of fine-tuning share. Nothing heavy here."""

from typing import Annotated, Literal

from pydantic import Field

Kept = Literal["last", "best"]
"""The weights after the last step, or those with the lowest validation loss on the way (early stopping)."""

OptimizerName = Literal["muon", "adamw"]
"""What turns gradients into steps (optimizer.py): Muon for hidden matrices and AdamW for the rest, or AdamW
for all, as published weights were trained."""

ScheduleName = Literal["linear", "warm-up-stable-decay", "cosine"]
"""How the learning rate falls after its warm-up (schedule.py)."""

Rate = Annotated[float, Field(gt=0, le=1)]
"""A learning rate; docs/training.md says what the number means. Muon's update has singular values of about 1:
at a rate of 1 a step puts another matrix in the place of the weights."""

Rows = Annotated[int, Field(ge=1, le=2**20)]
"""In one optimizer step; the whole batch is drawn at once. GPT-3's had 1,600 (Brown et al. 2020)."""

Context = Annotated[int, Field(ge=8, le=10_000_000)]
"""Tokens in a row. Llama 4 Scout has the longest published, 10 million."""

Epochs = Annotated[float, Field(ge=1e-6, le=100_000)]
"""Passes over the training data; after some 40 a model learns nothing more (Muennighoff et al. 2023)."""

MOST_WIDTH = 65_536
"""Dimensions of hidden states. PaLM 540B has 18,432."""
