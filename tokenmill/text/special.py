"""The ids that code puts into token streams: a tokenizer's special tokens, by what they are for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tokenmill.text.tokenizer import BOS, EOS, FIRST_TEXT_ID, MASK, PAD, SENTINEL_IDS, UNK


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
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


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
