"""Whatever stands in a file, its reader yields rows that can be stored, or says in one line what is wrong.

HYPOTHESIS_PROFILE=long python -m pytest --timeout 0 tests/data/ingest/test_fuzz.py
"""

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.data.ingest.test_translations import HEADER, mo
from tests.fuzz import taken_or_told
from tokenmill.data.ingest.files import SourceFile
from tokenmill.data.ingest.formats import NEVER_COMPRESSED, read_file
from tokenmill.data.ingest.records import RAW_CHARACTERS, Record, Reject

TEXTS = ["这个酒店的房间很大，我们住得很好。", 'He said "no" and left', "one\ttwo, three", "😀 /w"]
LABELS = ["good", "1", "", "真"]


def parquet(compression: str, **settings: bool) -> bytes:
    stream = io.BytesIO()
    table = pa.table({"text": TEXTS * 3, "label": [1, 2, None, 4] * 3, "n": [[1], [], None, [2]] * 3})
    pq.write_table(table, stream, compression=compression, row_group_size=5, **settings)
    return stream.getvalue()


PAIRS = [("Save", "保存"), ("a\nday", "天"), ("%d file", "%d 个文件")]
PLAIN = {
    "txt": "\r\n".join(TEXTS),
    "jsonl": "\n".join(json.dumps({"text": t, "label": n}) for n, t in enumerate(TEXTS)),
    "csv": "text,label\n"
    + "\n".join(f'"{t.replace(chr(34), chr(34) * 2)}",{n}' for n, t in enumerate(TEXTS)),
    "tsv": "label\ttext\n" + "\n".join(f'{n}\t"{t[:9]}' for n, t in enumerate(TEXTS)),
    "tagged": "[中央/n  电视台/n]nt  播出/v\n１２月/t  //w\n",
    "articles": "北方/f  普降/v  大雪/n\n本报讯/n  下/v  了/u  雪/n  。/w\n公路/n  关闭/v  了/u  。/w\n",
    "file": "\n".join(TEXTS),
    "parallel": "\n".join(TEXTS),
    "conll": "-DOCSTART- O\n\nEU B-ORG\ncall O\n\n# newdoc\n北 B-LOC\n京 I-LOC\n\n江\tO\n",
    "entities": json.dumps([{"text": t, "label": [[0, 2, "X"], [2, 3, "Y"]]} for t in TEXTS]),
    "squad": json.dumps(
        {
            "data": [
                {
                    "title": "t",
                    "paragraphs": [
                        {
                            "context": "ab",
                            "qas": [
                                {"question": "q?", "answers": [{"text": "b", "answer_start": 1}]},
                                {"question": "?", "answers": []},
                            ],
                        }
                    ],
                }
            ]
        }
    ),
    "messages": "\n".join(
        json.dumps({"id": t, "messages": [{"role": r, "content": t} for r in ("user", "assistant")]})
        for t in TEXTS
    ),
    "preferences": "\n".join(json.dumps({"prompt": t, "chosen": t, "rejected": "no"}) for t in TEXTS),
    "tmx": '<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "x.dtd"><tmx><header srclang="en"/><body>\n'
    + "".join(
        f'<tu><tuv xml:lang="en"><seg>a &lt; <ph>{n}</ph></seg></tuv>\n'
        '<tuv xml:lang="zh"><seg>天</seg></tuv></tu>\n'
        for n in range(3)
    )
    + "</body></tmx>",
    "catalog": json.dumps({"": {"domain": "x"}, **{k: [v] for k, v in PAIRS}}, ensure_ascii=False),
    "po": '#, fuzzy\nmsgid ""\nmsgstr ""\n"Language: zh\\n"\n\n'
    + "\n".join(f"msgid {json.dumps(k)}\nmsgstr {json.dumps(v, ensure_ascii=False)}\n" for k, v in PAIRS)
    + 'msgctxt "c"\nmsgid "day"\nmsgid_plural "days"\nmsgstr[0] "天"\n#~ msgid "old"\n#~ msgstr "旧"\n',
    "conversations": "a: [x]\nconversations:\n- - &a hello\n  - 42\n  - !!str yes\n- [*a, ~, {b: c}]\n",
}
BINARY = {"parquet": parquet("zstd"), "mo": mo([HEADER, *((k.encode(), v.encode()) for k, v in PAIRS)])}
GOOD = {format_: content.encode() for format_, content in PLAIN.items()} | BINARY
OTHERS = [
    *(content.encode("gb18030") for content in PLAIN.values()),
    *(content.encode("utf-16") for content in PLAIN.values()),
    *(parquet("snappy", use_dictionary=False), parquet("none", write_page_checksum=True)),
    *(
        b"",
        b"\0" * 99,
        b"\xff\xfe\0\0",
        b"PAR1PAR1",
        b"\r" * 50,
        b"\n" * 50,
        b'"' * 99,
        b"[" * 3000,
        b"- " * 3000,
    ),
]
PACK = {"": bytes, ".gz": lambda content: gzip.compress(content, mtime=0), ".zst": zstandard.compress}
PIECES = [bytes([value]) for value in b'\0\n\r\t\\",:{}[]*&\x80\xe4\xff']

