"""Training documents that hold what models are tested on.

Text counts as the same where 13 units in a row agree (:mod:`stages.measure.units`: words, and characters of
Chinese). Thirteen is GPT-3's number for words (Brown et al. 2020, appendix C); thirteen characters of Chinese
are often no more than a name or a set phrase, so a document goes only if such runs cover a large share of it,
or of one held-out document. Two different runs have the same 64-bit hash once in 10^19: no look
at the units is needed to know that a share is true.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stages.clean.held_out import Named, Table, documents, named_files
from stages.clean.texts import Numbers, Rows
from stages.data_settings import ContaminationSettings
from stages.measure.units import shingles, units

if TYPE_CHECKING:
    import polars as pl

RUN = 13
TABLE = 8 << 20
"""Units of held-out text in memory at a time, 24 bytes each. Training text is read once for each table."""
PLACES = 16
"""Places at which a run is looked up in held-out text; what stands at more is a set phrase."""

Overlap = tuple[int, float, str, str]
"""Number of a text, share, span, and the name of the held-out text."""


def contamination(
    keys: "pl.DataFrame", measured: Path, settings: ContaminationSettings, files: Path
) -> "pl.DataFrame":
    """Training documents that overlap a held-out document, or a record of the named ``files``, too much.

    ``keys`` (columns id, part, row, split) has all documents that are left. Their texts are compared, not
    their targets. A held-out text of fewer than RUN units is found only where it is the whole of a training
    text.

    Returns:
        A row for each document that overlaps by more than ``max_share``, sorted by id: id; share, of its own
        units or of the held-out document's, whichever is larger, for the held-out document where it is
        largest; span, the longest passage that the two share; found_in, the other's id, or ``file:line``.

    Raises:
        UserError: a named file is missing or cannot be read.
    """
    import polars as pl

    training = keys.filter(pl.col("split") == "train").select("id", "part", "row")
    held_out = documents(keys.filter(pl.col("split") != "train"), measured)
    rows, names = Rows.of(training, measured), training["id"].rechunk()
    found: list[tuple[str, float, str, str]] = []
    for table in _tables(chain(held_out, named_files(files, settings.files, "clean.contamination.files"))):
        for numbers, frame in rows.read(["text"]):
            ids = names.gather(numbers)
            worst = overlaps(frame["text"], table, settings.max_share)
            found += [(ids[n], share, span, name) for n, share, span, name in worst]
    schema = {"id": pl.String, "share": pl.Float64, "span": pl.String, "found_in": pl.String}
    every = pl.DataFrame(found, schema, orient="row")
    every = every.sort("id", "share", "found_in", descending=[False, True, False])
    return every.unique("id", keep="first", maintain_order=True)


def overlaps(texts: "pl.Series", table: Table, max_share: float) -> list[Overlap]:
    """For each text that overlaps a held-out one by more than ``max_share`` the worst of its overlaps."""
    found = units(texts)
    runs, _, first = shingles(found, table.size)
    numbers, entries = table.places(runs, PLACES)
    first = first[numbers]
    text = np.searchsorted(found.offsets, first, "right") - 1
    other = table.text[entries].astype(np.int64)
    pairs, pair = np.unique(text * len(table.names) + other, return_inverse=True)
    text, other = np.divmod(pairs, max(len(table.names), 1))
    share = np.maximum(
        _covered(pair, first, table.size) / np.diff(found.offsets)[text],
        _covered(pair, table.position[entries].astype(np.int64), table.size) / table.lengths[other],
    )
    result: dict[int, Overlap] = {
        n: (n, 1.0, texts[n], table.short[texts[n]])
        for n in texts.is_in(list(table.short)).fill_null(False).arg_true().to_list()
    }
    worst_first = np.lexsort((other, -share, text))
    for chosen in worst_first[share[worst_first] > max_share].tolist():
        n = int(text[chosen])
        if n not in result:
            begin, end = _longest(np.unique(first[pair == chosen]), table.size)
            span = texts[n][found.starts[begin] : found.ends[end - 1]]
            result[n] = (n, float(share[chosen]), span, table.names[other[chosen]])
    return [result[n] for n in sorted(result)]


def _tables(named: Iterable[Named]) -> Iterator[Table]:
    """Held-out texts in tables of about TABLE units."""
    some: list[Named] = []
    size = 0
    for names, texts in named:
        some.append((names, texts))
        size += len(units(texts).hashes)
        if size >= TABLE:
            yield Table.of(some, RUN)
            some, size = [], 0
    if some:
        yield Table.of(some, RUN)


def _covered(pair: Numbers, begin: Numbers, size: int) -> npt.NDArray[np.int64]:
    """For each pair how many units its runs of ``size`` units cover that begin at these places."""
    order = np.lexsort((begin, pair))
    pair, begin = pair[order], begin[order]
    last = np.ones(len(pair), np.bool_)
    last[:-1] = pair[1:] != pair[:-1]
    length = np.full(len(pair), size)
    length[:-1] = np.where(last[:-1], size, (begin[1:] - begin[:-1]).clip(max=size))
    return np.bincount(pair, weights=length).astype(np.int64)


def _longest(begins: Numbers, size: int) -> tuple[int, int]:
    """The longest stretch that runs of ``size`` units cover: its first unit, and one past its last."""
    cuts = np.flatnonzero(np.diff(begins) > size) + 1
    stretches = [(int(part[0]), int(part[-1]) + size) for part in np.split(begins, cuts)]
    return max(stretches, key=lambda stretch: (stretch[1] - stretch[0], -stretch[0]))
