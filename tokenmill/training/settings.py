"""What settings of pretraining and of fine-tuning share."""

from typing import Literal

Kept = Literal["last", "best"]
"""The weights after the last step, or those with the lowest validation loss on the way (early stopping)."""
