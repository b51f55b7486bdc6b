"""Message catalogues of Jupyter."""

import orjson

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_whole
from tokenmill.data.ingest.records import Reject, Rows, make_pair, show_value

CONTEXT_END = "\u0004"
"""Between a message's context and the message, as in gettext's compiled files."""


def read_catalog(file: SourceFile) -> Rows:
    """A JSON catalogue of Jupyter: message -> translations, singular form first. Numbered by entry.

    The header (key ``""``) and messages without a translation are no documents.

    Raises:
        UserError: the file is no JSON object, or as :func:`read_whole`.
    """
    try:
        catalog = orjson.loads(read_whole(file))
        if not isinstance(catalog, dict):
            raise ValueError("not a JSON object")
    except ValueError as error:
        raise UserError(f"{file.name}: no message catalogue: {error}") from None
    for number, (key, translations) in enumerate(catalog.items(), start=1):
        if key == "":
            continue
        if not isinstance(translations, list) or not all(isinstance(t, str) for t in translations):
            yield Reject(number, "translations are no list of texts", show_value({key: translations}))
        elif text := next(filter(str.strip, translations), None):
            yield make_pair(number, key.rpartition(CONTEXT_END)[2], text)