edits = st.tuples(
    st.sampled_from(["put", "insert", "delete", "repeat"]),
    st.integers(0, 1 << 16),
    st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=8)),
)


def mutate(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    """The content with some of its bytes put, inserted, deleted or repeated; places count from either end."""
    for kind, number, piece in changes:
        place = number % (len(content) + 1)
        if kind == "repeat":
            piece = content[place : place + 40] * (1 + number % 3)
        rest = content[place:] if kind in ("insert", "repeat") else content[place + len(piece) :]
        content = content[:place] + (b"" if kind == "delete" else piece) + rest
    return content


contents = st.one_of(
    st.binary(max_size=200),
    st.builds(mutate, st.sampled_from([*GOOD.values(), *OTHERS]), st.lists(edits, max_size=6)),
)
encodings = st.sampled_from([None, None, None, None, "gb18030", "utf-16-le", "shift_jis", "utf-7", "latin-1"])


def storable(text: str | None, longest: int) -> bool:
    """Whether a table takes it: no half of a surrogate pair, no NUL, not too long."""
    return text is None or ("\0" not in text and len(text) <= longest and text.encode("utf-8") is not None)


def read(folder: Path, format_: str, name: str, data: bytes, encoding: str | None, max_bytes: int) -> None:
    """Read all rows of a file, and look whether they can be stored."""
    path = folder / "file"
    path.write_bytes(data)
    (folder / "targets").write_text(PLAIN["parallel"])
    target = SourceFile("targets", folder / "targets") if format_ == "parallel" else None
    file = SourceFile(name, path, encoding, max_bytes, target=target)
    last = 0
    for row in read_file(file, format_, {"text": "text", "label": "label"}, "auto"):
        if isinstance(row, Record):
            assert all(storable(value, 1 << 20) for value in row[1:])
            assert len(row.text) <= max_bytes or format_ in ("catalog", "po", "mo", "conversations")
        elif isinstance(row, Reject):
            row.raw.encode("utf-8")
            row.reason.encode("utf-8")
            assert row.reason and len(row.raw) <= 4 * RAW_CHARACTERS
        else:
            continue
        # An article has the number of its headline, and comes when it ends.
        assert row.line >= last > -1 or format_ == "articles"
        last = row.line


@pytest.mark.parametrize("format_", GOOD)
@given(data=st.data())
def test_any_content(tmp_path_factory: pytest.TempPathFactory, format_: str, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    own = st.builds(mutate, st.just(GOOD[format_]), st.lists(edits, min_size=1, max_size=6))
    content = data.draw(st.one_of(own, own, own, contents))
    packing = data.draw(st.sampled_from([""] if format_ in NEVER_COMPRESSED else sorted(PACK)))
    packed = PACK[packing](content)
    if packing and data.draw(st.booleans()):
        packed = mutate(packed, data.draw(st.lists(edits, max_size=3)))
    encoding, max_bytes = data.draw(encodings), data.draw(st.sampled_from([16 << 20, 16 << 20, 20]))
    taken_or_told(lambda: read(folder, format_, f"file.{format_}{packing}", packed, encoding, max_bytes))


@pytest.mark.parametrize("format_", GOOD)
def test_good_files_are_read(tmp_path: Path, format_: str) -> None:
    assert taken_or_told(lambda: read(tmp_path, format_, f"file.{format_}", GOOD[format_], None, 16 << 20))
