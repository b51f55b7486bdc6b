"""One part: a stretch of a raw table, normalised and measured, as one file.

A part is a pure function of the raw rows and the settings, so parts can be made in any order, in any process
and on any machine that sees the files, and again after a kill.
"""

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tokenmill.core.normalization import Normalization
from tokenmill.data.documents.tagged import retag, spells
from tokenmill.data.measure.detect_language import languages
from tokenmill.data.measure.normalize import normalize
from tokenmill.data.measure.pii import replace_pii
from tokenmill.data.measure.quality import quality
from tokenmill.data.measure.repetition import repetition
from tokenmill.data.measure.spans import spans_of
from tokenmill.data.measure.word_counts import word_counts
from tokenmill.data.shingles.signatures import signatures, whole
from tokenmill.data.shingles.units import units

HEAD = 1 << 22
"""Characters at the start of a text in which all but its length is counted: memory stays bounded."""
HASH_BYTES = 16
"""128 of the 256 bits: two of 10^12 texts agree by chance once in 10^14 corpora."""
COLUMNS = ("id", "source", "text", "label", "target", "language", "group", "spans", "fold")


@dataclass(frozen=True)
class Part:
    """Where a part's rows stand in ``data/raw``."""

    source: str
    number: int
    first: int
    rows: int

    @property
    def name(self) -> str:
        """Its path below ``data/measured``."""
        return f"{self.source}/{self.number:06d}.parquet"


def measure_part(raw: Path, folder: Path, steps: Mapping[str, Normalization], part: Part) -> str:
    """Measure one part of ``raw`` and write ``folder/<source>/<nnnnnn>.parquet`` whole; returns its name.

    ``steps`` are those of each source's texts.

    Arguments and result can be pickled, so that it can run in another process.
    """
    table = pl.scan_parquet(raw / f"{part.source}.parquet", glob=False).slice(part.first, part.rows)
    measured = measure_table(
        table.select(pl.col(COLUMNS).cast(pl.String)).collect(), part.source, steps[part.source]
    )
    path = folder / part.name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        # Settings are fixed, so that the bytes depend on the content alone.
        measured.write_parquet(
            temporary, compression="zstd", compression_level=1, statistics=False, row_group_size=1 << 18
        )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return part.name


def measure_table(raw: pl.DataFrame, source: str, steps: Normalization) -> pl.DataFrame:
    """Raw documents in their order, normalised, and with a column for each measure.

    Columns: id, source, text, label, target, language (found, not declared), group, spans (of the normalised
    text), fold, language_score, text_hash and target_hash (:func:`content_hash`), characters, bytes,
    target_characters and target_bytes (null without a target), those of :func:`replace_pii`, :func:`quality`,
    :func:`word_counts` and :func:`repetition`, and signature.
    """
    targets = normalize(raw["target"], steps)
    frame = raw.with_columns(normalize(raw["text"], steps), targets, source=pl.lit(source))
    tagged = spells(raw["target"], raw["text"])
    if steps.replace_pii:
        # Tags follow their text. On their own they would show a number that the text hides, or hide another.
        frame = replace_pii(frame.with_columns(target=pl.when(~tagged).then("target")))
        frame = frame.with_columns(target=pl.when(tagged).then(targets).otherwise("target"))
    frame = frame.with_columns(_tags_of(frame, raw, tagged), spans_of(raw, frame["text"], steps))
    texts = frame["text"]
    heads = head(texts)
    found = units(heads)
    alone = frame["target"].null_count() == frame.height
    return pl.concat(
        [
            frame.with_columns(
                *languages(texts, frame["language"]),
                content_hash(texts).alias("text_hash"),
                content_hash(frame["target"]).alias("target_hash"),
                characters=texts.str.len_chars(),
                bytes=texts.str.len_bytes(),
                target_characters=pl.col("target").str.len_chars(),
                target_bytes=pl.col("target").str.len_bytes(),
            ),
            quality(heads),
            word_counts(found),
            repetition(found),
            signatures(found if alone else units(head(whole(frame)))).to_frame(),
        ],
        how="horizontal",
    )


def _tags_of(frame: pl.DataFrame, raw: pl.DataFrame, tagged: pl.Series) -> pl.Series:
    """The targets, made anew where tagged words are no longer the text that normalising left."""
    targets = frame["target"]
    changed = (tagged & ~spells(targets, frame["text"])).arg_true()
    if not len(changed):
        return targets
    before, after = raw[changed], frame["text"].gather(changed)
    new = [retag(*row) for row in zip(before["target"], before["text"], after, strict=True)]
    return targets.scatter(changed, pl.Series(new, dtype=pl.String))


def head(texts: pl.Series) -> pl.Series:
    """The first HEAD characters of each text."""
    longest = texts.str.len_bytes().max()
    return texts.str.slice(0, HEAD) if isinstance(longest, int) and longest > HEAD else texts


def content_hash(texts: pl.Series) -> pl.Series:
    """The first 16 bytes of each text's SHA-256; null for null.

    Not polars' own hash, which may differ between versions: a split must last.
    """
    hashes = [None if text is None else hashlib.sha256(text.encode()).digest()[:HASH_BYTES] for text in texts]
    return pl.Series(texts.name, hashes, dtype=pl.Binary)
