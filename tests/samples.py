"""Small texts written for the tests, as a clean folder that a stage can read."""

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tokenmill.core.files import digest_value, sha256_file, write_json
from tokenmill.core.splits import SPLITS, Split
from tokenmill.data.documents.spans import Span, write_spans

GOOD = ("房间很干净", "服务员热情", "早餐丰富", "屏幕清晰", "故事感人", "送货很快")
BAD = ("房间太吵", "服务冷淡", "早餐凉了", "屏幕有坏点", "故事无聊", "送货太慢")
OTHER = ("离车站不远", "周末去的", "一共住了3天", "part 2 of the book", "价格是199元", "I'll come again")

Document = tuple[str, str | None]
"""Text and label."""


def reviews(count: int, seed: int) -> list[Document]:
    """Short labelled reviews, about half of them positive, no two alike."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = draw.choice(("positive", "negative"))
        words = GOOD if label == "positive" else BAD
        parts = [*draw.sample(words, draw.randint(1, 3)), *draw.sample(OTHER, draw.randint(1, 3))]
        draw.shuffle(parts)
        found["，".join(parts) + "。"] = label
    return list(found.items())


def conversation(turns: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Turns, given as (role, content), as the text of a document and its spans."""
    text, spans = "", []
    for role, content in turns:
        text += "\n" if text else ""
        spans.append(Span(len(text), len(text) + len(content), role))
        text += content
    return text, write_spans(spans)


def splits(documents: Sequence[Document]) -> dict[Split, list[Document]]:
    """Seven tenths for training, the rest in halves."""
    first, second = len(documents) * 7 // 10, len(documents) * 85 // 100
    parts = (documents[:first], documents[first:second], documents[second:])
    return {split: list(part) for split, part in zip(SPLITS, parts, strict=True)}


def write_clean(
    folder: Path,
    sources: Mapping[str, Mapping[Split, Sequence[Document]]],
    targets: Mapping[str, str] | None = None,
    spans: Mapping[str, str] | None = None,
) -> None:
    """A clean folder with these documents, ``targets`` and ``spans`` of some texts, and its manifest."""
    import polars as pl

    (folder / "documents").mkdir(parents=True)
    tagged, marked, files, raw = targets or {}, spans or {}, {}, {}
    for source, by_split in sources.items():
        rows = [
            (
                f"{source}:sample.txt:{split}:{number:05d}",
                source,
                text,
                label,
                tagged.get(text),
                "zh",
                None,
                marked.get(text),
                split,
            )
            for split, documents in by_split.items()
            for number, (text, label) in enumerate(documents)
        ]
        columns = ("id", "source", "text", "label", "target", "language", "group", "spans", "split")
        path = folder / "documents" / f"{source}.parquet"
        frame = pl.DataFrame(rows, dict.fromkeys(columns, pl.String), orient="row")
        frame.sort("id").write_parquet(path)
        files[source] = sha256_file(path)
        raw[source] = {"sha256": digest_value(rows), "files": {}}
    params = {"min_characters": 1}
    write_json(
        folder / "manifest.json",
        {
            "documents": files,
            "raw": raw,
            "params": {"clean": params, "sha256": digest_value(params)},
        },
    )
