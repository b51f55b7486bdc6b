"""Spans follow their text when it is normalised and personal data in it is replaced."""

import polars as pl

from tokenmill.core.normalization import Normalization
from tokenmill.data.documents.spans import Span, read_spans, write_spans
from tokenmill.data.normalization.edited import Edited
from tokenmill.data.normalization.steps import AROUND
from tokenmill.data.normalization.text import normalize_text


def spans_of(raw: pl.DataFrame, texts: pl.Series, steps: Normalization) -> pl.Series:
    """The spans of documents (columns text, spans) whose texts became ``texts`` by ``steps``.

    Only documents with spans are looked at, one by one.
    """
    spans = raw["spans"]
    rows = spans.is_not_null().arg_true()
    if not len(rows):
        return spans
    some = pl.DataFrame([raw["text"].gather(rows), spans.gather(rows), texts.gather(rows).alias("after")])
    new = [
        write_spans(
            moved(read_spans(written), Edited(text) if text == after else normalize_text(text, steps))
        )
        for text, written, after in some.iter_rows()
    ]
    return spans.clone().scatter(rows, pl.Series(new, dtype=pl.String))


def moved(spans: list[Span], edited: Edited) -> list[Span]:
    """Where spans of the original stand in a text that was changed.

    One that is partly in a stretch that was replaced as a whole, such as a phone number, is widened to all
    that stands there instead. White space at its ends goes, and a span of which nothing is left.
    """
    found = []
    for begin, end, label in spans:
        begin, end = edited.place(begin, end)
        part = edited.text[begin:end]
        begin += len(part) - len(part.lstrip(AROUND))
        end -= len(part) - len(part.rstrip(AROUND))
        if begin < end:
            found.append(Span(begin, end, label))
    return list(dict.fromkeys(found))
