"""Which function makes documents of rows that are objects."""

from collections.abc import Mapping

from tokenmill.data.ingest import entities, messages, questions
from tokenmill.data.ingest.entities import read_entities
from tokenmill.data.ingest.messages import message_rows, preference_rows
from tokenmill.data.ingest.objects import Opener
from tokenmill.data.ingest.questions import squad_rows
from tokenmill.data.ingest.records import Rows
from tokenmill.data.ingest.settings import ObjectFormat

FIELDS: dict[ObjectFormat, tuple[str, ...]] = {
    "entities": entities.FIELDS,
    "squad": questions.FIELDS,
    "messages": messages.FIELDS,
    "preferences": messages.PREFERENCE_FIELDS,
}


def fields_of(format_: ObjectFormat, columns: Mapping[str, str]) -> list[str]:
    """The columns that are read of a table: those of the format, and those that settings name."""
    return [*FIELDS[format_], *(theirs for ours, theirs in columns.items() if ours != theirs)]


def object_rows(
    where: str, format_: ObjectFormat, open_: Opener, columns: Mapping[str, str], max_bytes: int
) -> Rows:
    """The documents of objects in a file or a dataset, by which messages begin.

    Raises:
        UserError: as :func:`read_entities`.
    """
    match format_:
        case "entities":
            return read_entities(where, open_, columns, max_bytes)
        case "squad":
            return squad_rows(open_(), max_bytes)
        case "messages":
            return message_rows(open_(), columns, max_bytes)
        case "preferences":
            return preference_rows(open_(), columns, max_bytes)
