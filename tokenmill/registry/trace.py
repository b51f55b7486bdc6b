"""Whether and where a text was in training, from what measure and clean wrote."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.core.normalization import Normalization
from tokenmill.data.normalization.text import normalize_text
from tokenmill.data.shingles.signatures import whole
from tokenmill.data.shingles.similar import similar_texts
from tokenmill.model.folder import ANCESTRY
from tokenmill.registry.trained_on import COPIES, descends, original_of

CLEAN, RAW = Path("data/clean"), Path("data/raw")
REMEDY = "restore it with `dvc checkout` or make it with `dvc repro clean`"
SIMILARITY = 0.8
"""From which on texts are alike, where clean looks for no near-duplicates."""
COLUMNS = ["id", "source", "text", "target", "label", "group"]


@dataclass(frozen=True)
class Place:
    """A document that is the text, or like it."""

    id: str
    source: str
    similarity: float
    """1: the same text once it is normalised."""
    split: str | None
    """None: clean dropped it."""
    reasons: tuple[tuple[str, str], ...]
    """Rule and value, of a dropped one."""
    trained: bool
    """Whether the model was trained on the source, and the document is for that, or for validation."""


def trace(folder: Path, *, text: str | None = None, document: str | None = None) -> list[Place]:
    """The documents that are a text or much like it, or the one with an id; the most similar first.

    Args:
        folder: of the model.
        text: is normalised as measure normalises, with the settings of the data.
        document: the id of a document.

    Raises:
        UserError: the documents at hand are not those of the model, or are missing.
    """
    ancestry = read_json(folder / ANCESTRY, "give a trained model")
    if not descends(_oldest_known(ancestry), CLEAN):
        raise UserError(
            f"{CLEAN}: not the documents that {folder} was trained on; check out the commit of the model and "
            "run `dvc checkout`"
        )
    params = read_json(CLEAN / "manifest.json", REMEDY)["params"]
    sources = set(_sources(ancestry))
    found = []
    for path in sorted((CLEAN / "documents").glob("*.parquet")):
        for kind, verdict in (("documents", "split"), ("drops", "reasons")):
            frame = pl.read_parquet(CLEAN / kind / path.name, columns=[*COLUMNS, verdict], glob=False)
            for number, similarity in _matches(frame, text, document, params):
                found.append(_place(frame.row(number, named=True), similarity, sources))
    return sorted(found, key=lambda one: (-one.similarity, not one.trained, one.id))


def _matches(
    frame: pl.DataFrame, text: str | None, document: str | None, params: Mapping[str, Any]
) -> Iterator[tuple[int, float]]:
    """Rows that are meant, and their similarity."""
    if text is None:
        yield from ((number, 1.0) for number in (frame["id"] == document).arg_true().to_list())
        return
    wanted = normalize_text(text, Normalization(**params["measure"])).text
    told = set((frame["text"] == wanted).arg_true().to_list())
    yield from ((number, 1.0) for number in sorted(told))
    near = params["clean"]["near_duplicates"]
    few = pl.Series([wanted], dtype=pl.String)
    for texts in (frame["text"], whole(frame)):
        pairs = similar_texts(few, texts, near["similarity"] if near else SIMILARITY)
        for number, similarity in pairs.select("other", "similarity").iter_rows():
            if number not in told:
                told.add(number)
                yield number, min(similarity, 0.99)  # equal shingles are no equal texts


def _place(row: Mapping[str, Any], similarity: float, sources: set[str]) -> Place:
    reasons = tuple((reason["rule"], reason["value"]) for reason in row.get("reasons") or ())
    split = row.get("split")
    trained = row["source"] in sources and split in ("train", "validation")
    return Place(row["id"], row["source"], similarity, split, reasons, trained)


def _sources(ancestry: Mapping[str, Any]) -> Iterator[str]:
    """Sources that a model, and those it began with, were trained on."""
    if "finetune" in ancestry:
        source = ancestry["finetune"]["source"]
        yield from [source] if isinstance(source, str) else source
    yield from ancestry.get("sources", ())
    if "parent" in ancestry:
        yield from _sources(ancestry["parent"])


def _oldest_known(ancestry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ancestry that names documents: of a model, or of the one that it began with."""
    names = "documents" in ancestry or "clean" in ancestry.get("data", {})
    return ancestry if names or "parent" not in ancestry else _oldest_known(ancestry["parent"])


def words_of(place: Place) -> Iterator[str]:
    """What is known of a place, in lines."""
    alike = "this very text" if place.similarity == 1 else f"similarity {place.similarity:.2f}"
    if place.split is None:
        yield f"{place.id}: {alike}; dropped, not trained on"
    elif place.trained:
        yield f"{place.id}: {alike}; {place.split}: " + ROLES[place.split]
    else:
        other = "held out" if place.split == "test" else "of a source that the model was not trained on"
        yield f"{place.id}: {alike}; {place.split}: {other}"
    for rule, value in place.reasons:
        yield f"  {rule.replace('_', ' ')}: {value}"
    yield from (f"  {line}" for line in _raw_place(place))


ROLES = {"train": "trained on", "validation": "told which checkpoint is best; no weight was trained on it"}


def originals_of(place: Place) -> list[str]:
    """Ids of what a dropped document is a copy or a part of."""
    return [original_of(rule, value) for rule, value in place.reasons if rule in COPIES]


def _raw_place(place: Place) -> Sequence[str]:
    """Where it stands in the raw files, as its id says, with their digest."""
    manifest = RAW / "manifest.json"
    files = read_json(manifest, REMEDY)["sources"] if manifest.is_file() else {}
    for entry in files.get(place.source, {}).get("files", ()):
        before = f"{place.source}:{entry['name']}:"
        if place.id.startswith(before):
            return [
                f"line {place.id.removeprefix(before)} of {entry['name']}, SHA-256 {entry['sha256'][:12]}"
            ]
    return []
