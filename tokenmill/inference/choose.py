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

RANKINGS = ("sum", "per_byte", "pmi")
"""By the log-probability; by that for each byte, which is fair to long ones (Brown et al. 2020, 2.4); by the
pointwise mutual information with what stands before, which is fair to rare ones (Holtzman et al. 2021)."""


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

    A causal model gives the probability of each candidate and what follows it, after what stands before.
    Texts are cut into tokens as a whole, since tokens go across the edges of candidates; what is scored
    begins at the first token that is not the same for all. A masked model gives the pseudo-log-likelihood of
    the whole text (Salazar et al. 2020).

    Raises:
        UserError: the model is of another kind, or a text is longer than its context.
    """
    kind = model.config.kind
    if not isinstance(model, LanguageModel) or kind == "text-to-text":
        raise UserError(f"this model is a {kind}; choose with a causal or a masked language model")
    texts = [choice.texts for choice in choices]
    alone = [choice.continuations for choice in choices]
    totals = _totals(model, vocabulary, texts, batch_size)
    priors = _totals(model, vocabulary, alone, batch_size)
    found = []
    for parts, total, prior in zip(alone, totals, priors, strict=True):
        sizes = np.array([max(1, len(part.encode())) for part in parts])
        found.append({"sum": total, "per_byte": total / sizes, "pmi": total - prior})
    return found


def _totals(
    model: LanguageModel, vocabulary: Vocabulary, texts: list[list[str]], batch_size: int
) -> list[Floats]:
    """The log-probability of each text of each choice, without what is the same for all of a choice."""
    flat = [text for each in texts for text in each]
    if model.config.kind == "masked-lm":
        values = iter([found.total for found in score(model, vocabulary, flat, batch_size=batch_size)])
        return [np.array([next(values) for _ in each]) for each in texts]
    rows = begun_rows(vocabulary, flat)
    since: list[int] = []
    for each in texts:
        first, *others = rows[len(since) : len(since) + len(each)]
        same = sum(1 for _ in takewhile(lambda at: len(set(at)) == 1, zip(first, *others, strict=False)))
        since += [max(1, same)] * len(each)
    scores = score_next(model, vocabulary, rows, since, batch_size=batch_size)
    values = iter([found.total for found in scores])
    return [np.array([next(values) for _ in each]) for each in texts]


def fitted(vocabulary: Vocabulary, choice: Choice, context: int) -> Choice:
    """The choice with as much of the end of ``before`` as the model's context holds.

    Raises:
        UserError: candidates and what follows them are longer by themselves.
    """
    while (longest := max(len(row) for row in begun_rows(vocabulary, choice.texts)) - 1) > context:
        if not choice.before:
            raise UserError(
                f"{shown(choice.texts[0], 40)}: {longest} tokens without what stands before, the model's "
                f"context is {context}; shorten it"
            )
        offsets = vocabulary.tokenizer.encode(choice.before, add_special_tokens=False).offsets
        gone = offsets[min(longest - context, len(offsets)) - 1][1]
        choice = replace(choice, before=choice.before[max(1, gone) :])
    return choice
