"""Groups and folds of each source: how many there are, and what they make of its splits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import SPLITS
from tokenmill.data.clean.apply_rules import NONE
from tokenmill.data.clean.corpus import Corpus
from tokenmill.data.clean.settings import SplitSettings
from tokenmill.data.clean.split import Sides


def groups_of(related: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """By source that has any: its groups; documents in them; those of the largest, with what equal or similar
    texts connect it with; the name of one and the number of groups in that.

    ``related`` has the columns of :attr:`Sides.related`.
    """
    grouped = related.filter(pl.col("group").is_not_null())
    connected = grouped.group_by("source", "component").agg(
        pl.len(), name=pl.col("group").min(), groups=pl.col("group").n_unique()
    )
    largest = connected.sort("len", "name", descending=[True, False]).group_by("source", maintain_order=True)
    found = grouped.group_by("source").agg(groups=pl.col("group").n_unique(), documents=pl.len())
    found = found.join(
        largest.first().select("source", "name", largest="len", connected="groups"), on="source"
    )
    return {row.pop("source"): row for row in found.sort("source").to_dicts()}


def split_notes(
    corpus: Corpus, split: npt.NDArray[np.uint8], sides: Sides, settings: SplitSettings
) -> Iterator[str]:
    """What groups and folds make of the splits of a source, where it is not what was asked for.

    ``split`` of all documents, ``NONE`` for drops.

    Raises:
        UserError: nothing is left for a split, for more than half of the documents are one group.
    """
    folds = sides.related.filter(pl.col("fold").is_not_null())
    moved = folds.filter(pl.col("fold") != pl.col("split")).group_by("source").len().sort("source")
    for source, count in moved.iter_rows():
        yield (
            f"{source}: {count:,} documents are held out although their fold is another, for a text like "
            f"theirs, or one of their group, is held out"
        )
    for source, found in groups_of(sides.related).items():
        span = corpus.numbers_of(source)
        own = split[span.start : span.stop]
        count = int((own != NONE).sum())
        if source in folds["source"]:
            continue
        half = 2 * found["largest"] > count
        for name, share in (("validation", settings.validation), ("test", settings.test)):
            if share * count >= 1 and not (own == SPLITS.index(name)).any():
                what = _largest(found, count)
                if half:
                    raise UserError(
                        f"clean.split: sources.{source} has nothing for {name}: {what}, and comes to one "
                        f"split; name a finer `group`, or a `fold`, under `columns` of the source"
                    )
                yield f"{source}: nothing is for {name}; {found['groups']:,} groups are too few, {what}"
        if half:
            yield f"{source}: {_largest(found, count)}, and is in one split, for training"


def _largest(found: dict[str, Any], count: int) -> str:
    share = f"{found['largest']:,} of {count:,} documents"
    if found["connected"] == 1:
        return f"group {found['name'][:80]!r} has {share}"
    others = f"{found['connected'] - 1:,} others with which it shares texts"
    return f"group {found['name'][:80]!r}, with {others}, has {share}"
