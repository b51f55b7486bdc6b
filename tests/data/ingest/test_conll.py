"""Columns of tokens and tags become texts with spans."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.ingest.helpers import notes, read_source
from tests.data.ingest.test_tags import tags_of
from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span, read_spans
from tokenmill.data.ingest.tags import join_tokens

CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER

-DOCSTART- -X- -X- O

BRUSSELS NNP B-NP B-LOC
"""
BMES = "我 O\n在 O\n北 B-LOC\n京 E-LOC\n海 B-LOC\n淀 M-LOC\n区 E-LOC\n\n江 B-PER\n泽 M-PER\n民 E-PER\n"
GERMEVAL = (
    "#\thttp://example.org [2009]\n1\tSchartau\tB-PER\tO\n2\tin\tO\tO\n3\tBad\tB-LOC\tO\n4\tEms\tI-LOC\tO\n"
)


def read(folder: Path, content: str, **settings: Any) -> list[tuple[Any, ...]]:
    documents, _ = read_source(folder, {"a.conll": content}, **settings)
    columns = documents.select("text", "spans", "group").rows()
    return [(text, read_spans(spans), group) for text, spans, group in columns]


def test_conll_2003(tmp_path: Path) -> None:
    assert read(tmp_path, CONLL_2003) == [
        ("EU rejects German call", [Span(0, 2, "ORG"), Span(11, 17, "MISC")], "a.conll:1"),
        ("Peter Blackburn", [Span(0, 15, "PER")], "a.conll:1"),
        ("BRUSSELS", [Span(0, 8, "LOC")], "a.conll:11"),
    ]
    assert notes(tmp_path) == [
        "a.conll: tags read as BIO, of LOC, MISC, ORG, PER; Chinese characters joined without spaces, words "
        "by one"
    ]


def test_characters_tagged_by_bmes(tmp_path: Path) -> None:
    assert read(tmp_path, BMES) == [
        ("我在北京海淀区", [Span(2, 4, "LOC"), Span(4, 7, "LOC")], None),
        ("江泽民", [Span(0, 3, "PER")], None),
    ]


def test_columns_by_number(tmp_path: Path) -> None:
    found = read(tmp_path, GERMEVAL, columns={"text": "2", "spans": "3"})
    assert found == [("Schartau in Bad Ems", [Span(0, 8, "PER"), Span(12, 19, "LOC")], None)]


@pytest.mark.parametrize("named", ["word", "0", "5", "-1", "２"])
def test_a_column_that_is_not_there(tmp_path: Path, named: str) -> None:
    with pytest.raises(
        UserError, match=rf"^a\.conll: columns\.spans of conll is a column's number, 1 to 4, got '{named}'$"
    ):
        read(tmp_path, GERMEVAL, columns={"spans": named})


def test_one_column(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^a\.conll: its lines have one column; conll needs a token and its tag"
    ):
        read(tmp_path, "word\nword\n\nword\n")


def test_comments_begin_groups_and_a_hash_may_be_a_token(tmp_path: Path) -> None:
    content = "# newdoc id = one\n# text = Nr. # 1\nNr.\tO\n#\tO\n1\tB-NUM\n\n#\tO\n\n# newdoc\nlast\tO\n"
    assert read(tmp_path, content) == [
        ("Nr. # 1", [Span(6, 7, "NUM")], "a.conll:1"),
        ("#", [], "a.conll:1"),
        ("last", [], "a.conll:9"),
    ]


def test_bad_sentences(tmp_path: Path) -> None:
    lines = [
        "good\tB-PER", "too\tI-PER", "",
        "three\tcolumns\tO", "after\tO", "",
        "one", "",
        "\tO", "",
        "broken\tO", "here\tI-PER", "",
        "nul\0\tO", "",
        "end\tB-PER",
    ]  # fmt: skip
    documents, rejects = read_source(tmp_path, {"a.bio": "\n".join(lines)})
    assert documents["text"].to_list() == ["good too", "end"]
    assert rejects.select("line", "reason").rows() == [
        (4, "token 1 has 3 columns where the file has 2"),
        (7, "token 1 has 1 column where the file has 2"),
        (9, "token 1 is empty"),
        (11, "token 2: I-PER continues no entity (BIO)"),
        (14, "NUL character"),
    ]
    assert rejects["raw"][0] == "three\tcolumns\tO\nafter\tO"


def test_a_sentence_that_never_ends_is_one_reject(tmp_path: Path) -> None:
    content = "word\tO\n" * 500 + "\nshort\tO\n"
    documents, rejects = read_source(tmp_path, {"a.conll": content}, max_document_bytes=1000)
    assert documents["text"].to_list() == ["short"]
    assert rejects.select("line", "reason").rows() == [(1, "longer than max_document_bytes")]


def test_compressed_and_empty(tmp_path: Path) -> None:
    documents, _ = read_source(tmp_path, {"a.conll.gz": BMES, "b.conll": "\n\n"})
    assert documents.height == 2


@given(
    pieces=st.lists(
        st.tuples(st.text("ab中文é，", min_size=1, max_size=3), st.sampled_from(["", "PER", "LOC"])),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_spans_written_as_columns_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, str]]
) -> None:
    tokens = [token for token, _ in pieces]
    entities = [(n, n + 1, label) for n, (_, label) in enumerate(pieces) if label]
    tags = tags_of(len(tokens), entities, "BIO")
    text, places = join_tokens(tokens)
    content = "".join(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True)) + "\nx\tB-PER\n"
    ((read_text, spans, _), _) = read(tmp_path_factory.mktemp("conll"), content)
    assert read_text == text
    assert spans == [Span(*places[first], label) for first, _, label in entities]
