"""Placeholders in the place of personal data of one kind."""

from tokenmill.data.normalization.edited import Edit, apply
from tokenmill.data.normalization.pii.kind import Kind, narrow


def pii_edits(text: str, kind: Kind) -> list[Edit]:
    """Every valid match of a kind, and its placeholder.

    What stood beside one may be one itself once that is gone (``a@b.com.c@d.com``): ask again then.
    """
    plain = narrow(text) if kind.wide else text
    return [(*match.span(), kind.placeholder) for match in kind.pattern.finditer(plain) if kind.valid(match)]


def replace_kind(text: str, kind: Kind) -> tuple[str, int]:
    """The text with placeholders for all of a kind, and how many."""
    count = 0
    while edits := pii_edits(text, kind):
        count += len(edits)
        text = apply(edits, text)
    return text, count
