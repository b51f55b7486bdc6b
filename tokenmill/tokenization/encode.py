"""Documents to token ids, by a faster engine where it proves itself equal to the usual one.

The usual engine is the tokenizers library. For byte-level BPE there is a faster way to the same ids: cut.py
finds the pre-tokens, twenty times as fast, and ``tokie`` merges their bytes, ten times as fast. Whether the
ids are the same is not taken on trust: see :func:`new_encoder` and :meth:`FastEncoder.knows`.
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.text.shards import token_dtype
from tokenmill.text.special import OURS, SpecialTokens
from tokenmill.text.tokenizer import (
    FILE,
    SPECIAL_TOKENS,
    encode_documents,
    fingerprint,
    load_tokenizer,
    open_tokenizer,
)
from tokenmill.tokenization.cut import CUT, Cutter, split
from tokenmill.tokenization.train import CLASSES, longest_runs, pre_token_pattern

AT_ONCE_CHARACTERS = 2_000_000
"""Text encoded at a time, in some 60 MB of memory."""
PROBE = "{0}1{0}中{0}a{0} {0}'s{0}!{0}{0} "
"""A character beside one of every class that the pre-token pattern tells apart."""
PROBES = 50
"""Characters probed in one text."""
CUT_TOKEN = "Ā"
"""The byte of CUT in a byte-level vocabulary. No other token holds it, so nothing is merged across it."""
PIECE_CHARACTERS = 2400
"""Text that tokie is given as one. From 10,000 bytes on it cuts texts itself, and not between pre-tokens."""
BLOCK_CHARACTERS = 100_000
"""Text whose pre-tokens are looked for at a time: the arrays fit into a core's cache."""
OUTSIDE = "ÿ"
"""Stands for the byte 0xFF, which UTF-8 never contains: what begins with it cannot match any text."""

Ids = npt.NDArray[Any]


@dataclass(frozen=True)
class Encoded:
    """Documents as ids, one after the other, each with the special tokens around it."""

    ids: Ids
    """(tokens,) of the smallest dtype that holds the vocabulary."""
    ends: npt.NDArray[np.int64]
    """(documents,) index one past each document's last token."""

    def documents(self) -> Iterator[Ids]:
        """Each document's ids."""
        start = 0
        for end in self.ends.tolist():
            yield self.ids[start:end]
            start = end


