"""Which documents a version was trained on, and which of today's test documents it must not be measured on.

A text alone keeps its split whatever comes to the data. One that gets a near-duplicate, or whose group or
label gets more documents, may change sides (tokenmill/data/clean/split.py): what a champion was trained on
may then be in today's test split, or like what is in it.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.files import digest_tree, digest_value, read_json, sha256_file
from tokenmill.jobs.tracking.store import patient_http, tracking_uri
from tokenmill.registry.files import Stored

FILE = "trained_on.parquet"
"""In a version's package: hashes of ids and of texts, 16 bytes a document."""
COPIES = ("exact_duplicate", "near_duplicate", "contamination")
"""Rules whose values name the document that a dropped one is like."""


def write_trained_on(path: Path, clean: Path, ancestry: Mapping[str, Any]) -> bool:
    """Write the hashes of all training and validation documents in ``clean`` to ``path``.

    Returns:
        Whether it was written: not where ``clean`` is missing, or is not what the model descends from.
    """
    if not _descends(ancestry, clean):
        return False
    frames = [
        pl.read_parquet(file, columns=["id", "text", "split"], glob=False).filter(pl.col("split") != "test")
        for file in sorted((clean / "documents").glob("*.parquet"))
    ]
    every = pl.concat(frames)
    columns = {name: pl.Series(np.sort(_hashes(every[name])), dtype=pl.UInt64) for name in ("id", "text")}
    pl.DataFrame(columns).with_columns(form=pl.lit(_form(clean))).write_parquet(path)
    return True


def read_trained_on(stored: Stored) -> pl.DataFrame | None:
    """What :func:`write_trained_on` wrote into a version's package; None where there is nothing."""
    if stored.folder is not None:
        path = stored.folder / FILE
        return pl.read_parquet(path, glob=False) if path.is_file() else None
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder, patient_http():
        try:
            path = Path(
                download_artifacts(
                    artifact_uri=f"{stored.location.rstrip('/')}/{FILE}",
                    dst_path=folder,
                    tracking_uri=tracking_uri(),
                )
            )
        except (OSError, MlflowException):
            return None
        return pl.read_parquet(path, glob=False)


def left_out(trained_on: pl.DataFrame, clean: Path) -> frozenset[str]:
    """Ids of test documents in ``clean`` that a version was trained on, or that belong to such a one.

    These are documents of equal text; those of which a document that it was trained on is a copy, a
    near-duplicate or a part; and those of the group of any of these. Where texts were normalised otherwise
    then, equal ids count, too.
    """
    texts = trained_on["text"].to_numpy()
    ids = trained_on["id"].to_numpy() if _form(clean) not in trained_on["form"] else texts[:0]

    def known(frame: pl.DataFrame) -> pl.DataFrame:
        seen = np.isin(_hashes(frame["text"]), texts)
        if len(ids):
            seen |= np.isin(_hashes(frame["id"]), ids)
        return frame.filter(pl.Series(seen, dtype=pl.Boolean))

    found: set[str] = set()
    groups = [pl.DataFrame(schema={"source": pl.String, "group": pl.String})]
    tests = []
    for path in sorted((clean / "documents").glob("*.parquet")):
        test = pl.read_parquet(path, glob=False).filter(pl.col("split") == "test")
        dropped = known(pl.read_parquet(clean / "drops" / path.name, glob=False))
        seen = known(test)
        found.update(seen["id"], originals(dropped))
        groups += [frame.select("source", "group") for frame in (seen, dropped) if "group" in frame.columns]
        tests.append(test)
    every = pl.concat(tests)
    named = every.filter(pl.col("id").is_in(found))
    if "group" in every.columns:
        of_groups = pl.concat([*groups, named.select("source", "group")]).drop_nulls().unique()
        named = pl.concat([named, every.join(of_groups, on=["source", "group"], how="semi")])
    return frozenset(named["id"])


def originals(dropped: pl.DataFrame) -> Iterable[str]:
    """Ids of the documents that dropped ones (column reasons) are copies of, or parts."""
    for reasons in dropped["reasons"].to_list():
        for reason in reasons or ():
            if reason["rule"] in COPIES:
                yield original_of(reason["rule"], reason["value"])


def original_of(rule: str, value: str) -> str:
    """The id in a value: ``ID``; ``ID, similarity 0.9``; ``0.9 shared with ID: passage``."""
    if rule == "near_duplicate":
        return value.rpartition(", similarity ")[0]
    if rule == "contamination":
        return value.partition(" shared with ")[2].partition(": ")[0]
    return value


def _hashes(values: pl.Series) -> npt.NDArray[np.uint64]:
    """The first 8 bytes of SHA-256 of each string."""
    joined = b"".join(hashlib.sha256(value.encode()).digest()[:8] for value in values)
    return np.frombuffer(joined, np.dtype(">u8")).astype(np.uint64)


def _form(clean: Path) -> str:
    """Digest of the settings on which the form of a text depends."""
    params = read_json(clean / "manifest.json", "make it with `dvc repro clean`").get("params", {})
    return digest_value([params.get("measure"), params.get("clean", {}).get("substrings")])[:16]


def _descends(ancestry: Mapping[str, Any], clean: Path) -> bool:
    if not (clean / "manifest.json").is_file():
        return False
    if "documents" in ancestry:
        return bool(ancestry["documents"] == digest_tree(clean))
    return bool(ancestry.get("data", {}).get("clean") == sha256_file(clean / "manifest.json"))
