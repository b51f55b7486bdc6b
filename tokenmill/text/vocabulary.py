"""A model's tokenizer with the ids of its special tokens: padding, begin, end, mask."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Encoding, Tokenizer, processors

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.text.tokenizer import BOS, EOS, MASK, PAD, SPECIAL_TOKENS, UNK, open_tokenizer

SETTINGS = "tokenizer_config.json"


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

    def encode(self, texts: Iterable[str], max_tokens: int | None = None) -> list[list[int]]:
        """Texts as the model reads them: ids between its own first and last tokens.

        Of a text with more than ``max_tokens`` the first stay, and what the model puts at the end.
        """
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]
        return rows if max_tokens is None else [self._cut(row, max_tokens) for row in rows]

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
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for encoding in encodings:
            encoding.truncate(room)  # what follows goes on in `overflowing`
        framed = [self.tokenizer.post_process(encoding) for encoding in encodings]
        return [[first, *first.overflowing] for first in framed]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without special tokens."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def token(self, number: int) -> str:
        """How a token is spelt in the tokenizer's file."""
        return str(self.tokenizer.id_to_token(number))


def load_vocabulary(folder: Path, settings: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of a model folder; ``settings`` is its config.json.

    Special tokens come from tokenizer_config.json and, where it names none, by number from config.json.

    Raises:
        UserError: tokenizer.json is missing or broken, or there is neither padding nor an end.
    """
    tokenizer = open_tokenizer(folder)
    named = _named_tokens(folder)

    def number(*names: str) -> int | None:
        for name in names:
            if (token := named.get(f"{name}_token")) is not None:
                found = tokenizer.token_to_id(token)
                if found is not None:
                    return int(found)
            value = settings.get(f"{name}_token_id")
            if value is not None:
                return int(value[0] if isinstance(value, list) else value)
        return None

    bos, eos, pad = number("bos", "cls"), number("eos", "sep"), number("pad", "eos")
    if pad is None:
        raise UserError(f"{folder / SETTINGS}: names no pad_token and no eos_token; add the model's own")
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
    )


def _named_tokens(folder: Path) -> dict[str, str]:
    named: dict[str, str] = {}
    for name in ("special_tokens_map.json", SETTINGS):
        path = folder / name
        if not path.exists():
            continue
        values = read_json(path, "take the model's own file")
        for key, value in values.items():
            if key.endswith("_token") and value is not None:
                named[key] = value["content"] if isinstance(value, dict) else str(value)
    return named


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
