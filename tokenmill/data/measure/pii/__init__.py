"""Personal data in texts: found, counted, and replaced by placeholders that say what stood there.

A candidate is found by polars in all texts at once; only those with one are looked at closer, in Python.
What is missed is worse for a person, and what is replaced by mistake worse for a model: numbers need a valid
checksum, a known prefix or a telling neighbour, so that dates, prices, ISBNs and versions stay.
"""

import polars as pl

from tokenmill.data.measure.pii.bank_card import BANK_CARD
from tokenmill.data.measure.pii.email import EMAIL
from tokenmill.data.measure.pii.id_card import ID_CARD
from tokenmill.data.measure.pii.ip import IP
from tokenmill.data.measure.pii.kind import Kind, narrow
from tokenmill.data.measure.pii.phone import PHONE
from tokenmill.data.measure.pii.url_credentials import URL_CREDENTIALS

KINDS = (URL_CREDENTIALS, EMAIL, IP, ID_CARD, BANK_CARD, PHONE)
"""In the order in which they are replaced: a password may look like an address."""
COUNTS = tuple(f"pii_{kind.name}" for kind in KINDS)


def replace_pii(frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with placeholders in ``text`` and ``target``, and a UInt32 column for each of ``COUNTS``.

    The same text always becomes the same, and nothing is found in a text whose personal data was replaced.
    """
    texts, in_texts = _replaced(frame["text"])
    targets, in_targets = _replaced(frame["target"])
    pairs = zip(COUNTS, in_texts, in_targets, strict=True)
    return frame.with_columns(texts, targets, *((a + b).alias(name) for name, a, b in pairs))


def _replaced(texts: pl.Series) -> tuple[pl.Series, list[pl.Series]]:
    """Texts after replacing, and for each kind how many there were in each of them."""
    texts, counts = texts.cast(pl.String), []
    for kind in KINDS:
        count = pl.zeros(len(texts), pl.UInt32, eager=True)
        candidates = texts.str.contains(kind.candidate).fill_null(False).arg_true()
        results = pl.DataFrame(
            [(place, *_replace(texts[place], kind)) for place in candidates],
            {"place": pl.UInt32, "text": pl.String, "count": pl.UInt32},
            orient="row",
        ).filter(pl.col("count") > 0)
        if len(results):
            texts = texts.scatter(results["place"], results["text"])
            count = count.scatter(results["place"], results["count"])
        counts.append(count)
    return texts, counts


def _replace(text: str, kind: Kind) -> tuple[str, int]:
    """The text with every valid match of a kind replaced, and how many there were.

    What stood beside a match may be one itself once that is gone (``a@b.com.c@d.com``), hence the loop.
    """
    count = 0
    while True:
        plain = narrow(text) if kind.wide else text
        spans = [match.span() for match in kind.pattern.finditer(plain) if kind.valid(match)]
        if not spans:
            return text, count
        begins = [0, *(end for _, end in spans)]
        ends = [*(start for start, _ in spans), len(text)]
        text = kind.placeholder.join(text[start:end] for start, end in zip(begins, ends, strict=True))
        count += len(spans)
