"""The document rules over data/measured: what the decision about the whole corpus starts from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.data.clean.corpus import Corpus, repeated

if TYPE_CHECKING:
    import polars as pl

NONE = 255
"""In place of the number of a rule, or of a split: there is none."""


@dataclass(frozen=True)
class Judged:
    """What one pass over the measures gives of every document; no text is read."""

    rule: npt.NDArray[np.uint8]
    """The first document rule that it fails, as its place in ``RULES``, or ``NONE``."""
    text: npt.NDArray[np.uint64]
    """The first 8 bytes of its text's hash, the first one as the highest."""
    labelled: npt.NDArray[np.bool_]
    failed: dict[str, int]
    """How many documents fail each document rule, whether or not it is their first."""


def judge(corpus: Corpus, rules: "dict[str, pl.Expr]") -> Judged:
    """Try ``rules``, those of :func:`tokenmill.data.clean.rules.document_rules`, on every document.

    Raises:
        UserError: an id stands twice.
    """
    import polars as pl

    judged = Judged(
        np.full(len(corpus), NONE, np.uint8),
        np.zeros(len(corpus), np.uint64),
        np.zeros(len(corpus), np.bool_),
        dict.fromkeys(rules, 0),
    )
    ids = np.zeros(len(corpus), np.uint64)
    looked_at = roots(rules)
    for numbers, frame in corpus.read(("id", "label", "text_hash", *looked_at)):
        # All expressions look at numbers, so a part costs little more than reading its narrow columns.
        failing = frame.select(**rules).select(pl.all().is_not_null())
        for place, name in reversed(list(enumerate(rules))):
            fails = failing[name].to_numpy()
            judged.rule[numbers[fails]] = place
            judged.failed[name] += int(fails.sum())
        judged.text[numbers] = frame.select(hash_number("text_hash")).to_series().to_numpy()
        judged.labelled[numbers] = frame["label"].is_not_null().to_numpy()
        ids[numbers] = frame["id"].hash().to_numpy()
    _check_ids(corpus, ids)
    return judged


def roots(rules: "dict[str, pl.Expr]") -> list[str]:
    """The measures that these rules look at."""
    return sorted({name for rule in rules.values() for name in rule.meta.root_names()} - {"id", "label"})


def hash_number(column: str) -> "pl.Expr":
    """The first 8 bytes of a hash as a number."""
    import polars as pl

    return pl.col(column).bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big")


def _check_ids(corpus: Corpus, hashes: npt.NDArray[np.uint64]) -> None:
    import polars as pl

    (suspected,) = np.nonzero(repeated(hashes))
    again = corpus.table(("id", "source"), suspected).filter(pl.col("id").is_duplicated())
    if len(again):
        _, name, source = again.row(0)
        raise UserError(
            f"data/measured: id {name!r} of {source} stands more than once; ids must differ, so that "
            "drops can be traced: leave out the id column of the source, or mend it"
        )
