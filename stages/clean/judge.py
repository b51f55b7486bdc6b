"""The document rules over data/measured: what the decision about the whole corpus starts from."""

from pathlib import Path
from typing import TYPE_CHECKING

from lm.errors import UserError
from stages.clean.keys import MEASURES
from stages.clean.rules import RULES, document_rules
from stages.data_settings import CleanSettings

if TYPE_CHECKING:
    import polars as pl


def measured_parts(measured: Path) -> list[Path]:
    """The part files, by source and number.

    Raises:
        UserError: there are none.
    """
    parts = sorted(measured.glob("*/*.parquet"))
    if not parts:
        raise UserError(f"{measured.as_posix()}: no documents to clean; run `dvc repro measure`")
    return parts


def judge(measured: Path, settings: CleanSettings) -> "tuple[pl.DataFrame, pl.DataFrame]":
    """Keys of all documents, and the document rules that some of them fail; no text is read.

    Returns:
        keys: ``KEYS`` but for the split, and ``bytes`` (of text and target), in the order of the parts.
        failures: id, rule (Enum of ``RULES``), value; all failing rules of a document.

    Raises:
        UserError: an id stands twice.
    """
    import polars as pl

    rules = document_rules(settings)
    keys, failures = [], []
    paths = measured_parts(measured)
    names = [f"{path.parent.name}/{path.name}" for path in paths]
    part, source = pl.Enum(names), pl.Enum(sorted({path.parent.name for path in paths}))
    for name, path in zip(names, paths, strict=True):
        # All expressions look at numbers, so a part costs little more than reading its narrow columns.
        judged = pl.scan_parquet(path).select(*MEASURES, **rules).collect()
        own = judged.select(pl.lit(name, dtype=part).alias("part"), *MEASURES).with_row_index("row")
        keys.append(own.cast({"source": source, "language": pl.Categorical()}))
        failing = judged.filter(pl.any_horizontal(pl.col(list(rules)).is_not_null()))
        long = failing.select("id", *rules).unpivot(index="id", variable_name="rule").drop_nulls()
        failures.append(long.cast({"rule": pl.Enum(RULES)}))
    every = pl.concat(keys, rechunk=True)  # in one piece, or each gather would put the pieces together
    del keys, own, judged
    if every["id"].n_unique() < every.height:
        again = every.filter(pl.col("id").is_duplicated()).select("id", "source").row(0)
        raise UserError(
            f"data/measured: id {again[0]!r} of {again[1]} stands more than once; ids must differ, so that "
            "drops can be traced: leave out the id column of the source, or mend it"
        )
    return every, pl.concat(failures, rechunk=True)
