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
from tokenmill.data.documents.spans import Span, read_spans, write_spans

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
        digit is left; spans, those of the new text; removed (List(String)), the passages.

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
    table = pl.concat([corpus.table(("id", "text", "spans"), own).sort("id") for own in (held_out, training)])
    texts = table["text"].to_list()
    rows = []
    for place, copies in sorted(later_copies(texts, settings.min_characters).items()):
        if place >= len(held_out):
            number, id_, whole, written = table.row(place)
            stays = pieces(whole, copies)
            text = "\n".join(whole[begin:end] for begin, end in stays)
            spans = None if written is None else write_spans(moved(read_spans(written), stays))
            removed = [whole[begin:end] for begin, end in copies]
            rows.append((number, id_, text if any(map(str.isalnum, text)) else None, spans, removed))
    schema: dict[str, pl.DataType] = {
        "number": pl.Int64(),
        "id": pl.String(),
        "text": pl.String(),
        "spans": pl.String(),
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


def pieces(text: str, copies: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What stays of a text without these stretches, without white space around each piece."""
    begins, ends = [0, *(end for _, end in copies)], [*(begin for begin, _ in copies), len(text)]
    found = []
    for begin, end in zip(begins, ends, strict=True):
        piece = text[begin:end]
        begin += len(piece) - len(piece.lstrip(" \n"))
        end = begin + len(piece.strip(" \n"))
        if begin < end:
            found.append((begin, end))
    return found


def moved(spans: list[Span], stays: list[tuple[int, int]]) -> list[Span]:
    """Labelled parts of a text in what stays of it, piece below piece; of one that was cut what is left."""
    found = []
    for begin, end, label in spans:
        place, parts = 0, []
        for first, last in stays:
            if first < end and begin < last:
                parts += [place + max(begin, first) - first, place + min(end, last) - first]
            place += last - first + 1
        if parts:
            found.append(Span(parts[0], parts[-1], label))
    return list(dict.fromkeys(found))


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
