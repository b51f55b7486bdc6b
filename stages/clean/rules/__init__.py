"""The rules, in the order in which reports count a document that fails several.

A document rule looks at one document: from settings it makes a polars expression over the columns text
and target (normalised) that is null where the document passes, else the value that failed, as text.

A corpus rule looks at all documents that passed the rules before it: from a frame of keys (columns id,
source, label, text_hash, target_hash; no texts, so that it fits into memory) it makes a frame ``id, value``
of those that fail.

A new rule is a module here and a line below.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from stages.clean.rules.conflicting_labels import conflicting_labels
from stages.clean.rules.empty import empty
from stages.clean.rules.exact_duplicate import exact_duplicate
from stages.clean.rules.length import too_long, too_short
from stages.params import CleanSettings

if TYPE_CHECKING:
    import polars as pl

DOCUMENT_RULES: "dict[str, Callable[[CleanSettings], pl.Expr]]" = {
    "empty": empty,
    "too_short": too_short,
    "too_long": too_long,
}

CORPUS_RULES: "dict[str, Callable[[pl.DataFrame], pl.DataFrame]]" = {
    "conflicting_labels": conflicting_labels,
    "exact_duplicate": exact_duplicate,
}

RULES = (*DOCUMENT_RULES, *CORPUS_RULES)
