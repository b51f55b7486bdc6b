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
from tokenmill.data.shingles.signatures import whole
from tokenmill.data.shingles.similar import similar_texts
from tokenmill.jobs.tracking.store import patient_http, tracking_uri
from tokenmill.registry.files import Stored

FILE = "trained_on.parquet"
"""In a version's package: hashes of ids and of texts, 16 bytes a document."""
COLUMNS = ("id", "source", "text", "target", "group")
COPIES = ("exact_duplicate", "near_duplicate", "contamination")
"""Rules whose values name the document that a dropped one is like."""


def write_trained_on(path: Path, clean: Path, ancestry: Mapping[str, Any]) -> bool:
    """Write the hashes of all training and validation documents in ``clean`` to ``path``.

    Returns:
        Whether it was written: not where ``clean`` is missing, or is not what the model descends from.
    """
    if not descends(ancestry, clean):
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

    These are documents of equal text; those of which a document that it was trained on is a copy, a part or a
    near-duplicate, as long as that is still in the data; and those of the group of any of these. Where texts
    were normalised otherwise then, equal ids count, too.
    """
    known = _Known(trained_on, clean)
    paths = sorted((clean / "documents").glob("*.parquet"))
    frames = (pl.read_parquet(path, columns=[*COLUMNS, "split"], glob=False) for path in paths)
    test = pl.concat(frame.filter(pl.col("split") == "test").drop("split") for frame in frames)
    dropped = pl.concat(
        known.among(pl.read_parquet(clean / "drops" / path.name, columns=[*COLUMNS, "reasons"], glob=False))
        for path in paths
    )
    seen = pl.concat([known.among(test), dropped.drop("reasons")])
    alike = similar_texts(whole(seen), whole(test), known.similarity)["other"]
    ids = [*seen["id"], *originals(dropped), *test["id"].gather(alike)]
    found = test.filter(pl.col("id").is_in(ids))
    groups = pl.concat([seen, found]).select("source", "group").drop_nulls().unique()
    return frozenset(found["id"]) | frozenset(test.join(groups, on=["source", "group"], how="semi")["id"])


class _Known:
    """What a version was trained on, as hashes."""

    def __init__(self, trained_on: pl.DataFrame, clean: Path) -> None:
        self.texts = trained_on["text"].to_numpy()
        self.ids = trained_on["id"].to_numpy() if _form(clean) not in trained_on["form"] else self.texts[:0]
        near = _clean_params(clean).get("near_duplicates")
        self.similarity = float(near["similarity"]) if near else 1.0

    def among(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Those of some documents that are known."""
        seen = np.isin(_hashes(frame["text"]), self.texts)
        if len(self.ids):
            seen |= np.isin(_hashes(frame["id"]), self.ids)
        return frame.filter(pl.Series(seen, dtype=pl.Boolean))


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
    return digest_value([_params(clean).get("measure"), _clean_params(clean).get("substrings")])[:16]


def _params(clean: Path) -> dict[str, Any]:
    params: dict[str, Any] = read_json(clean / "manifest.json", "make it with `dvc repro clean`")["params"]
    return params


def _clean_params(clean: Path) -> dict[str, Any]:
    params: dict[str, Any] = _params(clean)["clean"]
    return params


def descends(ancestry: Mapping[str, Any], clean: Path) -> bool:
    """Whether a model was trained on the documents that stand in ``clean``."""
    if not (clean / "manifest.json").is_file():
        return False
    if "documents" in ancestry:
        return bool(ancestry["documents"] == digest_tree(clean))
    return bool(ancestry.get("data", {}).get("clean") == sha256_file(clean / "manifest.json"))
