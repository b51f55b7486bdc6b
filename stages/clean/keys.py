"""What decisions about the whole corpus are made from: one row a document, without its text."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import polars as pl

MEASURES = (
    "id",
    "source",
    "label",
    "language",
    "text_hash",
    "target_hash",
    "characters",
    "bytes",
    "target_bytes",
)
"""Columns of data/measured that go into the keys."""

KEYS = (*MEASURES, "part", "row", "split")
"""Columns that a corpus rule sees. ``part`` is the file below data/measured in which the document stands,
``source/000000.parquet`` (Enum of all), and ``row`` its place in that file; ``characters`` and ``bytes`` are
those of the text; ``split`` is there once the split is made.

The corpus rules, in order: conflicting_labels, exact_duplicate, low_score, near_duplicate, contamination,
duplicate_passages. Each gets the keys of the documents that passed everything before it and answers for
those that fail:

- ``selection.select(keys, measured: Path, settings: SelectionSettings, files: Path)`` -> scores of all
  documents, frame(id, score Float64), and what was learnt.
- ``near_duplicates.near_duplicates(keys, measured: Path, settings: NearDuplicateSettings)`` ->
  frame(id, kept_id, similarity Float64, cluster String or integer): one row for each document of ``keys``
  that has a near-duplicate, the kept one included (kept_id == id).
- ``contamination.contamination(keys, measured: Path, settings: ContaminationSettings, files: Path)`` ->
  frame(id, share Float64, span String, found_in String): documents of training whose text overlaps that of
  held-out documents (``split`` says which are which), or that of the named files below ``files``
  (data/sources).
- ``substrings.remove_substrings(keys, measured: Path, settings: SubstringSettings)`` ->
  frame(id, text String, removed List(String)): new texts of the training documents that lose a passage,
  null where nothing is left.

Texts and signatures are read from ``measured``, by part or by column, never all at once.
"""


def categories(column: "pl.Series") -> list[str]:
    """All names of an Enum, those that no document has too."""
    return cast("pl.Enum", column.dtype).categories.to_list()
