"""Tagged lines of a newspaper, with the article that each stands in, or joined to articles."""

from collections.abc import Iterator

from tokenmill.data.documents.articles import Layout, article_of
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.line_formats import read_tagged
from tokenmill.data.ingest.records import RAW_CHARACTERS, TOO_LONG, Note, Record, Reject, Rows


def by_article(file: SourceFile, rows: Rows) -> Rows:
    """The lines of ``file``, each with its article as group: the file's name and the article's first line."""
    layout = Layout()
    group = ""
    for row in rows:
        if isinstance(row, Record):
            if layout.begins(row.text):
                group = f"{file.name}:{row.line}"
            row = row._replace(group=group)
        yield row


def read_articles(file: SourceFile) -> Rows:
    """Articles whose headline is certain: the text is the body, the target the headline, both without tags.

    Numbered by the line of the headline. A note says how many articles were left out.
    """
    lines: list[Record] = []
    found = left_out = size = 0

    def finished() -> Iterator[Record | Reject]:
        nonlocal found, left_out
        article = article_of([line.text for line in lines])
        if article is None:
            left_out += bool(lines)
        elif size > file.max_bytes:
            yield Reject(lines[0].line, TOO_LONG, article.body[:RAW_CHARACTERS])
        else:
            found += 1
            yield Record(lines[0].line, article.body, target=article.headline, group=lines[0].group)

    for row in by_article(file, read_tagged(file)):
        if not isinstance(row, Record):
            yield row
            continue
        if lines and row.group != lines[0].group:
            yield from finished()
            lines, size = [], 0
        if size <= file.max_bytes:  # of a longer article the rest is not kept
            lines.append(row)
            size += len(row.text.encode())
    yield from finished()
    there = f"{found:,} articles have one title and a dateline below it"
    yield Note(f"{there}; the other {left_out:,} are left out")
