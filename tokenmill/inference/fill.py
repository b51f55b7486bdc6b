"""Fillings of the gaps of a text, by masked and by text-to-text models."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import torch

from tokenmill.core.errors import UserError
from tokenmill.inference.generation.beam import beam_search
from tokenmill.inference.generation.decoding import Decoding
from tokenmill.inference.generation.limits import MOST_SEQUENCES
from tokenmill.inference.generation.sampling import GenerationConfig, banned_ids
from tokenmill.inference.rows import NO_MASK, check_finite, check_lengths, check_texts
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.vocabulary import Vocabulary

SENTINELS = ("<extra_{}>", "<extra_id_{}>")
"""How tokenizers spell the tokens that stand for gaps in span corruption: ours, T5's."""


@dataclass(frozen=True)
class Candidate:
    """A text for a gap."""

    text: str
    probability: float


@torch.inference_mode()
def fill(
    model: Model,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    *,
    top_k: int = 5,
    max_new_tokens: int = 8,
) -> list[list[list[Candidate]]]:
    """The most probable fillings of each gap of each text, best first.

    A gap is written as the tokenizer spells its mask token, such as <mask> or [MASK]; other special tokens in
    a text are read as such too. A masked model fills each gap with one token, all others being gaps. A
    text-to-text model fills the one gap of a text, which may be written <extra_0> or <extra_id_0> as well,
    with up to ``max_new_tokens`` tokens, the best that beam search finds.

    Returns:
        For each text, for each gap, ``top_k`` candidates (fewer where beam search finds fewer).

    Raises:
        UserError: the model is of another kind, a text has no gap or, for a text-to-text model, several, or
            it is longer than the model's context.
    """
    if not isinstance(model, LanguageModel) or model.config.kind == "causal-lm":
        raise UserError(
            f"this model is a {model.config.kind}; give a masked or a text-to-text model, such as bert"
        )
    if top_k < 1:
        raise UserError(f"top_k must be at least 1, got {top_k}")
    if model.config.kind == "text-to-text" and top_k > MOST_SEQUENCES // 2:
        raise UserError(f"top_k must be at most {MOST_SEQUENCES // 2} for a text-to-text model, got {top_k}")
    model.eval()
    check_texts(texts)
    rows = _read(vocabulary, texts)
    check_lengths(rows, model.config.context)
    if model.config.kind == "text-to-text":
        return [
            [_fill_span(model, vocabulary, row, number, top_k, max_new_tokens)]
            for number, row in enumerate(rows, 1)
        ]
    return [_fill_masks(model, vocabulary, row, number, top_k) for number, row in enumerate(rows, 1)]


def _read(vocabulary: Vocabulary, texts: Sequence[str]) -> list[list[int]]:
    """Ids of texts in which special tokens are meant."""
    vocabulary.tokenizer.encode_special_tokens = False
    try:
        return vocabulary.encode(texts)
    finally:
        vocabulary.tokenizer.encode_special_tokens = True


def _fill_masks(
    model: LanguageModel, vocabulary: Vocabulary, row: list[int], number: int, top_k: int
) -> list[list[Candidate]]:
    if vocabulary.mask is None:
        raise UserError(NO_MASK)
    gaps = [place for place, token in enumerate(row) if token == vocabulary.mask]
    if not gaps:
        spelt = vocabulary.token(vocabulary.mask)
        raise UserError(f"text {number} has no gap; write the mask token {spelt} where something is missing")
    device = next(model.parameters()).device
    hidden_TD = model.backbone(torch.tensor([row], device=device))[0]
    shares_GV = check_finite(model.logits(hidden_TD[gaps]).float()).softmax(-1)
    special = [token for token in vocabulary.special if token < shares_GV.shape[1]]
    shares_GV[:, special] = -1  # they fill nothing
    best = shares_GV.topk(min(top_k, shares_GV.shape[1] - len(special)))
    return [
        [Candidate(vocabulary.decode([token]), share) for token, share in zip(tokens, shares, strict=True)]
        for tokens, shares in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def _fill_span(
    model: LanguageModel, vocabulary: Vocabulary, row: list[int], number: int, top_k: int, longest: int
) -> list[Candidate]:
    spelt = [vocabulary.tokenizer.token_to_id(name.format(n)) for n in range(2) for name in SENTINELS]
    found = [token for token in spelt if token is not None]
    if len(found) < 2:
        raise UserError(f"this model's tokenizer has no tokens for gaps, such as {SENTINELS[0].format(0)}")
    gap, end = found[:2]
    row = [gap if token == vocabulary.mask else token for token in row]
    if row.count(gap) != 1:
        raise UserError(
            f"text {number} has {row.count(gap)} gaps; write {vocabulary.token(gap)} once, "
            "where something is missing"
        )
    start = vocabulary.start if vocabulary.start is not None else vocabulary.pad
    # Probabilities of whole fillings are compared, so that length plays no part. Each may end in two ways:
    # with the next gap's token or with the end of the answer.
    settings = GenerationConfig(
        max_new_tokens=longest, num_beams=2 * top_k, num_return_sequences=2 * top_k, length_penalty=0.0
    )
    ends = {end, *vocabulary.ends}
    prompt = [start, gap]
    decoding = Decoding(
        model, [prompt], longest, pad=vocabulary.pad, rows_per_prompt=settings.num_beams, sources=[row]
    )
    banned = banned_ids(model, vocabulary, ends)
    (fillings,) = beam_search(decoding, [prompt], settings, ends=ends, banned=banned)
    shares: dict[str, float] = {}
    for score, tokens in fillings:
        text = vocabulary.decode(tokens)
        shares[text] = shares.get(text, 0.0) + exp(score)
    best = sorted(shares.items(), key=lambda share: -share[1])[:top_k]
    return [Candidate(text, share) for text, share in best]
