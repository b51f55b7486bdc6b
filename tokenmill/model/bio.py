"""Entities as labels of characters: B- where one begins, I- where it goes on, O elsewhere."""

from collections.abc import Iterable, Mapping, Sequence

from tokenmill.data.documents.spans import Span


def write_bio(spans: Iterable[Span], length: int, numbers: Mapping[str, int]) -> list[int]:
    """The numbers of the labels of so many characters; ``numbers`` are by label, such as B-PER."""
    labels = [numbers["O"]] * length
    for begin, end, label in spans:
        labels[begin:end] = [numbers[f"B-{label}"], *[numbers[f"I-{label}"]] * (end - begin - 1)]
    return labels


def read_bio(numbers: Sequence[int], labels: Sequence[str]) -> list[Span]:
    """The inverse of :func:`write_bio`. An I- that continues nothing (BIO has none) begins one."""
    spans: list[Span] = []
    for place, number in enumerate(numbers):
        part, _, label = labels[number].partition("-")
        if part == "I" and spans and spans[-1].end == place and spans[-1].label == label:
            spans[-1] = spans[-1]._replace(end=place + 1)
        elif part in ("B", "I"):
            spans.append(Span(place, place + 1, label))
    return spans
