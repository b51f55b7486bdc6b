"""Two files whose lines are translations of each other."""

from itertools import zip_longest

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.lines import read_lines
from tokenmill.data.ingest.records import Note, Record, Reject, Rows, decode, show


def read_parallel(file: SourceFile) -> Rows:
    """Each line with that of the same number in ``file.target``, which is its target.

    Where both are empty there is no document.

    Raises:
        UserError: the files are of unequal length.
    """
    assert file.target is not None  # settings see to it
    yield Note(f"its targets are the lines of {file.target.name}")
    lines = [0, 0]
    for text, target in zip_longest(read_lines(file), read_lines(file.target)):
        lines = [lines[0] + (text is not None), lines[1] + (target is not None)]
        if text is not None and target is not None and (text[1].strip() or target[1].strip()):
            yield _pair(text[0], text[1], target[1])
    if lines[0] != lines[1]:
        raise UserError(
            f"{file.name} has {lines[0]:,} lines, {file.target.name} {lines[1]:,}; parallel files have "
            "a line for each line of the other"
        )


def _pair(line: int, text: bytes, target: bytes) -> Record | Reject:
    try:
        if not text.strip() or not target.strip():
            raise ValueError(f"the line is empty in the file of {'targets' if text.strip() else 'texts'}")
        return Record(line, decode(text), target=decode(target))
    except ValueError as error:
        return Reject(line, str(error), show(text + b" | " + target))
