"""Fill in the middle as a change of rows that a causal model learns from (Bavarian et al. 2022)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.text.infill import InfillTokens, infill_tokens
from tokenmill.text.special import SpecialTokens


@dataclass(frozen=True)
class FillInTheMiddle:
    """Moves a part from the middle of some documents to their end.

    It is done to the part of a document that stands in a row ("context level"), anew in every epoch. Cuts
    fall between characters, not tokens: each part becomes tokens by itself, as will what a person has written
    before and behind a gap, which may begin within a word.
    """

    rate: float
    """Probability of a document to be changed."""
    tokenizer: Tokenizer
    tokens: InfillTokens
    special: SpecialTokens

    def rows(self, rows_BL: Tensor, generator: torch.Generator) -> Tensor:
        """Rows of token ids (B, L) with some documents changed; what no longer fits is left out."""
        return torch.tensor([self._row(row, generator) for row in rows_BL.tolist()], dtype=rows_BL.dtype)

    def _row(self, row: list[int], generator: torch.Generator) -> list[int]:
        new: list[int] = []
        for document in _documents(row, self.special.bos):
            chance, *cuts = torch.rand(3, generator=generator).tolist()
            room = len(row) - len(new)
            changed = self._changed(document, cuts, room) if chance < self.rate else None
            new += (changed or document)[:room]
        return new if len(new) == len(row) else row

    def _changed(self, document: list[int], cuts: list[float], room: int) -> list[int] | None:
        """A document, or a part of one, as prefix, suffix and middle, of at most ``room`` tokens.

        The middle and its end stay whole: the suffix is cut at its end for them, then the prefix at its
        beginning. None where there is no room, or where tokens do not come back from their text, as where a
        row begins within a character.
        """
        begin = document[:1] if document[0] == self.special.bos else []
        ids = [id for id in document if id not in self.special.ids]
        text = self.tokenizer.decode(ids)
        low, high = sorted(int(cut * (len(text) + 1)) for cut in cuts)
        parts = [text, text[:low], text[high:], text[low:high]]
        encoded = self.tokenizer.encode_batch_fast(parts, add_special_tokens=False)
        whole, prefix, suffix, middle = (encoding.ids for encoding in encoded)
        excess = len(begin) + len(self.tokens.row(prefix, suffix)) + len(middle) + 1 - room
        from_suffix = min(max(excess, 0), len(suffix))
        from_prefix = max(excess, 0) - from_suffix
        if whole != ids or from_prefix > len(prefix):
            return None
        read = self.tokens.row(prefix[from_prefix:], suffix[: len(suffix) - from_suffix])
        return [*begin, *read, *middle, self.special.eos]


def _documents(row: list[int], bos: int) -> Iterator[list[int]]:
    """The documents of a row; the first may be the rest of one."""
    begin = 0
    for place in range(1, len(row)):
        if row[place] == bos:
            yield row[begin:place]
            begin = place
    yield row[begin:]


def fill_in_the_middle(rate: float, tokenizer: Tokenizer, special: SpecialTokens) -> FillInTheMiddle:
    """The change of rows for a tokenizer.

    Raises:
        UserError: it has no tokens for prefix, suffix and middle.
    """
    tokens = infill_tokens(tokenizer)
    if tokens is None:
        raise UserError(
            "fim_rate needs a tokenizer with tokens for prefix, suffix and middle, such as <fim_prefix>, and "
            "this one has none; train one under tokenize, or remove fim_rate"
        )
    return FillInTheMiddle(rate, tokenizer, tokens, special)
