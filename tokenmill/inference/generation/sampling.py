"""The settings of generation, filters of logits, and sampling of the next token."""

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.inference.generation.limits import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    MOST_NEW_TOKENS,
    MOST_SEQUENCES,
)
from tokenmill.inference.rows import check_finite
from tokenmill.model.heads import LanguageModel
from tokenmill.text.vocabulary import Vocabulary

BOUNDS: dict[str, tuple[float, float]] = {
    "max_new_tokens": (1, MOST_NEW_TOKENS),
    "temperature": (LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE),
    "top_k": (1, math.inf),
    "top_p": (1e-6, 1),
    "min_p": (0, 1),
    "repetition_penalty": (0.01, 100),
    "num_beams": (1, MOST_SEQUENCES),
    "length_penalty": (-10, 10),
    "num_return_sequences": (1, MOST_SEQUENCES),
    "seed": (0, 2**63 - 1),
}
"""Least and greatest value. Beyond those of the penalties numbers overflow, or all tokens but one vanish."""
WHOLE = frozenset({"max_new_tokens", "top_k", "num_beams", "num_return_sequences", "seed"})


@dataclass(frozen=True)
class GenerationConfig:
    """How text is generated. Names and meanings are those of ``transformers``.

    Raises:
        UserError: a value is out of range, or two do not go together.
    """

    max_new_tokens: int = 50
    temperature: float = 1.0
    """Logits are divided by it; 0 takes the most probable token each time."""
    top_k: int | None = None
    """Sample among the k most probable tokens (Fan et al. 2018)."""
    top_p: float | None = None
    """Sample among the fewest most probable tokens whose probabilities reach p (Holtzman et al. 2020)."""
    min_p: float | None = None
    """Sample among tokens at least so probable, relative to the most probable (Nguyen et al. 2024)."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that stand in the text already become less probable (Keskar et al. 2019)."""
    num_beams: int = 1
    """With more than 1, beam search: no chance, and no use for temperature, top_k, top_p and min_p."""
    length_penalty: float = 1.0
    """Beam search divides a text's log-probability by its length to this power: more favours longer texts."""
    stop: tuple[str, ...] = ()
    """A text ends before the first of these."""
    num_return_sequences: int = 1
    """Texts for each prompt; those of a beam search are its best."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            whole = name in WHOLE
            known = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if value is None and name in ("top_k", "top_p", "min_p"):
                continue
            if not known:
                kind = "a whole number" if whole else "a number"
                raise UserError(f"{name} must be {kind}, got {value!r}")
            if name == "temperature" and value == 0:
                continue
            if not least <= value <= most:  # nor is NaN
                or_greedy = "0 (greedy), or " if name == "temperature" else ""
                raise UserError(f"{name} must be {or_greedy}from {least} to {most}, got {value}")
        if "" in self.stop:
            raise UserError("stop must hold texts of one character at least, got an empty one")
        if 1 < self.num_beams < self.num_return_sequences:
            raise UserError(
                f"num_return_sequences must be at most num_beams, got {self.num_return_sequences} "
                f"and {self.num_beams}"
            )

    @property
    def copies(self) -> int:
        """Rows that each prompt takes."""
        return self.num_beams if self.num_beams > 1 else self.num_return_sequences


def filter_logits(
    logits_BV: Tensor, *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None
) -> Tensor:
    """Set to -inf what sampling must not choose; one after the other, and the most probable token stays."""
    if top_k is not None and top_k < logits_BV.shape[-1]:
        least_B1 = logits_BV.topk(top_k, dim=-1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < least_B1, -torch.inf)
    if top_p is not None and top_p < 1:
        sorted_BV, order_BV = logits_BV.sort(dim=-1)
        beyond_BV = sorted_BV.softmax(-1).cumsum(-1) <= 1 - top_p
        beyond_BV[:, -1] = False
        logits_BV = logits_BV.masked_fill(beyond_BV.scatter(1, order_BV, beyond_BV), -torch.inf)
    if min_p is not None:
        probability_BV = logits_BV.softmax(-1)
        least_B1 = min_p * probability_BV.amax(-1, keepdim=True)
        logits_BV = logits_BV.masked_fill(probability_BV < least_B1, -torch.inf)
    return logits_BV


class RepetitionPenalty:
    """Makes tokens that stand in a row already less probable; the prompt counts, padding does not."""

    def __init__(self, penalty: float, rows: Sequence[Sequence[int]], like_BV: Tensor) -> None:
        self.penalty = penalty
        self.seen_BV = torch.zeros_like(like_BV, dtype=torch.bool)
        if penalty != 1:
            for row, ids in enumerate(rows):
                self.seen_BV[row, torch.tensor(ids)] = True

    def __call__(self, scores_BV: Tensor) -> Tensor:
        """Logits or log-probabilities: those of seen tokens divided by the penalty, or multiplied below 0."""
        if self.penalty == 1:
            return scores_BV
        punished_BV = torch.where(scores_BV < 0, scores_BV * self.penalty, scores_BV / self.penalty)
        return torch.where(self.seen_BV, punished_BV, scores_BV)

    def add(self, tokens_B: Tensor, rows_B: Tensor | None = None) -> None:
        """Each row, or a copy of row ``rows_B[b]``, goes on with a token."""
        if self.penalty == 1:
            return
        if rows_B is not None:
            self.seen_BV = self.seen_BV[rows_B]
        self.seen_BV.scatter_(1, tokens_B[:, None], True)


def banned_ids(model: LanguageModel, vocabulary: Vocabulary, ends: Collection[int]) -> Tensor:
    """Ids (N,) that are never chosen: those that stand for no text and end none, and those that files forbid.

    Raises:
        UserError: nothing is left to choose.
    """
    ids = {id for id in vocabulary.special | vocabulary.never if id < model.config.vocab_size} - {*ends}
    if len(ids) >= model.config.vocab_size:
        raise UserError(
            "all tokens of this model's vocabulary are special; take the model's own tokenizer.json"
        )
    return torch.tensor(sorted(ids), dtype=torch.long, device=next(model.parameters()).device)


def row_numbers(seed: int, prompt: Sequence[int], copy: int, count: int) -> npt.NDArray[np.float64]:
    """``count`` numbers in [0, 1) that follow from the seed, the prompt's ids and which of its texts it is.

    They know nothing of other prompts: what comes out for a prompt does not depend on its company.
    """
    key = hashlib.sha256(repr((seed, list(prompt), copy)).encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little"))).random(count)


def choose(logits_BV: Tensor, settings: GenerationConfig, numbers_B: npt.NDArray[np.float64]) -> Tensor:
    """One token a row: the most probable one, or the one that a number in [0, 1) falls on.

    Raises:
        UserError: the logits are not numbers.
    """
    check_finite(logits_BV)
    if settings.temperature == 0:
        # On the CPU numpy's is twenty times as fast as torch's.
        return torch.from_numpy(logits_BV.cpu().numpy().argmax(-1)).to(logits_BV.device)
    scaled_BV = logits_BV / settings.temperature
    if bool(scaled_BV.amax() == torch.inf):  # only differences matter, and these are not above 0
        scaled_BV = (logits_BV - logits_BV.amax(-1, keepdim=True)) / settings.temperature
    kept_BV = filter_logits(scaled_BV, top_k=settings.top_k, top_p=settings.top_p, min_p=settings.min_p)
    total_BV = check_finite(kept_BV.softmax(-1)).cpu().numpy().cumsum(-1, dtype=np.float64)
    # Never the total itself: the last token may be one that must not be chosen.
    place_B = np.minimum(numbers_B * total_BV[:, -1], np.nextafter(total_BV[:, -1], 0))
    chosen = [np.searchsorted(row, place, side="right") for row, place in zip(total_BV, place_B, strict=True)]
    return torch.tensor(chosen, device=logits_BV.device)
