"""First weights of a causal language model that make it the bigram model of its training text.

A fresh model spends its first few hundred thousand tokens on learning how frequent each token is, and which
follows which. Counting says so at once. The counts become the model's first embeddings and output layer, and
training goes on from there; docs/experiments.md has what that saves.

With c(x, y) the number of times that y follows x, and p(y) the share of y, the start is p(y | x) in
proportion to c(x, y) + SMOOTHING p(y). In logits that is log p(y) + S(x, y), up to a constant for each x that
softmax takes away, where S = log(1 + c(x, y) / (SMOOTHING p(y))) is zero for pairs that were never seen.

A tied model has one embedding for a token that precedes and for one that follows, so a bilinear head stands
between them: where the blocks still add nothing, the logit of y after x is e(y) M n(x), with n(x) the
normalised embedding of x.

1. S, weighted by sqrt(p(x) p(y)), is split into factors by a randomised singular value decomposition (Halko
   et al. 2011, arXiv:0909.4061). Left and right factors side by side are what is known of each token, and
   their D-2 principal components the embedding. Rare tokens' are limited in length.
2. One dimension more holds log p, and one is the same share of every embedding's length: the head finds
   log p(y) for any x.
3. M is the least-squares fit of log p(y) + S, weighted by p(x) p(y).
4. A random rotation spreads the factors over all dimensions, and so over all heads.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import coo_array, diags_array
from threadpoolctl import threadpool_limits

from tokenmill.core.errors import UserError
from tokenmill.model.heads import LanguageModel

SMOOTHING = 100.0
"""Weight of the shares of single tokens, in counts."""

TYPICAL_QUANTILE = 0.7
"""No token's factors are longer than those of this share of tokens are; the longest ones are rare tokens'."""

FREQUENCY, CONSTANT = 0.3, 0.5
"""Deviation of the dimension of log p, and the size of the constant one, as shares of the others' length."""

DEVIATION = 0.2
"""Root of the mean square of the embeddings: at EMBEDDING_RATE more is learned too slowly, and of less what
was counted is unlearned (docs/experiments.md)."""

COUNTED = 1 << 24
"""Tokens that are worth counting: the pairs among more change little, and would take gigabytes."""

OVERSAMPLING, POWER_ITERATIONS = 30, 2
RIDGE = 1e-4
"""Of the least-squares fit, relative to the mean diagonal."""

Matrix = npt.NDArray[np.float32]


def begin_with_bigrams(model: LanguageModel, stream: npt.NDArray[Any], seed: int) -> None:
    """Set the embeddings and the head of a fresh model from a token stream (1-D), in place.

    It takes about 2 s for a vocabulary of 8,192 and a width of 256.

    Raises:
        UserError: the model has no bilinear head, it has more dimensions than the vocabulary allows to
            fill, or the stream holds a token beyond that.
    """
    config = model.config
    if config.head != "bilinear" or model.projection is None:
        raise UserError("a model begins with bigrams only if it has a bilinear head: use family small-gpt")
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
    with threadpool_limits(1):  # numpy's products differ in the last bits with the number of threads
        embeddings_VD, head_DD = bigram_weights(stream, config.vocab_size, config.width, seed)
    with torch.no_grad():
        model.backbone.embeddings.token.weight.copy_(torch.from_numpy(embeddings_VD))
        model.projection.dense.weight.copy_(torch.from_numpy(head_DD))


def bigram_weights(stream: npt.NDArray[Any], vocab_size: int, width: int, seed: int) -> tuple[Matrix, Matrix]:
    """Embeddings (V, D) and the matrix of a bilinear head (D, D) for a token stream (1-D)."""
    tokens = stream.astype(np.int64)
    counts = np.bincount(tokens, minlength=vocab_size)
    share = ((counts + 0.5) / (counts + 0.5).sum()).astype(np.float32)  # half a count: none is impossible
    log_share = np.log(share) - np.log(share).mean()
    ones = np.ones(len(tokens) - 1, np.float32)
    pairs = coo_array((ones, (tokens[:-1], tokens[1:])), shape=(vocab_size, vocab_size)).tocsr().tocoo()
    pairs.data = np.log1p(pairs.data / (SMOOTHING * share[pairs.col]))
    surprise = pairs.tocsr()

    root, random = np.sqrt(share), np.random.default_rng(seed)
    factors_VF = _factors(diags_array(root) @ surprise @ diags_array(root), width - 2, random) / root[:, None]
    lengths_V1 = np.linalg.norm(factors_VF, axis=1, keepdims=True)
    typical = np.quantile(lengths_V1[counts > 0], TYPICAL_QUANTILE)
    factors_VF *= typical / np.maximum(lengths_V1, typical)
    frequency_V1 = (FREQUENCY * typical / log_share.std() * log_share)[:, None]
    known_VC = np.concatenate((factors_VF, frequency_V1), axis=1)
    constant_V1 = CONSTANT * np.linalg.norm(known_VC, axis=1, keepdims=True)
    embeddings_VD = np.concatenate((known_VC, constant_V1), axis=1)
    embeddings_VD *= DEVIATION / np.sqrt(np.square(embeddings_VD).mean())
    embeddings_VD @= np.linalg.qr(random.standard_normal((width, width)))[0]

    before_VD = embeddings_VD / np.sqrt(np.square(embeddings_VD).mean(1, keepdims=True))
    weighted_VD, after_VD = share[:, None] * before_VD, share[:, None] * embeddings_VD
    wanted_DD = weighted_VD.T @ (surprise @ after_VD)
    wanted_DD += np.outer(weighted_VD.sum(0), after_VD.T @ log_share)
    of_before_DD = np.linalg.solve(_ridged(before_VD.T @ weighted_VD), wanted_DD)
    head_DD = np.linalg.solve(_ridged(embeddings_VD.T @ after_VD), of_before_DD.T)
    return embeddings_VD.astype(np.float32), head_DD.astype(np.float32)


def _ridged(covariance_DD: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return covariance_DD + RIDGE * np.trace(covariance_DD) / len(covariance_DD) * np.eye(len(covariance_DD))


def _factors(matrix: Any, rank: int, random: np.random.Generator) -> Matrix:
    """What the rows and the columns of a sparse matrix (V, V) have to say of a token: (V, rank).

    Left and right singular vectors side by side, times the roots of the values, and of these the principal
    components.
    """
    transposed = matrix.T.tocsr()
    basis = matrix @ random.standard_normal((matrix.shape[1], rank + OVERSAMPLING)).astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = matrix @ (transposed @ np.linalg.qr(basis)[0])
    basis = np.linalg.qr(basis)[0]
    rotation, values, right = np.linalg.svd((transposed @ basis).T, full_matrices=False)
    both = np.concatenate((basis @ rotation, right.T), axis=1) * np.sqrt(np.tile(values, 2))
    vectors, sizes, _ = np.linalg.svd(both, full_matrices=False)
    components: Matrix = vectors[:, :rank] * sizes[:rank]
    return components
