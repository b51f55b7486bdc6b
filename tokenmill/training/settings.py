"""What settings of pretraining and of fine-tuning share. Nothing heavy here."""

from typing import Literal

Kept = Literal["last", "best"]
"""The weights after the last step, or those with the lowest validation loss on the way (early stopping)."""

ScheduleName = Literal["linear", "warm-up-stable-decay", "cosine"]
"""How the learning rate falls after its warm-up (schedule.py)."""
