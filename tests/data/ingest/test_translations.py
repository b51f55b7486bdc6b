"""Texts with their translations: parallel files, TMX, .mo, and .po whose messages are keys."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.data.ingest.helpers import notes, read_source, run, write_files
from tokenmill.core.errors import UserError
from tokenmill.data.ingest.settings import FilesSource


def pairs(folder: Path, files: dict[str, Any], **settings: Any) -> tuple[list[Any], list[Any]]:
    documents, rejects = read_source(folder, files, **settings)
    return documents.select("text", "target").rows(), rejects.select("line", "reason").rows()


def parallel(
    folder: Path, english: str | bytes, chinese: str, **settings: Any
) -> tuple[list[Any], list[Any]]:
    files = {"c.en": english, "c.zh": chinese}
    settings = {"format": "parallel", "paths": ["c.en"], "target_paths": ["c.zh"]} | settings
    return pairs(folder, files, **settings)


def test_parallel_files(tmp_path: Path) -> None:
    found, rejects = parallel(tmp_path, b"one\r\n\ntwo\n\nbad \xff\nfive", "一\n\n二\n空\n坏\n五\n")
    assert found == [("one", "一"), ("two", "二"), ("five", "五")]
    assert rejects == [
        (4, "the line is empty in the file of texts"),
        (5, "not UTF-8 at byte 5"),
    ]
    assert notes(tmp_path) == ["c.en: its targets are the lines of c.zh"]
    found, rejects = parallel(tmp_path, "one\ntwo", "一\n \n")
    assert rejects == [(2, "the line is empty in the file of targets")]


def test_parallel_files_of_unequal_length(tmp_path: Path) -> None:
    with pytest.raises(UserError) as stopped:
        parallel(tmp_path, "one\ntwo\n", "一\n二\n三\n")
    assert str(stopped.value) == (
        "c.en has 2 lines, c.zh 3; parallel files have a line for each line of the other"
    )


def test_parallel_files_in_pairs(tmp_path: Path) -> None:
    files = {"a.en": "one", "b.en.gz": "two", "a.zh": "一", "b.zh": "二"}
    source = FilesSource(kind="files", paths=["*.en", "*.en.gz"], format="parallel", target_paths=["*.zh"])
    write_files(tmp_path / "sources", files)
    totals = run(tmp_path, "mine", source)
    assert totals["documents"] == 2
    assert notes(tmp_path) == [
        "a.en: its targets are the lines of a.zh", "b.en.gz: its targets are the lines of b.zh",
    ]  # fmt: skip
    manifest = (tmp_path / "raw/manifest.json").read_text("utf-8")
    assert '"target": {' in manifest and '"name": "b.zh"' in manifest
    (tmp_path / "sources/c.zh").write_text("三")
    with pytest.raises(
        UserError, match=r"mine: paths match 2 files, target_paths 3; each file of texts has one"
    ):
        run(tmp_path, "mine", source)


def test_settings_of_parallel_files(tmp_path: Path) -> None:
    for settings in ({"format": "parallel"}, {"target_paths": ["a"]}):
        with pytest.raises(ValidationError, match="format: parallel and target_paths belong together"):
            FilesSource(kind="files", paths=["a"], **settings)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"mine\.target_paths: 'x' matches none of the files below"):
        parallel(tmp_path, "a", "b", target_paths=["x"])
    with pytest.raises(UserError, match=r"mine\.target_paths must stay below .*, got '../c\.zh'"):
        parallel(tmp_path, "a", "b", target_paths=["../c.zh"])


TMX = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en-US" datatype="plaintext"/><body>
<tu><tuv xml:lang="en-US"><seg>Save &amp; close</seg></tuv><tuv xml:lang="zh-CN"><seg>关闭</seg></tuv></tu>
<tu><tuv lang="ZH"><seg>天</seg></tuv>
<tuv lang="EN"><seg><bpt i="1">&lt;b&gt;</bpt>day<ept i="1"/> <ph>%d</ph></seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>untranslated</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>empty</seg></tuv><tuv xml:lang="zh"><seg> </seg></tuv></tu>
</body></tmx>
"""


@pytest.mark.parametrize("name", ["a.tmx", "a.tmx.gz"])
def test_tmx(tmp_path: Path, name: str) -> None:
    found, rejects = pairs(tmp_path, {name: TMX})
    assert found == [("Save & close", "关闭"), ("day %d", "天")] and rejects == []


def test_tmx_in_utf_16(tmp_path: Path) -> None:
    found, _ = pairs(tmp_path, {"a.tmx": TMX.replace("UTF-8", "UTF-16").encode("utf-16")})
    assert found[0] == ("Save & close", "关闭")


def test_languages_of_tmx(tmp_path: Path) -> None:
    found, _ = pairs(tmp_path, {"a.tmx": TMX}, columns={"text": "zh", "target": "en"})
    assert found[1] == ("天", "day %d")
    several = TMX.replace("</tu>", '<tuv xml:lang="de"><seg>Deutsch</seg></tuv></tu>', 1)
    with pytest.raises(
        UserError, match=r"^a\.tmx: line 4 has the languages en, zh, de; name two as text and"
    ):
        pairs(tmp_path, {"a.tmx": several})
    found, _ = pairs(tmp_path, {"a.tmx": several}, columns={"text": "en", "target": "de"})
    assert found == [("Save & close", "Deutsch")]
    later = TMX.replace("ZH", "fr").replace("en-US", "*all*", 1)
    with pytest.raises(UserError, match=r"line 5 has the languages fr, en; name two"):
        pairs(tmp_path, {"a.tmx": later})