@dataclass(frozen=True)
class Encoder:
    """Encodes with the tokenizer of a folder; small enough to be sent to other processes."""

    folder: Path
    special: SpecialTokens
    fingerprint: str
    vocab_size: int
    known: npt.NDArray[np.uint32] | None = None
    """Characters that the faster engine need not prove again; None: it is not to be used."""

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Documents in order, with the special tokens around them, whichever engine is used."""
        blocks = [self._encode(block) for block in _blocks(texts, AT_ONCE_CHARACTERS)]
        starts = np.cumsum([0, *(len(block.ids) for block in blocks)])
        return Encoded(
            np.concatenate([np.empty(0, token_dtype(self.vocab_size)), *(block.ids for block in blocks)]),
            np.concatenate(
                [
                    np.empty(0, np.int64),
                    *(block.ends + start for block, start in zip(blocks, starts, strict=False)),
                ]
            ),
        )

    def _encode(self, texts: Sequence[str]) -> Encoded:
        if self.known is not None:
            fast = _fast_encoder(self.folder, self.fingerprint)
            fast.trust(self.known)
            if fast.knows(texts):
                return fast.encode(texts)
        tokenizer = open_tokenizer(self.folder)
        rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        ids = np.fromiter(chain.from_iterable(rows), token_dtype(self.vocab_size))
        return _with_special_tokens(ids, np.array([len(row) for row in rows], np.int64), self.special)


def new_encoder(folder: Path, special: SpecialTokens, sample: Sequence[str]) -> Encoder:
    """An encoder, with the faster engine where that gives the usual ids of a sample; else it says why not.

    The faster engine will moreover prove itself on every single character before it encodes a text that
    holds it.
    """
    vocab_size = max(open_tokenizer(folder).get_vocab().values()) + 1
    name = fingerprint(folder)
    problem = prove(folder, sample) if special == OURS else "its special tokens are not ours"
    if problem is None:
        return Encoder(folder, special, name, vocab_size, _fast_encoder(folder, name).known)
    print(f"encoding with the tokenizers library, since {problem}", flush=True)
    return Encoder(folder, special, name, vocab_size)


def prove(folder: Path, sample: Sequence[str]) -> str | None:
    """None when the faster engine gives the usual ids of these texts, else what is against it."""
    try:
        fast = _fast_encoder(folder, fingerprint(folder))
    except (ImportError, UserError) as error:
        return str(error)
    if not fast.knows(sample):
        # A few characters that are newer than one of the engines cost only the texts beside them.
        known = [text for text in sample if fast.knows([text])]
        if 2 * len(known) < len(sample):
            return f"tokie gives other ids for single characters, as in {sample[0][:40]!r}"
        sample = known
    found = list(fast.encode(sample).documents())
    for text, usual, other in zip(sample, encode_documents(fast.reference, sample), found, strict=True):
        if not np.array_equal(usual, other):
            return f"tokie gives other ids for {text[:40]!r}"
    return None


class FastEncoder:
    """Byte-level BPE by :class:`~tokenmill.tokenization.cut.Cutter` and ``tokie``.

    Raises:
        ImportError: tokie is not installed.
        UserError: the tokenizer is of another kind.
    """

    def __init__(self, folder: Path) -> None:
        import tokie

        content = json.loads((folder / FILE).read_text("utf-8"))
        if content["model"]["type"] != "BPE":
            raise UserError(f"a {content['model']['type']} model has no faster engine")
        self.reference = load_tokenizer(folder)
        self._cutter = Cutter(*_classes(content))
        self._dtype = token_dtype(self.reference.get_vocab_size())
        self._known = np.zeros(sys.maxunicode + 1, np.bool_)
        # It reads files only.
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            file.write(_json_for_tokie(content))
            file.flush()
            self._engine: Any = tokie.Tokenizer.from_json(file.name)
        self._cut = content["model"]["vocab"][CUT_TOKEN]
        if any(CUT_TOKEN in token for token in content["model"]["vocab"] if token != CUT_TOKEN):
            raise UserError("a token holds the NUL character")

    @property
    def known(self) -> npt.NDArray[np.uint32]:
        """Code points of the characters that were seen to be encoded alike."""
        return np.flatnonzero(self._known).astype(np.uint32)

    def trust(self, known: npt.NDArray[np.uint32]) -> None:
        """Take over what another process has seen of the same tokenizer."""
        self._known[known] = True

    def knows(self, texts: Iterable[str]) -> bool:
        """Whether every character of the texts is cut and encoded as by the tokenizers library.

        The engines carry their own tables of letters and digits, and those of different Unicode versions
        differ. So a character that was not met before is encoded by both beside others of every class.
        """
        met = np.zeros(sys.maxunicode + 1, np.bool_)
        met[np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)] = True
        (new,) = np.nonzero(met & ~self._known)
        probed = [PROBE.format(chr(code)) for code in new.tolist()]
        probes = ["".join(probed[start : start + PROBES]) for start in range(0, len(probed), PROBES)]
        usual = encode_documents(self.reference, probes)
        equal = not met[ord(CUT)] and all(map(np.array_equal, usual, self.encode(probes).documents()))
        if equal:
            self._known[new] = True
        return equal

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Ids of each text."""
        pieces: list[str] = []
        counts: list[int] = []
        for block in _blocks(texts, BLOCK_CHARACTERS):
            for text in self._cutter.cut(block):
                short = [text] if len(text) <= PIECE_CHARACTERS else list(split(text, PIECE_CHARACTERS))
                pieces += short
                counts.append(len(short))
        ids, lengths = self._engine.encode_batch_flat(pieces, add_special_tokens=False)
        is_text = ids != self._cut
        # Of each piece, then of each text: where its ids begin, and then where its tokens do.
        begins = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))[np.cumsum([0, *counts])]
        tokens = np.concatenate(([0], np.cumsum(is_text)))[begins]
        return _with_special_tokens(ids[is_text].astype(self._dtype), np.diff(tokens), OURS)


def _classes(content: dict[str, Any]) -> tuple[str, Sequence[int]]:
    """The pattern of a tokenizer, and the lengths at which it cuts."""
    pattern = content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    found = re.search(re.escape(CLASSES[0]) + r"\{1,(\d+)\}", pattern)
    longest = int(found[1]) if found else 0
    if pattern != pre_token_pattern(longest):
        raise UserError("its pre-tokens are not ours")
    if longest >= PIECE_CHARACTERS:
        raise UserError(f"pre-tokens of {longest:,} characters are too long for tokie")
    return pattern, longest_runs(longest)


def _json_for_tokie(content: dict[str, Any]) -> str:
    """The tokenizer as JSON for pre-tokens: cut no further, and without tokens that text must not spell."""
    vocab = content["model"]["vocab"]
    renamed = {OUTSIDE + token if token in SPECIAL_TOKENS else token: n for token, n in vocab.items()}
    model = {**content["model"], "vocab": renamed}
    return json.dumps({**content, "added_tokens": [], "pre_tokenizer": None, "model": model})


def _with_special_tokens(ids: Ids, lengths: npt.NDArray[np.int64], special: SpecialTokens) -> Encoded:
    """Documents' tokens, one after the other, with what stands before and after each."""
    ends = np.cumsum(lengths + special.around)
    framed = np.empty(int(ends[-1]) if len(ends) else 0, ids.dtype)
    is_text = np.ones(len(framed), np.bool_)
    places = [(ends - lengths - special.around, special.bos)]
    if special.around == 2:
        places.append((ends - 1, special.eos))
    for where, token in places:
        framed[where] = token
        is_text[where] = False
    framed[is_text] = ids
    return Encoded(framed, ends)


def _blocks(texts: Sequence[str], characters: int) -> Iterator[Sequence[str]]:
    start = size = 0
    for place, text in enumerate(texts):
        if size >= characters:
            yield texts[start:place]
            start, size = place, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


@lru_cache(1)
def _fast_encoder(folder: Path, fingerprint: str) -> FastEncoder:
    """One for the tokenizer at hand; what it knows about characters stays known from part to part."""
    return FastEncoder(folder)
