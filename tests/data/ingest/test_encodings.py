"""Text in any encoding and with any line ends is read; what was guessed is said."""

import codecs
import gzip
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from tests.data.ingest.helpers import read_source, run, write_files
from tokenmill.core.errors import UserError
from tokenmill.data.ingest.encodings import guess
from tokenmill.data.ingest.settings import FilesSource

CHINESE = [
    "这个酒店的房间很大，我们住得很好。",
    "没有人知道他是什么时候来的，也没有人问过他要去哪里",
    "价格不高，以后还会再买的",
    'He said "不要" and left',
]
TRADITIONAL = ["這個酒店的房間很大，我們住得很好。", "沒有人知道他是什麼時候來的", "價格不高，以後還會再買的"]
OTHERS = {
    "koi8-r": ["Не удалось сохранить файл", "Повторите попытку позже", "Выберите один из вариантов"],
    "euc-kr": ["이 필드는 반드시 채워야 합니다", "올바른 값을 입력하세요", "다시 시도하십시오"],
    "shift_jis": ["このフィールドは必須です。", "有効な値を入力してください。"],
    "latin-1": [
        "Une erreur s'est produite à l'étape précédente",
        "Où êtes-vous allé cet été ?",
        "Größe ändern",
    ],
    "cp1252": ["Über die Größe der Bäume", "“Ça va très bien” — dit-il"],
}


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    "encoding", ["gbk", "gb18030", "utf-16-le", "utf-16-be", "utf-16", "utf-32", "utf-8-sig"]
)
def test_encodings_that_show_in_the_bytes(
    tmp_path: Path, encoding: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files: dict[str, bytes | str] = {f"a.txt{suffix}": "\r\n".join(CHINESE).encode(encoding)}
    documents, rejects = read_source(tmp_path, files)
    assert documents["text"].to_list() == CHINESE and rejects.is_empty()
    said = capsys.readouterr().out
    assert f"mine: a.txt{suffix}: read as " in said or encoding == "utf-8-sig"
    assert said.count("read as") == (encoding != "utf-8-sig")


def test_traditional_chinese_and_plain_english(tmp_path: Path) -> None:
    documents, _ = read_source(tmp_path, {"a.txt": "\n".join(TRADITIONAL).encode("big5")})
    assert documents["text"].to_list() == TRADITIONAL
    documents, _ = read_source(tmp_path, {"a.txt": "one\ntwo\n".encode("utf-16-le")})
    assert documents["text"].to_list() == ["one", "two"]


def test_tables_and_pairs_in_gbk(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "a.csv": ("text,label\n" + "\n".join(f'"{t}",好' for t in CHINESE[:3])).encode("gbk"),
        "b.jsonl": b"\n".join(orjson.dumps({"text": t}).decode().encode("gbk") for t in CHINESE),
        "c.po": "\n\n".join(f'msgid "{t}"\nmsgstr "{t}"' for t in CHINESE[:3]).encode("gbk"),
    }
    documents, rejects = read_source(tmp_path, files)
    assert documents["text"].to_list() == [*CHINESE[:3], *CHINESE, *CHINESE[:3]] and rejects.is_empty()


def test_ascii_for_a_megabyte_and_then_chinese(tmp_path: Path) -> None:
    lines = ["plain"] * 300_000 + CHINESE
    documents, _ = read_source(tmp_path, {"a.txt": "\n".join(lines).encode("gbk")})
    assert documents["text"].to_list() == lines


@pytest.mark.parametrize("encoding", OTHERS)
def test_what_is_no_chinese_is_not_guessed_but_can_be_named(tmp_path: Path, encoding: str) -> None:
    content = "\n".join(OTHERS[encoding]).encode(encoding)
    assert guess(content) is None
    with pytest.raises(UserError, match=r"a\.txt line 1: not UTF-8 at byte \d+; set their `encoding`"):
        read_source(tmp_path, {"a.txt": content}, max_bad_share=0.01)
    documents, _ = read_source(tmp_path, {"a.txt": content}, encoding=encoding)
    assert documents["text"].to_list() == OTHERS[encoding]


def test_a_bad_line_of_a_known_encoding_costs_itself_alone(tmp_path: Path) -> None:
    lines = [t.encode("gbk") for t in CHINESE]
    documents, rejects = read_source(tmp_path, {"a.txt": b"\n".join([*lines, b"\xff\xff broken", *lines])})
    assert documents["text"].to_list() == CHINESE * 2
    assert rejects.select("line", "reason").rows() == [(5, "bytes that are nothing in the file's encoding")]


def test_utf_8_with_bad_lines_stays_utf_8(tmp_path: Path) -> None:
    lines = [t.encode() for t in CHINESE]
    documents, rejects = read_source(tmp_path, {"a.txt": b"\n".join([*lines, CHINESE[0].encode("gbk")])})
    assert documents["text"].to_list() == CHINESE
    assert rejects["reason"].to_list() == ["not UTF-8 at byte 1"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_ends(tmp_path: Path, end: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"line {n}" for n in range(300_000)]  # more than one piece
    documents, _ = read_source(tmp_path, {"a.txt": end.join(lines)})
    assert documents["text"].to_list() == lines
    assert documents["id"][-1] == "mine:a.txt:300000"
    assert ("mine: a.txt: its lines end with CR\n" in capsys.readouterr().out) == (end == "\r")


def test_a_cr_within_a_line_is_text(tmp_path: Path) -> None:
    documents, _ = read_source(tmp_path, {"a.txt": "one\rhalf\ntwo\nthree\n"})
    assert documents["text"].to_list() == ["one\rhalf", "two", "three"]


def test_whole_files_say_where_they_are_no_text(tmp_path: Path) -> None:
    content = b'msgid "one"\nmsgstr "\xe9t\xe9"\n'
    with pytest.raises(UserError, match=r"^a\.po: not UTF-8 in line 2; .*, or name its `encoding`"):
        read_source(tmp_path, {"a.po": content})
    documents, _ = read_source(tmp_path, {"a.po": content}, encoding="latin-1")
    assert documents["target"].to_list() == ["été"]


@pytest.mark.parametrize("name", ["no-such", "", "rot13", "zip", "idna", "undefined", "a\0b", "x" * 100_000])
def test_encodings_that_are_none(name: str) -> None:
    with pytest.raises(ValidationError, match="no encoding"):
        FilesSource(kind="files", paths=["a.txt"], encoding=name)


def test_an_encoding_holds_for_all_files_of_its_source(tmp_path: Path) -> None:
    write_files(tmp_path / "sources", {"a.txt": codecs.BOM_UTF8 + b"text", "b.txt.gz": gzip.compress(b"")})
    assert run(tmp_path, "x", FilesSource(kind="files", paths=["a.txt"], encoding="utf-8"))["characters"] == 4
