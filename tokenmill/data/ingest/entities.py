"""Texts with labelled spans, in the forms that annotation tools and libraries write."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span, check_spans
from tokenmill.data.ingest.objects import Item, Items, Opener, other_fields, parse_items
from tokenmill.data.ingest.records import Note, Record, Rows, kind_of, make_spanned
from tokenmill.data.ingest.tags import Scheme, Tally, join_tokens, tagged_spans

SPAN_KEYS = ("entities", "ents", "spans", "labels", "label")
TAG_KEYS = ("ner_tags", "tags", "labels")
FIELDS = ("text", "tokens", *SPAN_KEYS, *TAG_KEYS, "data", "annotations")
BEGINS, ENDS, LABELS = ("start", "start_offset", "begin"), ("end", "end_offset"), ("label", "labels")
LOOKED_AT = 100
"""Rows at the beginning from which the form is told."""
NOT_THE_FORM = "not in the form of the rows before"


@dataclass(frozen=True)
class Form:
    """How the rows of a file hold a text and its spans."""

    said: str
    """For the note."""
    take: Callable[[Any], tuple[Any, Any]]
    """Text and spans of a row, as written."""


def read_entities(where: str, open_: Opener, columns: Mapping[str, str], max_bytes: int) -> Rows:
    """Texts with their spans. Their form is that of the first row that has one.

    Spans may not overlap; the same one twice is one.

    Raises:
        UserError: the offsets of most texts with spans beyond ASCII count bytes, or tags have no labels.
    """
    items = open_()
    looked_at = list(islice(items, LOOKED_AT))
    forms = (_form(item.value, columns) for item in looked_at if isinstance(item, Item))
    form = next((form for form in forms if form is not None), None)
    items = chain(looked_at, items)
    if isinstance(form, str):
        scheme = yield from _told_scheme(where, items, form)
        parse = partial(_tokens_row, key=form, scheme=scheme, columns=columns, max_bytes=max_bytes)
        yield from parse_items(open_(), parse)
        return
    if form is None:
        form = Form("", _no_form)
    else:
        yield Note(f"read as {form.said}")
    reader = _Reader(form, columns, max_bytes)
    yield from parse_items(items, reader.rows)
    if 2 * reader.in_bytes > reader.beyond_ascii:
        raise UserError(
            f"{where}: offsets count bytes, not characters, in {reader.in_bytes:,} of "
            f"{reader.beyond_ascii:,} texts beyond ASCII that have spans; write characters, which in Python "
            "are len(text.encode()[:offset].decode())"
        )


@dataclass
class _Reader:
    form: Form
    columns: Mapping[str, str]
    max_bytes: int
    beyond_ascii: int = 0
    """Texts with spans where characters and bytes differ ..."""
    in_bytes: int = 0
    """... and those whose spans are beyond the characters, but not beyond the bytes."""

    def rows(self, item: Item) -> Iterator[Record]:
        """The document of a row.

        Raises:
            ValueError: there is something wrong with it.
        """
        try:
            text, found = self.form.take(item.value)
            if not isinstance(text, str):
                raise ValueError(f"text is {kind_of(text)}, not text")
            spans = sorted({_span(written, text) for written in found})
        except (LookupError, TypeError, AttributeError):
            raise ValueError(NOT_THE_FORM) from None
        self._check(spans, text)
        yield make_spanned(item.number, text, spans, self.max_bytes, other_fields(item.value, self.columns))

    def _check(self, spans: Sequence[Span], text: str) -> None:
        beyond_ascii = bool(spans) and not text.isascii()
        self.beyond_ascii += beyond_ascii
        try:
            check_spans(spans, text)
        except ValueError as error:
            size = len(text.encode("utf-8", "replace"))
            if beyond_ascii and len(text) < max(span.end for span in spans) <= size:
                self.in_bytes += 1
                raise ValueError(f"{error}, and {size} bytes: offsets count characters") from None
            raise
        for one, other in pairwise(spans):
            if other.begin < one.end:
                shown = " and ".join(f"{begin} to {end} ({label[:40]})" for begin, end, label in (one, other))
                raise ValueError(f"spans {shown} overlap")


def _form(row: Any, columns: Mapping[str, str]) -> Form | str | None:
    """The form of a row, the key of its tags where it has tokens; None for one without either."""
    if isinstance(row, list) and len(row) == 2 and isinstance(row[1], dict) and "entities" in row[1]:
        return Form("spaCy's pairs of a text and its entities", lambda row: (row[0], row[1]["entities"]))
    if not isinstance(row, dict):
        return None
    text, named = columns["text"], columns.get("spans")
    if isinstance(row.get("tokens"), list):
        keys = (key for key in ([named] if named else TAG_KEYS) if isinstance(row.get(key), list))
        return next(keys, None)
    if isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list):
        return Form(f"Label Studio's JSON, of data.{text}", lambda row: (row["data"][text], _annotated(row)))
    found = next((k for k in ([named] if named else SPAN_KEYS) if isinstance(row.get(k), list)), None)
    if found is None:
        return None
    key = found
    kinds = {type(span) for span in row[key]}
    what = ", [begin, end, label]" if kinds == {list} else ", objects" if kinds == {dict} else ""
    said = f"texts in {text!r} with spans in {key!r}{what}"
    return Form(said, lambda row: (_field(row, text), _field(row, key)))


def _no_form(row: Any) -> tuple[Any, Any]:
    raise ValueError("no spans as doccano, Label Studio or spaCy write them, nor tokens with tags")


def _field(row: Any, key: str) -> Any:
    if not isinstance(row, Mapping):
        raise ValueError(NOT_THE_FORM)
    if key not in row:
        raise ValueError(f"no field {key!r}")
    return row[key]


def _annotated(row: Any) -> list[Any]:
    """The labels of the first annotation that was not cancelled."""
    for annotation in row["annotations"]:
        if not annotation.get("was_cancelled"):
            return [found["value"] for found in annotation["result"] if found.get("type") == "labels"]
    raise ValueError("no annotation")


def _span(written: Any, text: str) -> Span:
    """A span from a list that begins with begin, end, label, or from an object."""
    surface = None
    if isinstance(written, Mapping):
        begin, end = _first(written, BEGINS), _first(written, ENDS)
        label, surface = _first(written, LABELS), written.get("text")
    else:
        begin, end, label = written[:3] if len(written) > 2 else (*written, None, None)[:3]
    if isinstance(label, list):
        if len(label) != 1:
            raise ValueError(f"a span has {len(label)} labels; give it one")
        (label,) = label
    for offset in (begin, end):
        if not isinstance(offset, int) or isinstance(offset, bool):
            raise ValueError(f"offset {str(offset)[:40]!r} is no whole number")
    if not isinstance(label, str | int):
        raise ValueError(f"span {begin} to {end} has no label")
    if isinstance(surface, str) and 0 <= begin < end <= len(text) and text[begin:end] != surface:
        raise ValueError(
            f"span {begin} to {end} ({str(label)[:40]}) should be {surface[:40]!r}, but there stands "
            f"{text[begin:end][:40]!r}"
        )
    return Span(begin, end, str(label))


def _first(written: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((written[key] for key in keys if key in written), None)


def _told_scheme(where: str, items: Items, key: str) -> Generator[Note, None, Scheme]:
    """The scheme of tags by all rows, as the token classification of Hugging Face has them; and a note."""
    tally = Tally()
    for item in items:
        if isinstance(item, Item) and isinstance(item.value, dict):
            tags = item.value.get(key)
            tally.add([tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [])
    scheme = tally.scheme(where)
    yield Note(f"read as tokens with tags in {key!r}, {tally.said(scheme)}")
    return scheme


def _tokens_row(
    item: Item, key: str, scheme: Scheme, columns: Mapping[str, str], max_bytes: int
) -> Iterator[Record]:
    row = item.value if isinstance(item.value, dict) else {}
    tokens, tags = row.get("tokens"), row.get(key)
    if not isinstance(tokens, list) or not isinstance(tags, list):
        raise ValueError(NOT_THE_FORM)
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens, but {len(tags)} tags")
    for name, values in (("token", tokens), ("tag", tags)):
        for value in values:
            if not isinstance(value, str) or not value:
                raise ValueError(f"a {name} is {'empty' if value == '' else kind_of(value)}, not text")
    text, places = join_tokens(tokens)
    spans = [
        Span(places[first][0], places[end - 1][1], label) for first, end, label in tagged_spans(tags, scheme)
    ]
    yield make_spanned(item.number, text, spans, max_bytes, other_fields(row, columns))
