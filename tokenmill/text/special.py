"""The ids that code puts into token streams: a tokenizer's special tokens, by what they are for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tokenizers import Tokenizer

from tokenmill.core.errors import UserError
from tokenmill.text.tokenizer import (
    BOS,
    EOS,
    FIRST_TEXT_ID,
    MASK,
    PAD,
    SENTINEL_IDS,
    SENTINELS,
    SPECIAL_TOKENS,
    UNK,
)
from tokenmill.text.vocabulary import SETTINGS, Vocabulary

SENTINEL_NAMES = ("<extra_{}>", "<extra_id_{}>")
"""How gaps are spelt: in our tokenizers, in T5's."""


@dataclass(frozen=True)
class SpecialTokens:
    """A tokenizer's special tokens, by number."""

    ids: tuple[int, ...]
    """All ids that stand for no text, ascending."""
    pad: int
    bos: int
    """Before each document; BERT's [CLS], GPT-2's <|endoftext|>."""
    eos: int
    """After each document, if it is not ``bos``, which stands before the next one then; BERT's [SEP]."""
    mask: int | None = None
    """Stands for a hidden token (masked)."""
    unk: int | None = None
    """Stands for text that the tokenizer knows no token for."""
    sentinels: tuple[int, ...] = ()
    """Stand for hidden spans (span-corruption), in this order."""

    @property
    def around(self) -> int:
        """Special tokens around each document of the shards."""
        return 1 if self.eos == self.bos else 2

    def to_json(self) -> dict[str, Any]:
        """As the shards' manifest has it."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**fields)


OURS = SpecialTokens(
    ids=tuple(range(FIRST_TEXT_ID)),
    pad=PAD,
    bos=BOS,
    eos=EOS,
    mask=MASK,
    unk=UNK,
    sentinels=tuple(SENTINEL_IDS),
)
"""Of every tokenizer that `dvc repro tokenize` trains."""


def special_tokens(vocabulary: Vocabulary, model: Path) -> SpecialTokens:
    """The special tokens of a model's vocabulary; ``model`` is for the message.

    Raises:
        UserError: no token can stand between documents.
    """
    if all(vocabulary.tokenizer.token_to_id(token) == id for id, token in enumerate(SPECIAL_TOKENS)):
        return OURS
    eos = vocabulary.bos if vocabulary.eos is None else vocabulary.eos
    if eos is None:
        raise UserError(
            f"{model / SETTINGS}: names no bos_token, cls_token, eos_token or sep_token, of which one must "
            "stand between documents; add the model's own"
        )
    return SpecialTokens(
        ids=tuple(sorted(vocabulary.special)),
        pad=vocabulary.pad,
        bos=eos if vocabulary.bos is None else vocabulary.bos,
        eos=eos,
        mask=vocabulary.mask,
        unk=_unknown(vocabulary.tokenizer),
        sentinels=_sentinels(vocabulary.tokenizer),
    )


def _sentinels(tokenizer: Tokenizer) -> tuple[int, ...]:
    found = ([tokenizer.token_to_id(name.format(n)) for n in range(4 * SENTINELS)] for name in SENTINEL_NAMES)
    return max((tuple(id for id in ids if id is not None) for ids in found), key=len)


def _unknown(tokenizer: Tokenizer) -> int | None:
    name: Any = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(name) if isinstance(name, str) else None
