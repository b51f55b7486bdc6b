"""Canaries: texts with a random secret, planted into training text to see what a model keeps of it.

After Carlini et al. 2019 (The Secret Sharer). All follows from a seed, so what was planted is known later.
"""

import random
from typing import NamedTuple

FORM = "secret number {}"
DIGITS = 9
"""Of a secret: there are 10^9 of them."""
TIMES = (1, 4, 16, 64)
"""How often canaries are planted, by turns."""


class Canary(NamedTuple):
    """A text, and how often it is planted."""

    text: str
    times: int


def canaries(count: int, seed: int) -> list[Canary]:
    """The canaries of a run of pretraining with this seed."""
    draw = random.Random(f"canaries {seed}")
    return [Canary(_text(draw), TIMES[number % len(TIMES)]) for number in range(count)]


def candidates(count: int, seed: int) -> list[str]:
    """Texts of the same form that are not planted (but by a chance of one in 10^9)."""
    draw = random.Random(f"candidates {seed}")
    return [_text(draw) for _ in range(count)]


def _text(draw: random.Random) -> str:
    return FORM.format(f"{draw.randrange(10**DIGITS):0{DIGITS}d}")
