"""Columns are read where settings name them; labels, languages and numbers come in one spelling each."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from pydantic import ValidationError

from tests.data.ingest.helpers import notes, read_source
from tokenmill.core.errors import UserError
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.documents.languages import language_code
from tokenmill.data.ingest.settings import FilesSource

ROWS = [{"id": n, "text": f"text {n}", "target": n % 2, "language": "Python"} for n in range(4)]
TABLES = {
    "a.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "a.csv": "\n".join([",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)]),
}


def labels(folder: Path, values: list[Any]) -> list[str | None]:
    """The labels of documents whose lines of JSON have these."""
    lines = [orjson.dumps({"text": f"text {n}", "label": value}) for n, value in enumerate(values)]
    documents, _ = read_source(folder, {"a.jsonl": b"\n".join(lines)}, columns={"label": "label"})
    return documents["label"].to_list()


@pytest.mark.parametrize("name", TABLES)
def test_columns_that_settings_do_not_name_are_not_read(tmp_path: Path, name: str) -> None:
    documents, rejects = read_source(tmp_path, {name: TABLES[name]}, columns={"label": "target"})
    assert documents["label"].to_list() == ["0", "1", "0", "1"] and rejects.is_empty()
    assert documents["target"].null_count() == documents["language"].null_count() == 4
    assert documents["id"][0].startswith(f"mine:{name}:")
    assert notes(tmp_path) == [
        f"{name}: its columns language, id are not read; name what is wanted under `columns` of the source"
    ]


def test_parquet_columns_that_settings_do_not_name_are_not_read(tmp_path: Path) -> None:
    pl.DataFrame(ROWS).write_parquet(tmp_path / "made")
    documents, _ = read_source(tmp_path, {"a.parquet": (tmp_path / "made").read_bytes()})
    assert documents.select("label", "target", "language").null_count().row(0) == (4, 4, 4)


@pytest.mark.parametrize("name", TABLES)
def test_numbers_may_be_the_answer(tmp_path: Path, name: str) -> None:
    documents, _ = read_source(tmp_path, {name: TABLES[name]}, columns={"target": "target"})
    assert documents["target"].to_list() == ["0", "1", "0", "1"]


def test_a_column_without_a_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.columns: no document has a value for label in 'mood'"):
        read_source(tmp_path, {"a.jsonl": TABLES["a.jsonl"]}, columns={"label": "mood"})


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="column 'text' stands twice"):
        read_source(tmp_path, {"a.csv": "text,text\none,two\n"})


def test_one_label_in_several_spellings(tmp_path: Path) -> None:
    found = labels(tmp_path, [1, 1.0, "1", "1.0", True, "true", " 1\u3000", "\ufeff1", 0, False, None, ""])
    assert found == ["1"] * 8 + ["0", "0", None, None]
    (said,) = notes(tmp_path)
    assert said.startswith("7 labels are spelt in one way: '1.0' is '1' (2), 'true' is '1' (2)")


def test_white_space_makes_no_label(tmp_path: Path) -> None:
    assert labels(tmp_path, ["正面", "正面 ", " 正面", "very  good", "very good"]) == [
        *["正面"] * 3, "very good", "very good",
    ]  # fmt: skip


def test_true_and_false_alone_stay(tmp_path: Path) -> None:
    assert labels(tmp_path / "json", [True, False]) == ["true", "false"]
    assert labels(tmp_path / "text", ["True", "False"]) == ["True", "False"]
    assert labels(tmp_path / "both", [True, "True", "FALSE"]) == ["true", "true", "false"]
    assert labels(tmp_path / "more", [1, True, 2]) == ["1", "true", "2"]


def test_labels_that_look_alike_are_spoken_of(tmp_path: Path) -> None:
    assert labels(tmp_path, ["Good", "good", "Ａ", "A", "bad"]) == ["Good", "good", "Ａ", "A", "bad"]
    assert notes(tmp_path) == [
        "labels 'A' and 'Ａ' differ in case or width alone, and stay different",
        "labels 'Good' and 'good' differ in case or width alone, and stay different",
    ]


def test_many_labels_are_said_in_a_short_line(tmp_path: Path) -> None:
    labels(tmp_path, [f"{'x' * 500} {n} " for n in range(3000)])
    (said,) = notes(tmp_path)
    assert len(said) < 1000


def test_long_numbers_keep_their_digits(tmp_path: Path) -> None:
    numbers = [2**53 + 1, 2**63, 2**64, 2**64 + 1, 10**30 + 7, 10**30 + 8]
    lines = [f'{{"key": {n}, "text": "text", "label": {n}}}' for n in numbers]
    columns = {"id": "key", "label": "label"}
    documents, rejects = read_source(tmp_path, {"a.jsonl": "\n".join(lines)}, columns=columns)
    assert documents["id"].to_list() == [f"mine:{n}" for n in numbers] and rejects.is_empty()
    assert documents["label"].to_list() == [str(n) for n in numbers]


def test_numbers_whose_digits_are_lost_are_rejects(tmp_path: Path) -> None:
    lines = [
        '{"key": 1e30, "text": "a"}',
        f'{{"key": {"9" * 300}.5, "text": "a"}}',
        '{"key": 7.0, "text": "a"}',
    ]
    documents, rejects = read_source(tmp_path / "j", {"a.jsonl": "\n".join(lines)}, columns={"id": "key"})
    assert documents["id"].to_list() == ["mine:7"]
    assert rejects["reason"].to_list() == [
        "id is a number whose last digits are lost, 1e+30; store it as text",
        "id is a number whose last digits are lost, 1e+300; store it as text",
    ]
    numbers = pl.Series([Decimal(2**64 + 1), Decimal(2), None], dtype=pl.Decimal(30, 0))
    pl.DataFrame({"text": ["a", "b", "c"], "key": numbers}).write_parquet(tmp_path / "made")
    table = {"a.parquet": (tmp_path / "made").read_bytes()}
    documents, rejects = read_source(tmp_path / "p", table, columns={"id": "key"})
    assert documents["id"].to_list() == [f"mine:{2**64 + 1}", "mine:2"]
    assert rejects["reason"].to_list() == ["no id"]


def test_no_number_is_no_label(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["a", "b"], "label": [1.0, float("nan")]}).write_parquet(tmp_path / "made")
    table = {"a.parquet": (tmp_path / "made").read_bytes()}
    documents, _ = read_source(tmp_path, table, columns={"label": "label"})
    assert documents["label"].to_list() == ["1", None]


@pytest.mark.parametrize(
    ("spelt", "code"),
    [
        ("en", "en"), ("EN", "en"), ("en-US", "en"), ("en_GB.UTF-8", "en"), ("eng", "en"), ("English", "en"),
        ("zh-CN", "zh"), ("zh_Hant_TW", "zh"), ("chi", "zh"), ("zho", "zh"), ("cmn", "zh"), (" 中文 ", "zh"),
        ("Chinese (Simplified)", "zh"), ("ger", "de"), ("Norwegian Bokmål", "nb"), ("yue-HK", "yue"),
        ("und", None), ("", None),
    ],
)  # fmt: skip
def test_languages_have_one_code(spelt: str, code: str | None) -> None:
    assert language_code(spelt) == code


@pytest.mark.parametrize("spelt", ["Klingon", "e", "english text", "xx", "12", "en/US", "x" * 10_000])
def test_unknown_languages_are_refused(spelt: str) -> None:
    with pytest.raises(ValueError, match="is no language that is known; use a code of ISO 639") as stopped:
        language_code(spelt)
    assert len(str(stopped.value)) < 200


def test_languages_of_settings_and_columns(tmp_path: Path) -> None:
    rows = [{"text": "a", "lang": "zh-CN"}, {"text": "b", "lang": None}, {"text": "c", "lang": "Martian"}]
    documents, rejects = read_source(
        tmp_path,
        {"a.jsonl": "\n".join(map(json.dumps, rows))},
        language="en-US",
        columns={"language": "lang"},
    )
    assert documents["language"].to_list() == ["zh", "en"]
    assert rejects["reason"].to_list()[0].startswith("'Martian' is no language that is known")
    with pytest.raises(ValidationError, match="no language that is known"):
        FilesSource(kind="files", paths=["a"], language="Martian")


def test_languages_that_stay_are_codes() -> None:
    base: dict[str, Any] = {"thresholds": {"default": {}}, "near_duplicates": None, "contamination": None}
    base |= {"substrings": None, "split": {"validation": 0.1, "test": 0.1}}
    settings = CleanSettings.model_validate(base | {"languages": ["zh-CN", "English", "und"]})
    assert settings.languages == ["zh", "en", "und"]
    with pytest.raises(ValidationError, match="no language that is known"):
        CleanSettings.model_validate(base | {"languages": ["Martian"]})


def test_groups_and_folds(tmp_path: Path) -> None:
    """An empty field is none; a fold is one of three words."""
    lines = "text,author,part\none,7,train\ntwo, 7 ,test\nthree,,\nfour,8,dev\nfive,8.0,validation\n"
    columns = {"group": "author", "fold": "part"}
    documents, rejects = read_source(tmp_path, {"a.csv": lines}, columns=columns)
    assert documents.select("text", "group", "fold").rows() == [
        ("one", "7", "train"),
        ("two", "7", "test"),
        ("three", None, None),
        ("five", "8.0", "validation"),
    ]
    assert rejects.select("line", "reason").rows() == [(5, "fold is 'dev', none of train, validation, test")]
    with pytest.raises(
        UserError, match=r"1 of 5 lines are bad .* fold is 'dev', none of train, validation, test"
    ):
        read_source(tmp_path, {"a.csv": lines}, columns=columns, max_bad_share=0.01)
