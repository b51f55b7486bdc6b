"""Reading what clean wrote: documents by source and split."""

from pathlib import Path

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split


def read_documents(clean: Path, source: str, split: Split | None = None) -> pl.DataFrame:
    """Documents of one source, in its order; of one split, or of all.

    Columns: id, source, text, label, target, language, group, spans, split.

    Raises:
        UserError: the source has no documents in ``clean``.
    """
    path = clean / "documents" / f"{source}.parquet"
    if not path.exists():
        raise UserError(f"{path}: missing; is {source!r} under `sources` in params.yaml, and did clean run?")
    frame = pl.read_parquet(path, glob=False)
    return frame if split is None else frame.filter(pl.col("split") == split)
