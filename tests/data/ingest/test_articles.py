"""Lines of a newspaper, grouped by article or joined to articles."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.data.ingest.helpers import read_source
from tokenmill.data.ingest.settings import FilesSource

PAPER = """\
北方/f  普降/v  大雪/n
据/p  新华社/nt  沈阳/ns  １月/t  ３日/t  电/n  今天/t  下/v  了/u  雪/n  。/w

公路/n  关闭/v  了/u  。/w
（/w  某甲/nr  摄/v  ）/w
新/a  馆/n  今天/t  开放/v
本报讯/n  读者/n  来/v  了/u  。/w
no tags
怎样/r  过冬/v  才/d  好/a
多/a  穿/v  衣/n  。/w
"""
FIRST, SECOND, THIRD = (f"day.txt:{line}" for line in (1, 6, 9))


def test_the_lines_of_an_article_are_a_group(tmp_path: Path) -> None:
    documents, rejects = read_source(tmp_path, {"day.txt": PAPER}, format="tagged", group="article")
    assert documents["group"].to_list() == [*[FIRST] * 4, *[SECOND] * 2, *[THIRD] * 2]
    assert documents["text"][0] == "北方普降大雪" and documents["target"][0] == "北方/f  普降/v  大雪/n"
    assert rejects["line"].to_list() == [8]
    documents, _ = read_source(tmp_path, {"day.txt": PAPER}, format="tagged")
    assert documents["group"].null_count() == 8


def test_articles_are_documents_with_their_headlines(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    documents, rejects = read_source(tmp_path, {"day.txt": PAPER}, format="articles")
    assert documents.select("id", "text", "target", "group").rows() == [
        ("mine:day.txt:1", "今天下了雪。\n公路关闭了。", "北方普降大雪", FIRST),
        ("mine:day.txt:6", "读者来了。", "新馆今天开放", SECOND),
    ]
    assert rejects["line"].to_list() == [8]
    note = "day.txt: 2 articles have one title and a dateline below it; the other 1 are left out"
    assert f"mine: {note}\n" in capsys.readouterr().out


def test_an_article_that_is_too_long_is_a_bad_line(tmp_path: Path) -> None:
    first, *rest = PAPER.splitlines()
    paper = "\n".join([first, rest[0], *[rest[2]] * 20, *rest[4:]])
    documents, rejects = read_source(tmp_path, {"a": paper}, format="articles", max_document_bytes=150)
    assert documents["target"].to_list() == ["新馆今天开放"]
    assert rejects.select("line", "reason").row(0) == (1, "longer than max_document_bytes")


@pytest.mark.parametrize("format_", ["auto", "txt", "articles"])
def test_other_formats_have_no_articles_to_group_by(format_: str) -> None:
    with pytest.raises(ValidationError, match="group: article is of lines with `format: tagged`, not"):
        FilesSource(kind="files", paths=["a"], format=format_, group="article")
