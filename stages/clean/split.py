"""Train, validation and test by content."""

import hashlib
from typing import TYPE_CHECKING

from stages.params import SplitSettings

if TYPE_CHECKING:
    import polars as pl

HASH_BYTES = 16
"""128 of the 256 bits: two of 10^12 texts agree by chance once in 10^14 corpora."""


def content_hash(texts: "pl.Series") -> "pl.Series":
    """The first 16 bytes of each text's SHA-256; null for null.

    Not polars' own hash, which may differ between versions: a split must last.
    """
    import polars as pl

    hashes = [None if text is None else hashlib.sha256(text.encode()).digest()[:HASH_BYTES] for text in texts]
    return pl.Series(texts.name, hashes, dtype=pl.Binary)


def split_of(text_hash: "pl.Expr", settings: SplitSettings) -> "pl.Expr":
    """``test``, ``validation`` or ``train``, from the text's hash alone.

    Equal texts come to one side, in whichever source they stand. The first 8 bytes are a number in [0, 2^64);
    the lowest share is for testing, so another validation share leaves the test set as it is.
    """
    import polars as pl

    place = text_hash.bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big")
    test = int(settings.test * 2**64)
    validation = int((settings.test + settings.validation) * 2**64)
    return (
        pl.when(place < pl.lit(test, dtype=pl.UInt64))
        .then(pl.lit("test"))
        .when(place < pl.lit(validation, dtype=pl.UInt64))
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )
