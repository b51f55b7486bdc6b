"""One text in the form in which training texts are (:mod:`tokenmill.data.measure.normalize` has many)."""

import re
import unicodedata

from tokenmill.core.normalization import Normalization
from tokenmill.data.normalization.edited import Edited
from tokenmill.data.normalization.markup import MARKUP, reference_edits, script_edits, tag_edits
from tokenmill.data.normalization.mojibake import MOJIBAKE, repair_mojibake
from tokenmill.data.normalization.pii.replace import pii_edits
from tokenmill.data.normalization.pii.table import KINDS
from tokenmill.data.normalization.simplify import HAN, converter
from tokenmill.data.normalization.steps import (
    AROUND,
    AROUND_KEPT,
    INVISIBLE_STEPS,
    KEPT_WHITE_SPACE_STEPS,
    PASSES,
    WHITE_SPACE_STEPS,
    WIDE,
)

BEFORE = tuple((re.compile(found), new) for found, new in INVISIBLE_STEPS)
AFTER = tuple((re.compile(found), new) for found, new in WHITE_SPACE_STEPS)
AFTER_KEPT = tuple((re.compile(found), new) for found, new in KEPT_WHITE_SPACE_STEPS)
WIDE_RUN = re.compile(f"[{''.join(WIDE)}]+")
NARROW = str.maketrans(WIDE)
COMPOSED = re.compile(r"[\x00-\x7F]?[^\x00-\x7F]+")
"""Stretches that are composed each by itself: no character of ASCII joins one before it."""
LINE = re.compile(r"[^\n]+")
ALL = re.compile(r".+", re.DOTALL)
WRONG, TAGGED, CHINESE = re.compile(MOJIBAKE), re.compile(MARKUP), re.compile(HAN)


def normalize_text(text: str, steps: Normalization) -> Edited:
    """A text repaired and in one form, with the places of its parts in the text as it was given.

    Raises:
        UserError: a package that a step needs is not installed.
    """
    edited = Edited(text)
    _repair(edited)
    _tidy(edited, steps)
    for _ in range(PASSES):
        before = edited.text
        _repair(edited)
        if steps.remove_html and TAGGED.search(edited.text):
            edited.edit(script_edits(edited.text))
            edited.edit(tag_edits(edited.text))
            edited.edit(reference_edits(edited.text))
        if steps.simplify_chinese and CHINESE.search(edited.text):
            edited.convert(LINE, converter())
        if edited.text == before:
            break
        _tidy(edited, steps)
    if steps.replace_pii:
        for kind in KINDS:
            while edits := pii_edits(edited.text, kind):
                edited.edit(edits)
    return edited


def _repair(edited: Edited) -> None:
    if WRONG.search(edited.text):
        edited.convert(ALL, repair_mojibake)


def _tidy(edited: Edited, steps: Normalization) -> None:
    for found, new in BEFORE:
        edited.replace(found, new)
    edited.convert(WIDE_RUN, lambda wide: wide.translate(NARROW))
    for found, new in AFTER_KEPT if steps.keep_white_space else AFTER:
        edited.replace(found, new)
    edited.strip(AROUND_KEPT if steps.keep_white_space else AROUND)
    if not unicodedata.is_normalized("NFC", edited.text):
        edited.convert(COMPOSED, lambda text: unicodedata.normalize("NFC", text))
