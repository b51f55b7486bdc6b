"""Which of several candidates a language model holds likeliest at one place of a text.

What differs most between ways to compare is what they do about length and about how common a candidate is by
itself, so all three of the usual ones are given: EleutherAI's evaluation harness calls them ``acc``,
``acc_norm`` and ``acc_mutual_info``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError, shown
from tokenmill.inference.score import begun_rows, score, score_next
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]

RANKINGS = ("sum", "per_byte", "pmi", "whole")
"""By the log-probability; by that for each byte, which is fair to long ones (Brown et al. 2020, 2.4); by the
pointwise mutual information with what stands before, which is fair to rare ones (Holtzman et al. 2021); by
the log-probability of texts that are cut into tokens as a whole, across the edges of candidates."""


@dataclass(frozen=True)
class Choice:
    """Texts that differ in one part: ``before + candidate + after``."""

    before: str
    candidates: tuple[str, ...]
    after: str = ""

    @property
    def continuations(self) -> list[str]:
        """What follows ``before``, by candidate."""
        return [candidate + self.after for candidate in self.candidates]

    @property
    def texts(self) -> list[str]:
        """The whole of it, by candidate."""
        return [self.before + continuation for continuation in self.continuations]


def check_choice(choice: Choice, where: str) -> None:
    """Refuse what is no choice.

    Raises:
        UserError: there are fewer than two candidates, two are equal, or one is empty with what follows.
    """
    if len(choice.candidates) < 2:
        raise UserError(f"{where}: give at least two candidates, got {len(choice.candidates)}")
    for number, candidate in enumerate(choice.candidates):
        if candidate in choice.candidates[:number]:
            raise UserError(f"{where}: candidates must differ, got {shown(candidate)} twice; remove one")
        if not candidate + choice.after:
            raise UserError(f"{where}: candidate {number + 1} is empty; write what may stand there")


def score_choices(
    model: Model, vocabulary: Vocabulary, choices: Sequence[Choice], *, batch_size: int = 64
) -> list[dict[str, Floats]]:
    """For each choice, by the name of :data:`RANKINGS`, the scores (candidates,) in nats; more is better.

    A causal model gives the probability of each candidate and what follows it, after what stands before. A
    candidate begins with a token of its own, so that all are asked after the same tokens; for ``whole`` texts
    are cut as training text was. A masked model gives the pseudo-log-likelihood of the whole text (Salazar et
    al. 2020).

    Raises:
        UserError: the model is of another kind, or a text is longer than its context.
    """
    kind = model.config.kind
    if not isinstance(model, LanguageModel) or kind == "text-to-text":
        raise UserError(f"this model is a {kind}; choose with a causal or a masked language model")
    alone = [replace(choice, before="") for choice in choices]
    if kind == "masked-lm":
        totals = whole = _pseudo(model, vocabulary, choices, batch_size)
        priors = _pseudo(model, vocabulary, alone, batch_size)
    else:
        totals, priors = (_after(model, vocabulary, each, batch_size) for each in (choices, alone))
        whole = _whole(model, vocabulary, choices, batch_size)
    found = []
    for choice, *scores in zip(choices, totals, priors, whole, strict=True):
        total, prior, at_once = scores
        sizes = np.array([max(1, len(part.encode())) for part in choice.continuations])
        rankings = (total, total / sizes, total - prior, at_once)
        found.append(dict(zip(RANKINGS, rankings, strict=True)))
    return found


def _pseudo(
    model: LanguageModel, vocabulary: Vocabulary, choices: Sequence[Choice], batch_size: int
) -> list[Floats]:
    flat = [text for choice in choices for text in choice.texts]
    values = iter([found.total for found in score(model, vocabulary, flat, batch_size=batch_size)])
    return [np.array([next(values) for _ in choice.candidates]) for choice in choices]


def _after(
    model: LanguageModel, vocabulary: Vocabulary, choices: Sequence[Choice], batch_size: int
) -> list[Floats]:
    """The log-probability of each candidate and what follows, after the tokens of what stands before."""
    asked = [_rows(vocabulary, choice) for choice in choices]
    return _scored(model, vocabulary, asked, batch_size)


def _whole(
    model: LanguageModel, vocabulary: Vocabulary, choices: Sequence[Choice], batch_size: int
) -> list[Floats]:
    """The log-probability of each text without the tokens at its beginning that are the same for all."""
    asked = []
    for choice in choices:
        rows = begun_rows(vocabulary, choice.texts)
        same = takewhile(lambda at: len(set(at)) == 1, zip(*rows, strict=False))
        asked.append((rows, sum(1 for _ in same)))
    return _scored(model, vocabulary, asked, batch_size)


def _rows(vocabulary: Vocabulary, choice: Choice) -> tuple[list[list[int]], int]:
    """Tokens of each text, and how many of them stand before the candidates.

    White space goes with the word behind it, as tokenizers have it.
    """
    before = choice.before.rstrip()
    space = choice.before[len(before) :]
    (start,) = begun_rows(vocabulary, [before])
    texts = [space + text for text in choice.continuations]
    ends = vocabulary.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [[*start, *end.ids] for end in ends], len(start)


def _scored(
    model: LanguageModel,
    vocabulary: Vocabulary,
    asked: Sequence[tuple[list[list[int]], int]],
    batch_size: int,
) -> list[Floats]:
    rows = [row for each, _ in asked for row in each]
    since = [max(1, begin) for each, begin in asked for _ in each]
    scores = score_next(model, vocabulary, rows, since, batch_size=batch_size)
    values = iter([found.total for found in scores])
    return [np.array([next(values) for _ in each]) for each, _ in asked]


def fitted(vocabulary: Vocabulary, choice: Choice, context: int) -> Choice:
    """The choice with as much of the end of ``before`` as the model's context holds.

    Raises:
        UserError: candidates and what follows them are longer by themselves.
    """
    while (longest := _longest(vocabulary, choice)) > context:
        if not choice.before:
            raise UserError(
                f"{shown(choice.texts[0], 40)}: {longest} tokens without what stands before, the model's "
                f"context is {context}; shorten it"
            )
        offsets = vocabulary.tokenizer.encode(choice.before, add_special_tokens=False).offsets
        gone = offsets[min(longest - context, len(offsets)) - 1][1]
        choice = replace(choice, before=choice.before[max(1, gone) :])
    return choice


def _longest(vocabulary: Vocabulary, choice: Choice) -> int:
    """Tokens that a model reads of the longest text, however it is cut; the last is not read."""
    rows = [*begun_rows(vocabulary, choice.texts), *_rows(vocabulary, choice)[0]]
    return max(len(row) for row in rows) - 1
