"""Training a tokenizer: BPE, WordPiece or Unigram, all over bytes, so that every text decodes to itself."""

import json
from collections.abc import Iterable
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.pre_tokenizers import PreTokenizer

from tokenmill.text.tokenizer import SPECIAL_TOKENS, UNK
from tokenmill.text.unspaced import UNSPACED

Algorithm = Literal["bpe", "wordpiece", "unigram"]

LONGEST_RUN = 24
"""Characters of one pre-token at most, in scripts with spaces; a longer word is a URL or noise."""

CLASSES = (
    rf"[{UNSPACED}]",
    rf"[\p{{L}}\p{{M}}&&[^{UNSPACED}]]",
    r"\p{N}",
    r"\s",
    r"[^\s\p{L}\p{M}\p{N}]",
)
"""What the pattern tells apart: unspaced scripts, words, numbers, white space, signs.

Of unspaced scripts a whole clause would be one pre-token, and training would explode (reports 422, 994, 1395
and 1546 in the tracker of huggingface/tokenizers)."""


def longest_runs(max_han_run: int) -> tuple[int, ...]:
    """The most characters of each of ``CLASSES`` in one pre-token.

    Digits go in pairs: of groups of one, two and three, pairs gave the lowest bits per byte in nanochat's
    experiments.
    """
    return max_han_run, LONGEST_RUN, 2, LONGEST_RUN, LONGEST_RUN


SCORE_DIGITS = 3
"""Decimal places of a Unigram piece's log probability."""


def pre_token_pattern(max_han_run: int) -> str:
    """The regular expression (Oniguruma) whose matches are the pre-tokens; no token crosses their borders.

    A word or a run of signs takes one space before it along.
    """
    runs = zip(CLASSES, longest_runs(max_han_run), strict=True)
    unspaced, word, number, space, sign = (f"{one}{{1,{longest}}}" for one, longest in runs)
    return "|".join(
        (
            r"'(?:[sdmtSDMT]|ll|LL|ve|VE|re|RE)(?!\p{L})",  # what English glues to a word
            unspaced,
            f" ?{word}",
            number,
            f" ?{sign}",
            rf"{space}(?!\S)",  # white space, but for the one space that the next word takes
            space,
        )
    )


def pre_tokenizer(max_han_run: int) -> PreTokenizer:
    """Cut at :func:`pre_token_pattern`, then write each byte of UTF-8 as one printable character."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pre_token_pattern(max_han_run)), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def train_tokenizer(
    texts: Iterable[str], *, algorithm: Algorithm, vocab_size: int, max_han_run: int
) -> Tokenizer:
    """Train on texts; equal texts in equal order give equal bytes of tokenizer.json.

    The vocabulary holds the special tokens first, then all 256 bytes, so nothing is ever unknown. It is
    smaller than ``vocab_size`` when the texts do not hold enough repeated pairs.
    """
    bytes_as_characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    longest_piece = 4 * (max(LONGEST_RUN, max_han_run) + 1)  # in bytes; one more for the space before a word
    model: models.Model
    trainer: trainers.Trainer
    if algorithm == "bpe":
        model = models.BPE()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=bytes_as_characters,
            show_progress=False,
        )
    elif algorithm == "wordpiece":
        # No mark for pieces inside a word: the space before a word already tells where it begins.
        model = models.WordPiece(
            unk_token=SPECIAL_TOKENS[UNK],
            max_input_chars_per_word=longest_piece,
            continuing_subword_prefix="",
        )
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            continuing_subword_prefix="",
            initial_alphabet=bytes_as_characters,
            show_progress=False,
        )
    else:
        model = models.Unigram()
        trainer = trainers.UnigramTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            unk_token=SPECIAL_TOKENS[UNK],
            initial_alphabet=bytes_as_characters,
            show_progress=False,
            max_piece_length=LONGEST_RUN,
        )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer(max_han_run)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainer)
    return _canonical_unigram(tokenizer) if algorithm == "unigram" else tokenizer


def _canonical_unigram(tokenizer: Tokenizer) -> Tokenizer:
    """The same Unigram model, free of what differs from one training to the next.

    The trainer sums probabilities in the random order of a hash map, which moves their last digits. Single
    bytes that it pruned or never saw it lists in such an order too, from the lowest score upwards in steps
    of 0.0001. So scores are rounded, those bytes share the lowest score, and pieces are sorted.
    """
    content = json.loads(tokenizer.to_str())
    pieces = content["model"]["vocab"][len(SPECIAL_TOKENS) :]
    floor = min(score for _, score in pieces)
    reach = floor + 256 * 0.0001
    scored = [(p, round(floor if len(p) == 1 and s <= reach else s, SCORE_DIGITS)) for p, s in pieces]
    scored.sort(key=lambda entry: (-entry[1], entry[0]))
    content["model"]["vocab"][len(SPECIAL_TOKENS) :] = scored
    return Tokenizer.from_str(json.dumps(content))