def test_tmx_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^a\.tmx: no XML in line 4: mismatched tag; mend it or fetch it anew$"
    ):
        pairs(tmp_path, {"a.tmx": TMX.replace("</seg>", "</sog>", 1)})
    with pytest.raises(UserError, match=r"^a\.tmx: no XML in line \d+: no element found"):
        pairs(tmp_path, {"a.tmx": TMX.replace("</tmx>", "")})


def test_entities_of_a_file_s_own_are_refused(tmp_path: Path) -> None:
    lines = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    bomb = TMX.replace('SYSTEM "tmx14.dtd"', f'[<!ENTITY e0 "lol">{lines}]').replace("天", "&e9;")
    reading = '[<!ENTITY e0 SYSTEM "file:///etc/passwd">]'
    for content in (bomb, TMX.replace('SYSTEM "tmx14.dtd"', reading).replace("天", "&e0;")):
        with pytest.raises(
            UserError, match=r"^a\.tmx: declares the entity 'e0', and a file's own entities are"
        ):
            pairs(tmp_path, {"a.tmx": content})


def test_a_segment_that_is_too_long(tmp_path: Path) -> None:
    found, rejects = pairs(tmp_path, {"a.tmx": TMX}, max_document_bytes=8)
    assert found == [("day %d", "天")] and rejects == [(4, "longer than max_document_bytes")]


def mo(messages: list[tuple[bytes, bytes]], order: str = "<") -> bytes:
    """A .mo file of messages with their translations."""
    place = 28 + 16 * len(messages)
    tables: list[list[int]] = [[], []]
    content = b""
    for which in range(2):
        for pair in messages:
            tables[which] += [len(pair[which]), place + len(content)]
            content += pair[which] + b"\0"
    numbers = [0x950412DE, 0, len(messages), 28, 28 + 8 * len(messages), 0, 0, *tables[0], *tables[1]]
    return struct.pack(f"{order}{len(numbers)}I", *numbers) + content


HEADER = (b"", b"Language: zh\nContent-Type: text/plain; charset=UTF-8\n")


@pytest.mark.parametrize("order", "<>")
def test_mo(tmp_path: Path, order: str) -> None:
    messages = [
        HEADER,
        (b"%d day\0%d days", "%d 天\0%d 日".encode()),
        (b"menu\x04Save", "保存".encode()),
        (b"untranslated", b""),
        (b"bad", b"\xff"),
    ]
    found, rejects = pairs(tmp_path, {"a.mo": mo(messages, order)})
    assert found == [("%d day", "%d 天"), ("Save", "保存")]
    assert rejects == [(5, "bytes that are nothing in UTF-8")]


def test_the_charset_of_mo(tmp_path: Path) -> None:
    header = (b"", b"Content-Type: text/plain; charset=gb2312\n")
    assert pairs(tmp_path, {"a.mo": mo([header, (b"day", "天".encode("gb2312"))])})[0] == [("day", "天")]
    assert pairs(tmp_path, {"a.mo": mo([(b"day", "天".encode())])})[0] == [("day", "天")]
    with pytest.raises(UserError, match=r"^a\.mo: a damaged \.mo file \(no charset 'CHARSET'\)"):
        pairs(tmp_path, {"a.mo": mo([(b"", b"charset=CHARSET\n"), (b"a", b"b")])})


GOOD = mo([HEADER, (b"day", b"Tag")])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text", r"no \.mo file: it begins with b'text'; compile it with msgfmt"),
        (b"", r"no \.mo file: it begins with b''"),
        (GOOD[:12], r"a damaged \.mo file \(unpack_from requires a buffer"),
        (GOOD[:40], r"a damaged \.mo file \("),
        (GOOD[:-8], r"a damaged \.mo file \(entry \d ends behind the file"),
        (GOOD[:8] + b"\xff\xff\xff\x7f" + GOOD[12:], r"a damaged \.mo file \("),
        (
            struct.pack("<7I", 0x950412DE, 0, 9, 28, 28, 0, 0) + struct.pack("<2I", 90, 28) * 9,
            "strings overlap",
        ),
    ],
)
def test_damaged_mo(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        pairs(tmp_path, {"a.mo": content})


@given(
    messages=st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\0\x04", codec="utf-8"), min_size=1),
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(str.strip),
        ),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_messages_written_to_mo_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[str, str]]
) -> None:
    content = mo([HEADER, *((one.encode(), other.encode()) for one, other in messages)])
    assert pairs(tmp_path_factory.mktemp("mo"), {"a.mo": content}) == (messages, [])


def test_po_whose_messages_are_keys(tmp_path: Path) -> None:
    content = (
        '#. Default: "Add \\"it\\""\n#: plone/x.py:1\nmsgid "label_add"\nmsgstr "添加"\n\n'
        '#. A hint. Default: "Two\n#. lines"\nmsgid "label_lines"\nmsgstr "两行"\n\n'
        'msgid "Plain"\nmsgstr "普通"\n'
    )
    found, _ = pairs(tmp_path, {"a.po": content})
    assert found == [('Add "it"', "添加"), ("Two lines", "两行"), ("Plain", "普通")]
