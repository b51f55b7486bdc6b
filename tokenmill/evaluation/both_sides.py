"""What stands at a hidden place by the tokens on both sides of it: the rival of models that fill gaps.

Two interpolated Kneser-Ney models (ngram.py), one of the text and one of the text read backwards, say what
follows the tokens on the left and what precedes those on the right. Were the sides independent of each other
given the hidden token t, its probability would be in proportion to p(t | left) p(t | right) / p(t).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.ngram import NONE, Floats, Ints, NGram
from tokenmill.objectives.examples import IGNORE_INDEX, Examples
from tokenmill.text.special import SpecialTokens

CELLS = 1 << 22
"""Probabilities that are held at once: targets times the vocabulary."""


@dataclass(frozen=True)
class Gaps:
    """Hidden tokens and what is seen beside them."""

    targets_N: Ints
    left_NH: Ints
    """The tokens before each, the nearest last; NONE from the first hidden one on."""
    right_NH: Ints
    """The tokens after each, the nearest last, too."""
    rows_N: Ints
    """In which row of the batch each stands."""


@dataclass(frozen=True)
class BothSides:
    """A fitted pair of models."""

    forward: NGram
    backward: NGram

    @classmethod
    def fit(cls, stream: npt.NDArray[Any], order: int, vocab_size: int, start: int) -> Self:
        """Count a stream (1-D) of documents, each after a ``start``, in both directions."""
        # Read backwards, the start of the next document stands before the last token of this one.
        turned = np.concatenate((stream[:1], stream[:0:-1]))
        models = (NGram.fit(tokens, order, vocab_size, start) for tokens in (stream, turned))
        return cls(*models)

    def predict(self, gaps: Gaps) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Nats (N,) of the hidden tokens, and whether each is the most probable one."""
        nats, right = np.empty(len(gaps.targets_N)), np.empty(len(gaps.targets_N), bool)
        # p(t): what each of the two says of a token without any neighbour, which is zero for starts alone.
        alone_V = np.sqrt(self.forward.unigram * self.backward.unigram)
        alone_V = np.maximum(alone_V, np.finfo(float).tiny)
        rows = max(1, CELLS // self.forward.vocab_size)
        for first in range(0, len(nats), rows):
            some = slice(first, first + rows)
            probability_NV = self.forward.after(gaps.left_NH[some]) * self.backward.after(gaps.right_NH[some])
            probability_NV /= alone_V
            targets_N = gaps.targets_N[some]
            chosen_N = probability_NV[np.arange(len(targets_N)), targets_N]
            nats[some] = np.log(probability_NV.sum(1)) - np.log(chosen_N)
            right[some] = probability_NV.argmax(1) == targets_N
        return nats, right


def gaps(examples: Examples, special: SpecialTokens, *, reach: int) -> Gaps:
    """The hidden text tokens of a batch, in its order, with ``reach`` tokens of either side.

    Of a masked objective both sides end at the next hidden token. Under span corruption the decoder has read
    what was hidden before, so that only the right side ends there.
    """
    if examples.source_BS is None:
        hidden_BL = examples.labels_BT.numpy() != IGNORE_INDEX
        tokens_BL = np.where(hidden_BL, examples.labels_BT.numpy(), examples.inputs_BT.numpy())
        read_BL = hidden_BL
    else:
        tokens_BL, hidden_BL = _filled(examples.source_BS.numpy(), examples.labels_BT.numpy(), special)
        read_BL = np.zeros_like(hidden_BL)
    targets_BL = hidden_BL & ~np.isin(tokens_BL, special.ids)
    return Gaps(
        tokens_BL[targets_BL],
        _before(tokens_BL, read_BL, reach)[targets_BL],
        _before(tokens_BL[:, ::-1], hidden_BL[:, ::-1], reach)[:, ::-1][targets_BL],
        targets_BL.nonzero()[0],
    )


def _filled(source_BS: Ints, labels_BU: Ints, special: SpecialTokens) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Rows (B, L) of a span corruption with the spans where their sentinels stand, and what is of a span."""
    rows, sentinels = [], set(special.sentinels)
    for source, labels in zip(source_BS.tolist(), labels_BU.tolist(), strict=True):
        spans: dict[int, list[int]] = {}
        for token in labels:
            if token in sentinels:
                span = spans.setdefault(token, [])
            elif token not in (special.eos, IGNORE_INDEX):
                span.append(token)
        row: list[tuple[int, bool]] = []
        for token in source:
            row += [(token, False)] if token not in spans else [(hidden, True) for hidden in spans[token]]
        rows.append(row)
    longest = max(map(len, rows))
    padded = np.array([[*row, *[(NONE, False)] * (longest - len(row))] for row in rows], np.int64)
    return padded[..., 0], padded[..., 1].astype(bool)


def _before(tokens_BL: Ints, unseen_BL: npt.NDArray[np.bool_], reach: int) -> Ints:
    """The ``reach`` tokens (B, L, reach) before each, the nearest last, up to what is unseen."""
    shown_BL = np.where(unseen_BL, NONE, tokens_BL)
    sides = [shown_BL]
    for _ in range(reach):
        sides.append(np.pad(sides[-1][:, :-1], ((0, 0), (1, 0)), constant_values=NONE))
    for nearer, farther in pairwise(sides[1:]):
        farther[nearer == NONE] = NONE
    return np.stack(sides[:0:-1], axis=2)
