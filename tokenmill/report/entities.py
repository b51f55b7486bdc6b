"""Named entities on the report's page: sentences in colours, figures by label, the most frequent errors."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from tokenmill.data.documents.spans import Span, read_spans
from tokenmill.report.evaluation import Evaluation

SENTENCES = 12
"""Test sentences that are shown."""

LONGEST = 160
"""Characters of a sentence that is shown at most."""

ERRORS = 20


class Part(NamedTuple):
    """A stretch of a text that is shown in one colour."""

    text: str
    what: str
    """right, partly (other boundaries or label), missed, invented, or empty where no entity is."""
    label: str


def entity_section(evaluation: Evaluation) -> dict[str, Any] | None:
    """What the page shows of a finder of entities; None of another kind of model."""
    table = evaluation.predictions()
    if evaluation.kind != "character-classifier" or table is None:
        return None
    rows = [
        (row["text"], set(read_spans(row["spans"])), set(read_spans(row["predicted"])))
        for row in table.iter_rows(named=True)
    ]
    return {
        "name": evaluation.name,
        "figures": evaluation.figures,
        "sentences": [coloured(text, true, said) for text, true, said in _shown(rows)],
        "wrong": _in_words(evaluation.figures["errors"]),
        "errors": _frequent(rows),
    }


def coloured(text: str, true: set[Span], said: set[Span]) -> list[Part]:
    """A text in parts: what was found and is right, what was found where none is, what was missed."""
    marks: list[tuple[str, str]] = [("", "")] * len(text)
    for span in sorted(true - said):
        marks[span.begin : span.end] = [("missed", span.label)] * (span.end - span.begin)
    for span in sorted(said):
        what = "right" if span in true else "invented"
        for place in range(span.begin, span.end):
            over, label = marks[place]
            other = f"{span.label}, not {label}" if over and label != span.label else span.label
            marks[place] = ("partly" if over else what, other)
    begins = {span.begin for span in true | said} | {span.end for span in true | said}
    parts: list[Part] = []
    for place, (what, label) in enumerate(marks):
        if parts and place not in begins and parts[-1][1:] == (what, label):
            parts[-1] = parts[-1]._replace(text=parts[-1].text + text[place])
        else:
            parts.append(Part(text[place], what, label))
    return parts


Row = tuple[str, set[Span], set[Span]]


def _shown(rows: list[Row]) -> list[Row]:
    """Sentences with entities, half of them with an error, evenly spread over the test documents."""
    fitting = [row for row in rows if row[1] | row[2] and len(row[0]) <= LONGEST]
    chosen: list[list[Row]] = []
    for group in ([row for row in fitting if row[1] != row[2]], [row for row in fitting if row[1] == row[2]]):
        step = max(1, len(group) // (SENTENCES // 2))
        chosen.append(group[::step][: SENTENCES // 2])
    return [row for group in chosen for row in group]


def _frequent(rows: list[Row]) -> list[dict[str, Any]]:
    """The errors that occur most often: what an entity is, what was said of its place, and how often."""
    found = Counter[tuple[str, str, str, str]]()
    for text, true, said in rows:
        wrong = said - true
        for span in true - said:
            over = sorted(other for other in wrong if other.begin < span.end and span.begin < other.end)
            answer = (text[over[0].begin : over[0].end], over[0].label) if over else ("", "")
            found[text[span.begin : span.end], span.label, *answer] += 1
        for span in wrong:
            if not any(other.begin < span.end and span.begin < other.end for other in true):
                found["", "", text[span.begin : span.end], span.label] += 1
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:ERRORS]
    return [
        {"is": words, "label": label, "said": said, "said_label": said_label, "times": times}
        for (words, label, said, said_label), times in ordered
    ]


WORDS = {
    "wrong_boundary": "found with another boundary",
    "wrong_label": "found with another label",
    "wrong_both": "found with another boundary and label",
    "invented": "found where none is",
    "missed": "missed",
}


def _in_words(errors: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(words, errors[kind]) for kind, words in WORDS.items()]
