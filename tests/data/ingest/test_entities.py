"""Texts with spans, in each of the forms that people have; and what is wrong with spans."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.ingest.helpers import notes, read_source
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span, read_spans

TEXT = "江泽民在北京"
SPANS = [Span(0, 3, "PER"), Span(4, 6, "LOC")]


def named(begin: str, end: str, label: str, **more: Any) -> list[dict[str, Any]]:
    return [{begin: span.begin, end: span.end, label: span.label, **more} for span in SPANS]


def label_studio(*annotations: Any, **data: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"text": TEXT, **data}, "annotations": list(annotations)}


RESULT = [
    {"type": "labels", "value": {"start": 0, "end": 3, "text": "江泽民", "labels": ["PER"]}},
    {"type": "choices", "value": {"choices": ["news"]}},
    {"type": "labels", "value": {"start": 4, "end": 6, "text": "北京", "labels": ["LOC"]}},
]
LISTS = [list(span) for span in SPANS]
FORMS: dict[str, tuple[Any, str]] = {
    "doccano, old": (
        {"id": 1, "text": TEXT, "label": LISTS},
        "texts in 'text' with spans in 'label', [begin, end, label]",
    ),
    "doccano, older": (
        {"text": TEXT, "labels": LISTS},
        "texts in 'text' with spans in 'labels', [begin, end, label]",
    ),
    "doccano, new": (
        {"text": TEXT, "entities": named("start_offset", "end_offset", "label", id=3), "relations": []},
        "texts in 'text' with spans in 'entities', objects",
    ),
    "Label Studio": (
        label_studio({"was_cancelled": True, "result": []}, {"result": RESULT}, {"result": []}),
        "Label Studio's JSON, of data.text",
    ),
    "Label Studio, JSON-MIN": (
        {"text": TEXT, "label": [{**found["value"]} for found in RESULT if found["type"] == "labels"]},  # type: ignore[dict-item]
        "texts in 'text' with spans in 'label', objects",
    ),
    "spaCy, pairs": ([TEXT, {"entities": LISTS}], "spaCy's pairs of a text and its entities"),
    "spaCy, Doc.to_json": (
        {"text": TEXT, "ents": named("start", "end", "label")},
        "texts in 'text' with spans in 'ents', objects",
    ),
    "Prodigy": (
        {"text": TEXT, "spans": named("start", "end", "label", token_start=0), "answer": "accept"},
        "texts in 'text' with spans in 'spans', objects",
    ),
    "tokens": (
        {"tokens": ["江泽民", "在", "北京"], "ner_tags": ["B-PER", "O", "B-LOC"]},
        "tokens with tags in 'ner_tags', tags read as BIO, of LOC, PER",
    ),
}  # fmt: skip


def read(folder: Path, *rows: Any, **settings: Any) -> tuple[list[tuple[str, list[Span]]], pl.DataFrame]:
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    documents, rejects = read_source(folder, {"a.jsonl": content}, format="entities", **settings)
    return [(text, read_spans(spans)) for text, spans in documents.select("text", "spans").rows()], rejects


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path: Path, form: str) -> None:
    row, said = FORMS[form]
    found, rejects = read(tmp_path / "lines", row, row)
    assert found == [(TEXT, SPANS)] * 2 and rejects.is_empty()
    assert notes(tmp_path / "lines") == [f"a.jsonl: read as {said}"]
    array = json.dumps([row, row], indent=1)
    documents, _ = read_source(tmp_path / "array", {"a.json": array}, format="entities")
    assert documents["text"].to_list() == [TEXT] * 2
    assert [read_spans(spans) for spans in documents["spans"]] == [SPANS] * 2


def one(*span: Any, text: str = TEXT) -> dict[str, Any]:
    return {"text": text, "label": [list(span)]}


OUT_OF_RANGE = "span 4 to 9 (LOC) is out of range; the text has"
SHIFTED = [{"start": 0, "end": 2, "labels": ["PER"], "text": "江泽民"}]
BAD: list[tuple[Any, str]] = [
    (one(0, 7, "PER", text="Beijing"[:6]), "span 0 to 7 (PER) is out of range; the text has 6 characters"),
    (one(-1, 2, "PER"), "span -1 to 2 (PER) is out of range; the text has 6 characters"),
    (one(3, 0, "PER"), "span 3 to 0 (PER) is reversed; the text has 6 characters"),
    (one(2, 2, "PER"), "span 2 to 2 (PER) is empty; the text has 6 characters"),
    (one(0, 2, ""), "span 0 to 2 has no label"),
    (one(0, 2), "span 0 to 2 has no label"),
    (one(0, 2, ["PER"]), ""),
    (one(0, 2, ["PER", "LOC"]), "a span has 2 labels; give it one"),
    (one("0", 2, "PER"), "offset '0' is no whole number"),
    (one(0, 1.5, "PER"), "offset '1.5' is no whole number"),
    (one(True, 2, "PER"), "offset 'True' is no whole number"),
    (one(4, 9, "LOC"), f"{OUT_OF_RANGE} 6 characters, and 18 bytes: offsets count characters"),
    ({"text": TEXT, "label": [[0, 3, "PER"], [2, 4, "LOC"]]}, "spans 0 to 3 (PER) and 2 to 4 (LOC) overlap"),
    ({"text": TEXT, "label": [[0, 5, "ORG"], [4, 5, "LOC"]]}, "spans 0 to 5 (ORG) and 4 to 5 (LOC) overlap"),
    ({"text": TEXT, "label": [[0, 3, "PER"], [0, 3, "ORG"]]}, "spans 0 to 3 (ORG) and 0 to 3 (PER) overlap"),
    ({"text": TEXT, "label": [[0, 3, "PER"], [0, 3, "PER"]]}, ""),
    ({"text": TEXT, "label": SHIFTED}, "span 0 to 2 (PER) should be '江泽民', but there stands '江泽'"),
    ({"text": TEXT}, "no field 'label'"),
    ({"text": TEXT, "label": []}, ""),
    ({"text": 7, "label": []}, "text is a number, not text"),
    ({"label": []}, "no field 'text'"),
    ([TEXT, {"entities": []}], "not in the form of the rows before"),
    ({"text": TEXT, "label": [7]}, "not in the form of the rows before"),
    ({"text": TEXT, "label": None}, "not in the form of the rows before"),
    ("text", "not in the form of the rows before"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"), BAD, ids=[f"{n} {reason[:30]}" for n, (_, reason) in enumerate(BAD)]
)
def test_bad_spans(tmp_path: Path, row: Any, reason: str) -> None:
    good = one(0, 3, "PER")
    found, rejects = read(tmp_path, good, row, good)
    assert rejects.select("line", "reason").rows() == ([(2, reason)] if reason else [])
    assert len(found) == (2 if reason else 3)


def test_offsets_that_count_bytes_throughout(tmp_path: Path) -> None:
    rows = [one(12, 18, "LOC"), one(0, 5, "LOC", text="Paris"), one(12, 18, "LOC")]
    with pytest.raises(
        UserError, match=r"^a\.jsonl: offsets count bytes, not characters, in 2 of 2 texts bey"
    ):
        read(tmp_path, *rows)


def test_label_studio_without_an_annotation(tmp_path: Path) -> None:
    good = label_studio({"result": RESULT})
    found, rejects = read(tmp_path, good, label_studio(), label_studio({"result": RESULT}, text="江泽民"))
    assert found == [(TEXT, SPANS)]
    assert rejects["reason"].to_list() == [
        "no annotation",
        "span 4 to 6 (LOC) is out of range; the text has 3 characters, and 9 bytes: offsets count characters",
    ]


def test_other_columns(tmp_path: Path) -> None:
    row = {"body": TEXT, "ner": LISTS, "label": "news", "doc": 4}
    columns = {"text": "body", "spans": "ner", "label": "label", "group": "doc"}
    documents, _ = read_source(tmp_path, {"a.jsonl": json.dumps(row)}, format="entities", columns=columns)
    assert documents.select("text", "label", "group").rows() == [(TEXT, "news", "4")]
    assert read_spans(documents["spans"][0]) == SPANS


def test_rows_without_spans(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"1 of 1 lines are bad .* no spans as doccano, Label Studio or spaCy wri"
    ):
        read(tmp_path, {"text": "a"}, max_bad_share=0.5)


def test_tokens_with_tags(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"tokens": ["EU", "rejects"], "tags": ["I-ORG", "O"]},
        {"tokens": ["EU"], "tags": []},
        {"tokens": ["EU"], "tags": [3]},
        {"tokens": [""], "tags": ["O"]},
        {"tokens": "EU", "tags": ["O"]},
        {"tokens": ["EU"], "tags": ["ORG"]},
    ]
    found, rejects = read(tmp_path, *rows)
    assert found == [("EU rejects", [Span(0, 2, "ORG")])]
    assert rejects.select("line", "reason").rows() == [
        (2, "1 tokens, but 0 tags"),
        (3, "a tag is a number, not text"),
        (4, "a token is empty, not text"),
        (5, "not in the form of the rows before"),
        (6, "token 1: 'ORG' is no tag (IOB1)"),
    ]


def test_long_texts_and_halves_of_characters(tmp_path: Path) -> None:
    rows = '{"text": "long text", "label": []}, {"text": "t", "label": [[0, 1, "\\ud83d"]]}'
    rows += ', {"text": "t", "label": []}'
    documents, rejects = read_source(
        tmp_path, {"a.json": f"[{rows}]"}, format="entities", max_document_bytes=8
    )
    assert documents["text"].to_list() == ["t"]
    assert rejects["reason"].to_list() == ["longer than max_document_bytes", "half a surrogate pair in spans"]
