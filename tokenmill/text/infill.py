"""Fill in the middle: the special tokens around the parts of a text (Bavarian et al. 2022).

A model reads ``<prefix>`` what stands before a gap, ``<suffix>`` what stands behind it, and ``<middle>``,
after which it writes the gap and the end of a document.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tokenizers import Tokenizer

from tokenmill.text.tokenizer import SENTINEL_IDS, SPECIAL_TOKENS

PUBLISHED = (
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
)
"""How others spell them: StarCoder and its kin; Qwen's coders."""
OURS = tuple(SPECIAL_TOKENS[id] for id in SENTINEL_IDS[:3])
"""In tokenizers of ours, which all have them for gaps."""


class InfillTokens(NamedTuple):
    """Ids of the tokens before each part."""

    prefix: int
    suffix: int
    middle: int

    def row(self, prefix: Sequence[int], suffix: Sequence[int]) -> list[int]:
        """What a model reads before it writes the middle: first the prefix, then the suffix (PSM)."""
        return [self.prefix, *prefix, self.suffix, *suffix, self.middle]

    def fitted(self, prefix: Sequence[int], suffix: Sequence[int], longest: int) -> list[int]:
        """:meth:`row` of at most ``longest`` ids, at least 4: of too much the parts farthest from the gap go.

        The suffix has a third of the room, and what the prefix leaves.
        """
        room = longest - len(self)
        behind = min(len(suffix), max(room // 3, room - len(prefix)))
        return self.row(prefix[max(0, len(prefix) - (room - behind)) :], suffix[:behind])


def infill_tokens(
    tokenizer: Tokenizer, names: Sequence[Sequence[str]] = (*PUBLISHED, OURS)
) -> InfillTokens | None:
    """The first of these triples that a tokenizer has; None where it has none."""
    for triple in names:
        found = [id for name in triple if (id := tokenizer.token_to_id(name)) is not None]
        if len(found) == len(triple):
            return InfillTokens(*found)
    return None
