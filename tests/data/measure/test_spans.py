"""Spans follow their texts through measure."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clean.helpers import RAW
from tests.data.normalization.test_text import ALL, CHOICES, TEXTS
from tokenmill.core.normalization import Normalization
from tokenmill.data.documents.spans import Span, check_spans, read_spans, write_spans
from tokenmill.data.measure.part import measure_table
from tokenmill.data.normalization.steps import AROUND
from tokenmill.data.normalization.text import normalize_text


def measured(text: str, spans: list[Span], steps: Normalization = ALL) -> tuple[str, list[Span]]:
    """Text and spans of a document after measure."""
    row = ("s:1", "s", text, None, None, "zh", None, write_spans(spans), None)
    frame = measure_table(pl.DataFrame([row], dict.fromkeys(RAW, pl.String), orient="row"), "s", steps)
    return frame["text"][0], read_spans(frame["spans"][0])


def parts(text: str, *spans: str) -> list[tuple[str, str]]:
    """The parts that spans are after measure, and their labels; each span is a part of ``text``."""
    places = [(text.index(span), text.index(span) + len(span)) for span in spans]
    after, found = measured(text, [Span(*place, str(n)) for n, place in enumerate(places)])
    check_spans(found, after)
    return [(after[begin:end], label) for begin, end, label in found]


def test_spans_are_the_same_parts_of_the_normalised_text() -> None:
    text = "  <b>漢語</b>，\u3000\u3000Ｔｅｌ &amp; cafÃ© e\u0301"
    assert parts(text, "漢語", "Ｔｅｌ", "&amp;", "cafÃ©", "e\u0301") == [
        ("汉语", "0"),
        ("Tel", "1"),
        ("&", "2"),
        ("café", "3"),
        ("é", "4"),
    ]
    assert parts(text, "b>漢語</b", "，\u3000") == [("汉语", "0"), ("，", "1")]


def test_a_span_in_a_number_is_widened_to_its_placeholder() -> None:
    text = "请打13812345678找王某"
    assert parts(text, "打138", "678", "12345", "王某") == [
        ("打[PHONE]", "0"),
        ("[PHONE]", "1"),
        ("[PHONE]", "2"),
        ("王某", "3"),
    ]


def test_a_span_of_which_nothing_is_left_goes_and_equal_ones_are_one() -> None:
    assert measured("<b>x</b>  y", [Span(0, 3, "a"), Span(3, 4, "b"), Span(8, 10, "c")])[1] == [
        Span(0, 1, "b")
    ]
    text = "13812345678"
    assert measured(text, [Span(0, 3, "a"), Span(3, 6, "a")])[1] == [Span(0, 7, "a")]
    assert measured("<br>", [Span(0, 4, "a")]) == ("", [])


def test_a_long_text_with_a_repair_keeps_its_spans() -> None:
    text = "The reader of the paper, Zoë, saw cafÃ© and Málaga. " * 90
    begin = text.index("Zoë", 3000)
    after, (span,) = measured(text, [Span(begin, begin + 3, "PER")])
    assert "café" in after and after[span.begin : span.end] == "Zoë"


@given(*[TEXTS.map("".join)] * 3, st.sampled_from(CHOICES))
def test_any_span_is_its_part_normalised_where_nothing_crosses(
    before: str, part: str, after: str, steps: Normalization
) -> None:
    text = f"{before}|{part}|{after}"
    begin = len(before) + 1
    spans = [Span(begin, begin + len(part), "x")] if part else []
    whole, found = measured(text, spans, steps)
    check_spans(found, whole)
    alone = [normalize_text(piece, steps).text for piece in (f"{before}|", f"|{part}|", f"|{after}")]
    if whole == alone[0] + alone[1][1:-1] + alone[2]:
        expected = alone[1][1:-1].strip(AROUND)
        assert [whole[b:e] for b, e, _ in found] == ([expected] if expected else [])


@given(
    TEXTS.map("".join), st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99))), st.sampled_from(CHOICES)
)
def test_no_span_is_ever_out_of_range(text: str, places: list[tuple[int, int]], steps: Normalization) -> None:
    spans = [
        Span(begin, min(begin + length, len(text)), "x") for begin, length in places if begin < len(text)
    ]
    after, found = measured(text, spans, steps)
    check_spans(found, after)
    assert len(found) <= len(spans)


@pytest.mark.parametrize("steps", CHOICES)
def test_a_text_that_is_in_form_keeps_its_spans_as_they_are(steps: Normalization) -> None:
    spans = [Span(0, 5, "a"), Span(1, 2, "b")]
    assert measured("plain", spans, steps) == ("plain", spans)
