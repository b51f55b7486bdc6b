"""A model's tokenizer with the ids of its special tokens: padding, begin, end, mask."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Encoding, Tokenizer, processors

from tokenmill.core.errors import UserError, shown
from tokenmill.core.files import read_json
from tokenmill.text.classes import (
    CONFIG,
    GENERATION,
    REMEDY,
    SETTINGS,
    SETTINGS_BYTES,
    named_tokens,
    read_tokenizer_settings,
    speaking_for_the_library,
)
from tokenmill.text.tokenizer import BOS, EOS, MASK, PAD, SPECIAL_TOKENS, UNK, open_tokenizer
from tokenmill.text.unspaced import by_character

LARGEST_ID = 2**31
"""Ids are below it: no array of torch's has more rows."""


def _failing() -> AbstractContextManager[None]:
    return speaking_for_the_library("the model's tokenizer.json fails on such a text; take the model's own")


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as its model takes it."""

    tokenizer: Tokenizer
    special: frozenset[int]
    """Ids that stand for no text."""
    pad: int
    bos: int | None = None
    """Before a text, where the model was trained so; BERT's [CLS]."""
    eos: int | None = None
    """After a text; BERT's [SEP]."""
    mask: int | None = None
    start: int | None = None
    """What a decoder's answer begins with."""
    other_ends: frozenset[int] = frozenset()
    """What else ends a text that is written."""
    never: frozenset[int] = frozenset()
    """Ids that are not written, though they stand for text."""
    chat_template: str | None = None
    """How ``transformers`` writes conversations for the model."""

    @property
    def ends(self) -> frozenset[int]:
        """Ids of which any ends a text that is written."""
        return self.other_ends if self.eos is None else self.other_ends | {self.eos}

    def largest_id(self) -> int:
        """Of all ids that a text can have the largest."""
        with _failing():
            around = [*self.tokenizer.encode("").ids, *self.tokenizer.encode("", "").ids]
            vocabulary = self.tokenizer.get_vocab().values()
        return max([*around, *vocabulary], default=0)

    def encode(self, texts: Iterable[str], max_tokens: int | None = None) -> list[list[int]]:
        """Texts as the model reads them: ids between its own first and last tokens.

        Of a text with more than ``max_tokens`` the first stay, and what the model puts at the end.
        """
        with _failing():
            rows = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]
        return rows if max_tokens is None else [self._cut(row, max_tokens) for row in rows]

    def encode_windows(self, question: str, passage: str, max_tokens: int, stride: int) -> list[Encoding]:
        """A question and a passage as rows of at most ``max_tokens``, as the model reads a pair of texts.

        Each row has the whole question and a window of the passage, which all of them together hold.
        Neighbouring windows share ``stride`` tokens, at most half of a window. ``offsets`` are places in the
        one text or the other, which ``sequence_ids`` tells (0, 1).

        Raises:
            UserError: the question leaves no room for the passage.
        """
        with _failing():
            asked = self.tokenizer.encode(question, add_special_tokens=False)
            read = self.tokenizer.encode(passage, add_special_tokens=False)
            room = max_tokens - len(asked.ids) - self.tokenizer.num_special_tokens_to_add(is_pair=True)
            if room < 1:
                raise UserError(
                    f"the question {shown(question, 40)} has {len(asked.ids)} tokens, which leaves no room "
                    f"for the passage among {max_tokens}; shorten it"
                )
            read.truncate(room, stride=min(stride, room // 2))  # what follows goes on in `overflowing`
            # One by one: of what overflows the tokenizer forgets which segment it is of.
            return [self.tokenizer.post_process(asked, part) for part in (read, *read.overflowing)]

    def by_character(self) -> "Vocabulary":
        """The same vocabulary, with tokens of one character each in scripts without spaces."""
        with _failing():
            return replace(self, tokenizer=by_character(self.tokenizer))

    def ended(self) -> "Vocabulary":
        """The same vocabulary, with <eos> after each text that is encoded: what a decoder answers.

        Raises:
            UserError: there is no token that ends a text.
        """
        if self.eos is None:
            raise UserError("the model's tokenizer has no token that ends a text; take one that has")
        with _failing():
            if self.tokenizer.encode("a").ids[-1:] == [self.eos]:
                return self
            around = self.tokenizer.encode("").ids
            tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[*map(self.token, around), "$A", self.token(self.eos)],
            special_tokens=[(self.token(id), id) for id in {*around, self.eos}],
        )
        tokenizer.encode_special_tokens = self.tokenizer.encode_special_tokens  # not in the file
        return replace(self, tokenizer=tokenizer)

    def _cut(self, row: list[int], longest: int) -> list[int]:
        if len(row) <= longest:
            return row
        closing = 0
        while closing < min(len(row), longest - 1) and row[-1 - closing] in self.special:
            closing += 1
        return row[: longest - closing] + row[len(row) - closing :]

    def encode_whole(self, texts: Iterable[str], max_tokens: int) -> list[list[Encoding]]:
        """Each text as rows of at most ``max_tokens``, one after the other, that together hold all of it.

        Each row stands between the model's first and last tokens; ``offsets`` are places in the text.
        """
        room = max_tokens - self.tokenizer.num_special_tokens_to_add(is_pair=False)
        if room < 1:
            raise UserError(
                f"the model's context is {max_tokens}, too short for any text; take another model"
            )
        with _failing():
            encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
            for encoding in encodings:
                encoding.truncate(room)  # what follows goes on in `overflowing`
            framed = [self.tokenizer.post_process(encoding) for encoding in encodings]
        return [[first, *first.overflowing] for first in framed]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without special tokens."""
        with _failing():
            text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def token(self, number: int) -> str:
        """How a token is spelt in the tokenizer's file."""
        return str(self.tokenizer.id_to_token(number))


def load_vocabulary(folder: Path, settings: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of a model folder; ``settings`` is its config.json.

    Special tokens come from tokenizer_config.json and from what the tokenizer's class knows, and where these
    name none, by number from config.json. Texts end at every id that generation_config.json names, or
    config.json.

    Raises:
        UserError: tokenizer.json is missing or broken, or there is neither padding nor an end.
    """
    tokenizer = open_tokenizer(folder)
    spelling = read_tokenizer_settings(folder)
    named, template = named_tokens(spelling), spelling.get("chat_template")

    def number(*names: str) -> int | None:
        for name in names:
            found = tokenizer.token_to_id(named.get(f"{name}_token", ""))
            ids = _ids(settings, f"{name}_token_id", folder / CONFIG) if found is None else (int(found),)
            if ids:
                return ids[0]
        return None

    generation = folder / GENERATION
    written = read_json(generation, REMEDY, most=SETTINGS_BYTES) if generation.exists() else {}
    bos, eos, pad = number("bos", "cls"), number("eos", "sep"), number("pad", "eos")
    if pad is None:
        raise UserError(f"{folder / SETTINGS}: names no pad_token and no eos_token; add the model's own")
    ends = _ids(written, "eos_token_id", generation) or _ids(settings, "eos_token_id", folder / CONFIG)
    marked = {token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    known = {token for token in (bos, eos, pad, number("mask"), number("unk")) if token is not None}
    return Vocabulary(
        tokenizer,
        special=frozenset(marked | known),
        pad=pad,
        bos=bos,
        eos=eos,
        mask=number("mask"),
        start=number("decoder_start"),
        other_ends=frozenset(ends) - {eos},
        never=frozenset(_ids(written, "suppress_tokens", generation)),
        chat_template=template if isinstance(template, str) else None,
    )


def _ids(settings: Mapping[str, Any], key: str, where: Path) -> tuple[int, ...]:
    """The ids that a file names under a key, one or several; a negative one stands for none."""
    value = settings.get(key)
    ids = value if isinstance(value, list) else [] if value is None else [value]
    if not all(type(id) is int and id < LARGEST_ID for id in ids):
        raise UserError(
            f"{where}: {key} must be the number of a token, or several, got {shown(value)}; {REMEDY}"
        )
    return tuple(id for id in ids if id >= 0)


def framed(tokenizer_json: bytes, kind: str) -> bytes:
    """Our tokenizer as a model of this kind takes it: with the tokens that it puts around a text.

    A decoder continues after <bos>, an encoder reads <bos> text <eos>, a text-to-text model text <eos>.
    """
    tokenizer = Tokenizer.from_str(tokenizer_json.decode())
    bos, eos = SPECIAL_TOKENS[BOS], SPECIAL_TOKENS[EOS]
    single = {
        "causal-lm": f"{bos} $A",
        "text-to-text": f"$A {eos}",
    }.get(kind, f"{bos} $A {eos}")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single,
        pair=f"{bos} $A {eos} $B {eos}",
        special_tokens=[(bos, BOS), (eos, EOS)],
    )
    text: str = tokenizer.to_str(pretty=True)
    return text.encode()


def tokenizer_settings(kind: str, context: int) -> dict[str, Any]:
    """tokenizer_config.json for our own tokenizers, as ``transformers`` reads it.

    Args:
        kind: the kind of the model that the tokenizer is written beside.
        context: its longest input, in tokens.
    """
    names = {
        "pad": PAD, "unk": UNK, "bos": BOS, "eos": EOS, "cls": BOS, "sep": EOS, "mask": MASK,
    }  # fmt: skip
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{f"{name}_token": SPECIAL_TOKENS[number] for name, number in names.items()},
        "model_max_length": context,
        "model_input_names": ["input_ids", "attention_mask"],
        # A prompt must end where its continuation begins; a classifier counts positions from the left.
        "padding_side": "left" if kind == "causal-lm" else "right",
        "clean_up_tokenization_spaces": False,
    }


def special_ids() -> dict[str, int]:
    """Our special tokens by number, as config.json names them."""
    return {
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "cls_token_id": BOS,
        "sep_token_id": EOS,
        "mask_token_id": MASK,
        "decoder_start_token_id": PAD,
    }
