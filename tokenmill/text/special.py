"""The ids that code puts into token streams: a tokenizer's special tokens, by what they are for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tokenmill.text.tokenizer import BOS, EOS, FIRST_TEXT_ID, MASK, PAD, SENTINEL_IDS


@dataclass(frozen=True)
class SpecialTokens:
    """A tokenizer's special tokens; None where it has no such token."""

    ids: tuple[int, ...]
    """All ids that stand for no text, ascending."""
    pad: int | None = None
    bos: int | None = None
    """Before each document; BERT's [CLS]."""
    eos: int | None = None
    """After each document; BERT's [SEP], GPT-2's <|endoftext|>."""
    mask: int | None = None
    """Stands for a hidden token (masked)."""
    sentinels: tuple[int, ...] = ()
    """Stand for hidden spans (span-corruption), in this order."""

    @property
    def around(self) -> int:
        """Special tokens around each document of the shards."""
        return (self.bos is not None) + (self.eos is not None)

    def to_json(self) -> dict[str, Any]:
        """As the shards' manifest has it."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave."""
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


OURS = SpecialTokens(
    ids=tuple(range(FIRST_TEXT_ID)), pad=PAD, bos=BOS, eos=EOS, mask=MASK, sentinels=tuple(SENTINEL_IDS)
)
"""Of every tokenizer that `dvc repro tokenize` trains."""
