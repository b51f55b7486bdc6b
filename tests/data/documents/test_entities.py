"""Entities from tagged text and from spans."""

import polars as pl
import pytest

from tokenmill.data.documents.entities import entity_documents, tagged_entities
from tokenmill.data.documents.spans import Span, write_spans

LABELS = {"nr": "PER", "ns": "LOC", "nt": "ORG"}


def _words(target: str) -> list[tuple[str, str]]:
    text = "".join(token.strip("[").split("/")[0] for token in target.split())
    return [(text[begin:end], label) for begin, end, label in tagged_entities(target, LABELS)]


@pytest.mark.parametrize(
    ("target", "entities"),
    {
        "a surname and a given name are one": ("江/nr 泽民/nr 说/v", [("江泽民", "PER")]),
        "a compound surname": ("欧阳/nr 修/nr", [("欧阳修", "PER")]),
        "two whole names stay apart": ("克林顿/nr 叶利钦/nr", [("克林顿", "PER"), ("叶利钦", "PER")]),
        "a third name is another": ("李/nr 鹏/nr 朱/nr 镕基/nr", [("李鹏", "PER"), ("朱镕基", "PER")]),
        "a name apart is none": ("李/nr 、/w 鹏/nr", [("李", "PER"), ("鹏", "PER")]),
        "places stay apart": ("北京/ns 海淀区/ns", [("北京", "LOC"), ("海淀区", "LOC")]),
        "a group is one entity": (
            "[中央/n 电视台/n]nt 和/c 北京/ns",
            [("中央电视台", "ORG"), ("北京", "LOC")],
        ),
        "what stands in a group is none": ("[北京/ns 大学/n]nt", [("北京大学", "ORG")]),
        "a group of no entity keeps its parts": ("[北京/ns 大学/n]l", [("北京", "LOC")]),
        "groups in groups": ("[[北京/ns 大学/n]nt 医院/n]nt", [("北京大学医院", "ORG")]),
        "other tags": ("我/r 看/v", []),
    }.values(),
)
def test_entities_of_tagged_text(target: str, entities: list[tuple[str, str]]) -> None:
    assert _words(target) == entities


def _frame(**columns: list[str | None]) -> pl.DataFrame:
    rows = len(next(iter(columns.values())))
    default = {"id": [f"a:{n}" for n in range(rows)], "target": [None] * rows, "spans": [None] * rows}
    return pl.DataFrame({**default, **columns}, dict.fromkeys([*default, *columns], pl.String))


def test_documents_have_spans_or_tagged_text_and_their_group() -> None:
    frame = _frame(
        text=["我在北京", "没有", "我看"],
        target=["我/r 在/p 北京/ns", "别的/n", None],
        spans=[None, "[]", write_spans([Span(1, 2, "X"), Span(0, 1, "Y")])],
        group=["g", None, None],
    )
    (tagged,) = entity_documents(frame, LABELS)
    assert tagged == ("a:0", "我在北京", "g", (Span(2, 4, "LOC"),))
    none, spans = entity_documents(frame, None)
    assert none == ("a:1", "没有", "a:1", ())
    assert spans.entities == (Span(0, 1, "Y"), Span(1, 2, "X"))
    assert entity_documents(frame.drop("spans", "group"), None) == []


def test_overlapping_entities_are_refused_by_name() -> None:
    frame = _frame(text=["我在北京"], spans=[write_spans([Span(0, 3, "X"), Span(2, 4, "Y")])])
    with pytest.raises(ValueError, match="a:0: X at 0 to 3 overlaps Y at 2 to 4"):
        entity_documents(frame, None)
