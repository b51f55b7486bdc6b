"""Labels of a task: what is there to learn."""

from pathlib import Path

import polars as pl
import pytest

from tokenmill.core.errors import UserError
from tokenmill.tasks.texts import label_names

Labelled = list[tuple[str | None, str]]
"""Label and split of each document."""


def names(folder: Path, documents: Labelled) -> list[str]:
    (folder / "documents").mkdir()
    rows = [(f"s:{n}", f"text {n}", label, split) for n, (label, split) in enumerate(documents)]
    frame = pl.DataFrame(rows, dict.fromkeys(("id", "text", "label", "split"), pl.String), orient="row")
    frame.write_parquet(folder / "documents/s.parquet")
    return label_names(folder, "s", "mood")


def test_labels_are_sorted_and_documents_without_one_say_nothing(tmp_path: Path) -> None:
    assert names(tmp_path, [("good", "train"), (None, "test"), ("bad", "train"), ("good", "test")]) == [
        "bad",
        "good",
    ]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (
            [("good", "train"), (None, "train")],
            r"finetune\.mood\.source is s, which has 1 label\(s\); map",
        ),
        (
            [("good", "train"), ("bad", "train"), ("odd", "test"), ("odd", "validation")],
            r"label 'odd' of s is in the test split \(s:2\) and on no document for training; mend",
        ),
        ([("good", "train"), ("bad", "validation")], r"label 'bad' of s is in the validation split \(s:1\)"),
    ],
)
def test_labels_that_cannot_be_learnt(tmp_path: Path, documents: Labelled, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        names(tmp_path, documents)
    assert "\n" not in str(error.value)


def test_a_source_that_clean_did_not_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"s\.parquet: missing; is 's' under `sources`"):
        label_names(tmp_path, "s", "mood")
