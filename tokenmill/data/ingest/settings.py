"""Where documents come from: one group of settings for each kind of source."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tokenmill.core.settings import Count, Settings, Share
from tokenmill.data.documents.languages import language_code
from tokenmill.data.ingest.encodings import is_encoding

TableFormat = Literal["jsonl", "csv", "tsv", "parquet"]
ObjectFormat = Literal["entities", "squad", "messages", "preferences"]
"""Formats whose rows are objects: lines or lists of JSON, and rows of tables."""
Format = Literal[
    "auto",
    "txt",
    "file",
    "tagged",
    "articles",
    "cloze",
    "conll",
    "catalog",
    "po",
    "mo",
    "tmx",
    "parallel",
    "conversations",
    TableFormat,
    ObjectFormat,
]
Role = Literal["text", "test", "good", "bad"]
Column = Literal["id", "source", "text", "label", "target", "language", "group", "spans", "fold"]
Quoting = Literal["auto", "minimal", "none"]
Language = Annotated[str, AfterValidator(language_code)]


def _encoding(name: str) -> str:
    if not is_encoding(name):
        raise ValueError(f"no encoding {name[:40]!r}; use a name such as gb18030, big5, utf-16-le or latin-1")
    return name


Encoding = Annotated[str, AfterValidator(_encoding)]


class SourceSettings(Settings):
    """What every kind of source has."""

    role: Role = "text"
    """What the documents are for: ``text`` to learn from; ``test``, to be kept out of training
    (``clean.contamination``); ``good`` and ``bad``, samples for ``clean.selection``. The latter three pass
    through ingest and measure like all text, and end there."""
    license: str | None = None
    """SPDX name; a package's own metadata is used when this is empty."""
    language: Language | None = None
    """Of every document of the source: a code of ISO 639, with or without a region, or the English name."""
    columns: dict[Column, str] = Field(default={})
    """Our column -> the file's column. No other column is read; the text is in ``text`` unless this says
    otherwise."""
    remove_html: bool | None = None
    """Of this source alone, instead of ``measure.remove_html``; null: as there, but for program code, which
    is told by the names of its files or by its documents, and keeps all that looks like HTML."""
    keep_white_space: bool | None = None
    """Whether white space within lines and at their beginning stays; null: that of program code does."""
    max_bad_share: Share = 0.01
    """More unreadable lines than this share of a source fail the stage."""
    max_document_bytes: Count = 16 << 20
    """A longer document is a bad line. No novel comes to 16 MiB of UTF-8; a file without line ends does, and
    what is made to fill memories."""


class FileSettings(SourceSettings):
    """What sources of files have."""

    paths: list[str] = Field(min_length=1)
    """Globs over the distribution's file list, or below data/sources."""
    format: Format = "auto"
    encoding: Encoding | None = None
    """A name that Python knows, for files whose encoding is not told from their bytes."""
    quoting: Quoting = "auto"
    """Whether fields of csv and tsv may stand between quotation marks (``minimal``, RFC 4180) or a quotation
    mark is text like any other (``none``); ``auto`` tells it from the whole file."""
    labels: dict[str, str] = Field(default={})
    """File name -> label of every document in it."""
    group: Literal["article", "folder"] | None = None
    """What comes to one split. ``article``: tagged lines are those of a newspaper
    (:mod:`tokenmill.data.documents.articles`), and the lines of an article belong together. ``folder``: the
    files of a folder do, such as the modules of a package."""

    target_paths: list[str] = Field(default=[])
    """Of parallel files: globs for those with the targets, which go with those of ``paths`` in order of their
    names."""

    @model_validator(mode="after")
    def _fits_the_format(self) -> Self:
        if self.group == "article" and self.format != "tagged":
            raise ValueError(f"group: article is of lines with `format: tagged`, not {self.format}")
        if (self.format == "parallel") != bool(self.target_paths):
            raise ValueError("format: parallel and target_paths belong together; give both, or neither")
        return self


class PackageSource(FileSettings):
    """Files of an installed distribution, found through its metadata; nothing of it is imported."""

    kind: Literal["package"]
    package: str


class FilesSource(FileSettings):
    """The user's own files below data/sources, the folder that DVC watches."""

    kind: Literal["files"]


class HuggingFaceSource(SourceSettings):
    """A dataset that the ``datasets`` library can load: saved on disk below data/sources, or on a hub."""

    kind: Literal["huggingface"]
    dataset: str
    format: Literal["table", ObjectFormat] = "table"
    """What its rows are: columns by name, or objects as in files of that format."""
    subset: str | None = None
    split: str = "train"
    revision: str | None = None


Source = Annotated[PackageSource | FilesSource | HuggingFaceSource, Field(discriminator="kind")]
