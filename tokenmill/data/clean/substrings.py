"""Long passages that stand in several documents: the first copy stays, later ones are cut out.

Exact, by a suffix array of all texts (Lee et al. 2022, who remove 50 tokens and more). Off by default: it is
for corpora of pages that share menus, disclaimers and quotations, and what is left of a text has gaps.
"""

import numpy as np
import numpy.typing as npt
import polars as pl
from pydivsufsort import divsufsort, kasai

from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus, Numbers
from tokenmill.data.clean.settings import SubstringSettings

MOST_CHARACTERS = 1 << 27
"""A suffix array is one piece: it takes about 20 bytes of memory for each character of the corpus."""


def remove_substrings(
    corpus: Corpus, training: Numbers, held_out: Numbers, settings: SubstringSettings
) -> pl.DataFrame:
    """New texts of the training documents that lose a passage of ``min_characters`` or more.

    Held-out ones come first, then the order is by id; held-out texts stay as they are. A passage is cut
    wherever each of its stretches of ``min_characters`` stands before, in whatever document, without
    overlapping it. A line end takes its place, so that no word is made of two halves.

    Returns:
        A row for each document that loses something, sorted by id: number; id; text, null where no letter or
        digit is left; removed (List(String)), the passages.

    Raises:
        UserError: there is too much text for a suffix array.
    """
    left = np.sort(np.concatenate((training, held_out)))
    characters = sum(int(frame["characters"].sum()) for _, frame in corpus.read(["characters"], left))
    if characters > MOST_CHARACTERS:
        raise UserError(
            f"params.yaml: clean.substrings: {characters:,} characters of text are more than the "
            f"{MOST_CHARACTERS:,} that it can compare; set it to null"
        )
    table = pl.concat([corpus.table(("id", "text"), own).sort("id") for own in (held_out, training)])
    texts = table["text"].to_list()
    rows = []
    for place, spans in sorted(later_copies(texts, settings.min_characters).items()):
        if place >= len(held_out):
            text, removed = cut(texts[place], spans)
            rows.append((*table.row(place)[:2], text if any(map(str.isalnum, text)) else None, removed))
    schema: dict[str, pl.DataType] = {
        "number": pl.Int64(),
        "id": pl.String(),
        "text": pl.String(),
        "removed": pl.List(pl.String()),
    }
    return pl.DataFrame(rows, schema, orient="row").sort("id")


def later_copies(texts: list[str], least: int) -> dict[int, list[tuple[int, int]]]:
    """By number of a text the spans, in characters, whose stretches of ``least`` all stand before."""
    lengths = np.array([len(text) for text in texts], np.int64)
    ends = np.cumsum(lengths + 1) - 1  # one character between texts
    codes = np.frombuffer("\0".join(texts).encode("utf-32-le"), np.uint32)
    if len(codes) < least:
        return {}
    # Characters by their rank: two bytes do for any corpus of fewer than 65,536 different ones.
    alphabet, ranks = np.unique(codes, return_inverse=True)
    ranks = ranks.astype(np.min_scalar_type(len(alphabet)))
    suffixes = divsufsort(ranks)
    # Neighbours that share their first ``least`` characters are one class; its first member is the original.
    new = np.ones(len(codes), np.bool_)
    new[1:] = kasai(ranks, suffixes)[:-1] < least
    starts = np.flatnonzero(new)
    original = np.repeat(np.minimum.reduceat(suffixes, starts), np.diff(np.append(starts, len(codes))))
    copies = np.sort(suffixes[suffixes >= original + least]).astype(np.int64)
    text = np.searchsorted(ends, copies)
    within = copies + least <= ends[text]
    copies, text = copies[within], text[within]
    return _spans(copies - (ends - lengths)[text], text, least)


def cut(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[str]]:
    """The text without these spans, and what stood there."""
    begins, ends = [0, *(end for _, end in spans)], [*(begin for begin, _ in spans), len(text)]
    pieces = [text[begin:end].strip(" \n") for begin, end in zip(begins, ends, strict=True)]
    return "\n".join(piece for piece in pieces if piece), [text[begin:end] for begin, end in spans]


def _spans(
    begin: npt.NDArray[np.int64], text: npt.NDArray[np.int64], least: int
) -> dict[int, list[tuple[int, int]]]:
    """Sorted stretches of ``least`` characters, joined where they touch or overlap."""
    new = np.ones(len(begin), np.bool_)
    new[1:] = (np.diff(text) > 0) | (np.diff(begin) > least)
    last = np.append(new[1:], True)[: len(begin)]
    spans: dict[int, list[tuple[int, int]]] = {}
    for number, first, end in zip(text[new].tolist(), begin[new].tolist(), begin[last].tolist(), strict=True):
        spans.setdefault(number, []).append((first, end + least))
    return spans
