"""Begin a causal language model where counting ends: it starts as the bigram model of its training text.

A fresh model spends its first few hundred thousand tokens on learning how frequent each token is, and which
follows which. Counting says so at once. The counts become the model's first embeddings and output layer, and
training goes on from there; docs/experiments.md has what that saves. Shape suffixes: lm/model/layers.py.

With c(x, y) the number of times that y follows x, and p(y) the share of y, the start is p(y | x) in
proportion to c(x, y) + SMOOTHING p(y). In logits that is log p(y) + S(x, y), up to a constant for each x that
softmax takes away, where S = log(1 + c(x, y) / (SMOOTHING p(y))) is zero for pairs that were never seen.

1. S, weighted by sqrt(p(x) p(y)), is split into D-1 factors by a randomised singular value decomposition
   (Halko et al. 2011, arXiv:0909.4061). The left factors are the embeddings.
2. They are limited to LONGEST, and a last factor completes each to length 1: the norms of the model then
   leave them as they are, and the last factor, much the same for all, can carry log p(y).
3. The output layer is the least-squares fit of log p(y) + S to these embeddings, weighted by p(x).
4. A random rotation spreads the factors over all dimensions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lm.errors import UserError
from lm.model.heads import LanguageModel

SMOOTHING = 100.0
"""Weight of the shares of single tokens, in counts."""

LONGEST = 0.9
TYPICAL_QUANTILE = 0.7
"""This share of tokens have factors no longer than LONGEST; the longest ones belong to rare tokens."""

OUTPUT_RATE = 0.1
"""Learning rate of the output layer as a share of Muon's: more unlearns what was counted, while a layer that
begins at random needs as much as embeddings do (docs/experiments.md)."""

OVERSAMPLING, POWER_ITERATIONS = 30, 2
RIDGE = 1e-4
"""Of the least-squares fit, relative to the mean diagonal."""

Matrix = npt.NDArray[np.float32]


def begin_with_bigrams(model: LanguageModel, stream: npt.NDArray[Any], seed: int) -> None:
    """Set the embeddings and the output layer of a fresh model from a token stream (1-D), in place.

    It takes about 2 s for a vocabulary of 8,192 and a width of 256.

    Raises:
        UserError: the model has no output layer of its own, a gain on its embeddings, or more dimensions
            than the vocabulary allows to fill, or the stream holds a token beyond that.
    """
    config = model.config
    if not config.causal or model.output is None or config.embedding_norm == "gain":
        raise UserError(
            "a model begins with bigrams only if it is causal, has an output layer of its own and no gain on "
            "its embeddings: use family small-gpt"
        )
    if config.width + OVERSAMPLING > config.vocab_size:
        raise UserError(
            f"to begin with bigrams, vocab_size ({config.vocab_size}) must be at least "
            f"width + {OVERSAMPLING} ({config.width + OVERSAMPLING})"
        )
    if len(stream) and int(stream.max()) >= config.vocab_size:
        raise UserError(
            f"token {int(stream.max())} is beyond the model's vocabulary of {config.vocab_size} "
            f"(at {int(stream.argmax())} of the training tokens); "
            "make the shards anew with `dvc repro -f tokenize`"
        )
    embeddings_VD, output_VD = bigram_weights(stream, config.vocab_size, config.width, seed)
    with torch.no_grad():
        model.trunk.embeddings.token.weight.copy_(torch.from_numpy(embeddings_VD))
        model.output.weight.copy_(torch.from_numpy(output_VD))


def bigram_weights(stream: npt.NDArray[Any], vocab_size: int, width: int, seed: int) -> tuple[Matrix, Matrix]:
    """Embeddings (V, D), each with a mean square of 1, and output weights (V, D) for a token stream (1-D)."""
    from scipy.sparse import coo_array, diags_array

    tokens = stream.astype(np.int64)
    counts = np.bincount(tokens, minlength=vocab_size)
    share = ((counts + 0.5) / (counts + 0.5).sum()).astype(np.float32)  # half a count: none is impossible
    ones = np.ones(len(tokens) - 1, np.float32)
    pairs = coo_array((ones, (tokens[:-1], tokens[1:])), shape=(vocab_size, vocab_size)).tocsr().tocoo()
    pairs.data = np.log1p(pairs.data / (SMOOTHING * share[pairs.col]))
    surprise = pairs.tocsr()

    root = np.sqrt(share)
    random = np.random.default_rng(seed)
    left_VD = _left_factors(diags_array(root) @ surprise @ diags_array(root), width - 1, random)
    left_VD /= root[:, None]
    lengths = np.linalg.norm(left_VD, axis=1, keepdims=True)
    left_VD *= LONGEST / np.maximum(np.quantile(lengths[counts > 0], TYPICAL_QUANTILE), lengths)
    rest = np.sqrt(1 - np.square(left_VD).sum(1, keepdims=True))
    embeddings_VD = np.concatenate((rest, left_VD), axis=1) * width**0.5

    weighted_VD = share[:, None] * embeddings_VD
    covariance_DD = embeddings_VD.T @ weighted_VD
    covariance_DD += RIDGE * np.trace(covariance_DD) / width * np.eye(width)
    log_share = np.log(share) - np.log(share).mean()
    wanted_DV = (surprise.T @ weighted_VD).T + np.outer(weighted_VD.sum(0), log_share)
    output_VD = np.linalg.solve(covariance_DD, wanted_DV).T

    rotation_DD = np.linalg.qr(random.standard_normal((width, width)))[0]
    return (embeddings_VD @ rotation_DD).astype(np.float32), (output_VD @ rotation_DD).astype(np.float32)


def _left_factors(matrix: Any, rank: int, random: np.random.Generator) -> Matrix:
    """Left singular vectors of a sparse matrix (V, V), each times the root of its value: (V, rank)."""
    transposed = matrix.T.tocsr()
    basis = matrix @ random.standard_normal((matrix.shape[1], rank + OVERSAMPLING)).astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = matrix @ (transposed @ np.linalg.qr(basis)[0])
    basis = np.linalg.qr(basis)[0]
    rotation, values, _ = np.linalg.svd((transposed @ basis).T, full_matrices=False)
    factors: Matrix = (basis @ rotation)[:, :rank] * np.sqrt(values[:rank])
    return factors
