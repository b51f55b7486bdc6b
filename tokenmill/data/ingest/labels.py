"""One spelling for each label: white space, or ``1.0`` and ``true`` beside ``1``, make no other class."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache

INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
WHOLE = re.compile(r"(-?[0-9]+)\.0+")
TRUTH = {"true": "1", "false": "0"}
MOST = 1000
"""Labels, and changed spellings, that are kept in mind at most: a column with more is no label."""
SHOWN = 5
LONGEST = 1000
"""Characters of a label that is kept in mind."""


@lru_cache(1 << 12)
def spelling(label: str) -> str | None:
    """A label in Unicode NFC, with single spaces and none around it, whole numbers without a point.

    None for one that is empty then.
    """
    text = unicodedata.normalize("NFC", " ".join(INVISIBLE.sub("", label).split()))
    whole = WHOLE.fullmatch(text)
    return (whole[1] if whole else text) or None


class Labels:
    """The labels of a source, each in one spelling, and what was changed for that."""

    def __init__(self) -> None:
        self._written: Counter[str] = Counter()

    def add(self, label: str | None) -> str | None:
        """The spelling of a document's label."""
        if label is None:
            return None
        if len(label) > LONGEST:
            return spelling.__wrapped__(label)
        if label in self._written or len(self._written) < MOST:
            self._written[label] += 1
        return spelling(label)

    @property
    def _found(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for label, count in self._written.items():
            if spelt := spelling(label):
                found[spelt] += count
        return found

    def folded(self) -> Mapping[str, str]:
        """What is to be changed once all are known: true and false, where they stand for the same as others.

        They are 1 and 0 where those are labels too, and in small letters where they are spelt in two ways.
        """
        low = {label: label.lower() for label in self._found}
        if not set(low.values()) <= {"0", "1", *TRUTH}:
            return {}
        if not TRUTH.keys().isdisjoint(low.values()) and not {"0", "1"}.isdisjoint(low):
            return {label: TRUTH[name] for label, name in low.items() if name in TRUTH}
        spelt_alike = len(set(low.values())) == len(low)
        return {} if spelt_alike else {label: name for label, name in low.items() if label != name}

    def notes(self) -> Iterator[str]:
        """What was changed, and what looks as if it were one label and stays two."""
        folded, found = self.folded(), self._found
        spelt = ((label, spelling(label), count) for label, count in self._written.items())
        changes = [((old, new), count) for old, new, count in spelt if new and new != old]
        changes += [((old, new), found[old]) for old, new in folded.items()]
        if changes:
            total = sum(count for _, count in changes)
            most = sorted(changes, key=lambda change: (-change[1], change[0]))[:SHOWN]
            shown = (f"{old[:40]!r} is {new[:40]!r} ({count:,})" for (old, new), count in most)
            more = ", ..." if len(changes) > SHOWN else ""
            yield f"{total:,} labels are spelt in one way: {', '.join(shown)}{more}"
        alike: dict[str, list[str]] = {}
        for label in sorted({folded.get(label, label) for label in found}):
            alike.setdefault(unicodedata.normalize("NFKC", label).casefold(), []).append(label)
        for labels in [labels for labels in alike.values() if len(labels) > 1][:SHOWN]:
            names = " and ".join(repr(label[:40]) for label in labels[:SHOWN])
            yield f"labels {names} differ in case or width alone, and stay different"
