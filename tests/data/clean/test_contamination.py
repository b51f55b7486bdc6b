"""Contamination: planted overlaps are found and shown, set phrases and strangers are not."""

import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenmill.core.errors import UserError
from tokenmill.data.clean import contamination as module
from tokenmill.data.clean.contamination import contamination, overlaps
from tokenmill.data.clean.held_out import Table
from tokenmill.data.clean.settings import ContaminationSettings
from tests.data.clean.measured import Row, document, sides, write_measured


def held(id: str, text: str) -> Row:
    return document(id, text, split="test")


def train(id: str, text: str) -> Row:
    return document(id, text, split="train")


def found(
    folder: Path, rows: list[Row], max_share: float = 0.5, parts: int = 1, **files: str
) -> pl.DataFrame:
    for name, content in files.items():
        (folder / f"{name.replace('_', '.')}").write_text(content, "utf-8")
    corpus = write_measured(folder / "measured", rows, parts)
    chosen = ContaminationSettings(max_share=max_share, files=[name.replace("_", ".") for name in files])
    return contamination(corpus, *sides(corpus), chosen, folder).drop("number")


def some(seed: int, count: int) -> str:
    chance = random.Random(seed)
    return " ".join("".join(chance.choices("abcdefghij", k=5)) for _ in range(count))


ZH = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少"


def test_a_held_out_document_within_a_longer_training_document(tmp_path: Path) -> None:
    rows = [
        held("e", some(1, 30)),
        train("t", f"{some(2, 200)}. {some(1, 30).upper()}! {some(3, 200)}"),
        train("u", some(4, 99)),
    ]
    assert found(tmp_path, rows).rows() == [("t", 1.0, some(1, 30).upper(), "e")]


def test_a_training_document_within_a_longer_held_out_one(tmp_path: Path) -> None:
    rows = [held("e", f"{some(2, 200)} {some(1, 30)} {some(3, 200)}"), train("t", some(1, 30))]
    assert found(tmp_path, rows).rows() == [("t", 1.0, some(1, 30), "e")]


def test_chinese_by_characters_whatever_stands_between(tmp_path: Path) -> None:
    rows = [held("e", ZH), train("t", "，".join(ZH) + "。")]
    assert found(tmp_path, rows).rows() == [("t", 1.0, "，".join(ZH), "e")]


def test_a_set_phrase_is_not_enough(tmp_path: Path) -> None:
    phrase = "中华人民共和国全国人民代表大会常务委员会"
    rows = [held("e", ZH + phrase + ZH[::-1]), train("t", "今天" * 9 + phrase + "明年" * 9)]
    assert found(tmp_path, rows).is_empty()
    assert found(tmp_path / "", rows, max_share=0.3)["span"].to_list() == [phrase]


def test_the_share_is_that_of_covered_units_of_the_shorter_text(tmp_path: Path) -> None:
    rows = [
        held("e", f"{some(1, 20)} {some(2, 20)}"),
        train("t", f"{some(3, 40)} {some(1, 20)} {some(4, 40)}"),
    ]
    assert found(tmp_path, rows, max_share=0.49)["share"].to_list() == [0.5]
    assert found(tmp_path, rows, max_share=0.5).is_empty()


def test_twelve_units_in_a_row_are_not_thirteen(tmp_path: Path) -> None:
    base = some(1, 13)
    for count, expected in ((13, ["t"]), (12, [])):
        shared = " ".join(base.split()[:count])
        rows = [held("e", f"{shared} {some(2, 9)}"), train("t", f"{some(3, 9)} {shared}")]
        assert found(tmp_path, rows, max_share=0.1)["id"].to_list() == expected


def test_a_short_held_out_text_only_where_it_is_all_of_the_text(tmp_path: Path) -> None:
    rows = [
        held("e", "What is love?"),
        train("t", "What is love?"),
        train("u", "What is love? Baby."),
        train("v", "what is love"),
    ]
    assert found(tmp_path, rows).rows() == [("t", 1.0, "What is love?", "e")]


def test_the_worst_of_several_is_named(tmp_path: Path) -> None:
    rows = [
        held("e1", f"{some(1, 15)} {some(2, 10)}"),
        held("e2", some(1, 30)),
        held("e3", some(1, 30)),
        train("t", some(1, 30)),
    ]
    assert found(tmp_path, rows)["found_in"].to_list() == ["e2"]


def test_held_out_documents_are_left_alone(tmp_path: Path) -> None:
    rows = [held("e", some(1, 30)), document("v", some(1, 30), split="validation"), train("t", some(2, 30))]
    assert found(tmp_path, rows).is_empty()


def test_named_files(tmp_path: Path) -> None:
    rows = [train("t", some(1, 30)), train("u", "short one"), train("v", some(3, 30))]
    result = found(
        tmp_path, rows, mine_txt=f"{some(2, 30)}\n{some(1, 30)}\n", other_jsonl='{"text": "short one"}\n'
    )
    assert result.select("id", "found_in").rows() == [("t", "mine.txt:2"), ("u", "other.jsonl:1")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "params.yaml: clean.contamination.files: .*none.txt is no file; mend the name"),
        ("../up.txt", None, "params.yaml: clean.contamination.files must stay below .*; put the file there"),
        ("bad.jsonl", "{}\n", "bad.jsonl line 1: .*; mend or remove it"),
        ("odd.xyz", "x", "odd.xyz: the suffix tells no format"),
    ],
)
def test_mistakes_in_files(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, "utf-8")
    corpus = write_measured(tmp_path / "measured", [train("t", some(1, 30))])
    with pytest.raises(UserError, match=message):
        contamination(corpus, *sides(corpus), ContaminationSettings(max_share=0.5, files=[name]), tmp_path)


def test_nothing_held_out_and_nothing_to_train_on(tmp_path: Path) -> None:
    assert found(tmp_path, [train("t", some(1, 30))]).is_empty()
    assert found(tmp_path, [held("t", some(1, 30))]).is_empty()
    assert found(tmp_path, []).columns == ["id", "share", "span", "found_in"]


def slowly(text: str, other: str, size: int) -> float:
    """The larger share of covered letters, one pair of places at a time."""
    covered: tuple[set[int], set[int]] = set(), set()
    for i in range(len(text) - size + 1):
        for j in range(len(other) - size + 1):
            if text[i : i + size] == other[j : j + size]:
                covered[0].update(range(i, i + size))
                covered[1].update(range(j, j + size))
    return max((len(covered[0]) / len(text), len(covered[1]) / len(other))) if covered[0] else 0.0


HAN = st.text(alphabet="甲乙丙", min_size=1, max_size=12)


@given(st.lists(HAN, min_size=1, max_size=4), st.lists(HAN, min_size=1, max_size=3, unique=True))
def test_the_same_as_one_pair_at_a_time(texts: list[str], others: list[str]) -> None:
    size = 3
    names = [f"e{n}" for n in range(len(others))]
    table = Table.of(iter([(names, pl.Series(others, dtype=pl.String))]), size, most=1)
    result = {n: (share, name) for n, share, _, name in overlaps(pl.Series(texts), table, 0.0)}
    for n, text in enumerate(texts):
        shares = {name: slowly(text, other, size) for name, other in zip(names, others, strict=True)}
        shares |= {name: 1.0 for name, other in zip(names, others, strict=True) if other == text}
        worst = max(shares.values())
        assert (n in result) == (worst > 0)
        if worst > 0:
            assert result[n][0] == pytest.approx(worst)
            assert shares[result[n][1]] == pytest.approx(worst)


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_neither_order_nor_parts_nor_tables_matter(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, parts: int
) -> None:
    rows = [held(f"e{n}", some(n // 2, 20)) for n in range(8)]
    rows += [train(f"t{n}", f"{some(n, 16 + n)} {some(n + 50, 9)}") for n in range(8)]
    first = found(tmp_path_factory.mktemp("a"), rows)
    size, module.TABLE = module.TABLE, 50
    try:
        again = found(tmp_path_factory.mktemp("b"), chance.sample(rows, len(rows)), parts=parts)
    finally:
        module.TABLE = size
    assert first["id"].to_list() == ["t0", "t1", "t2", "t3"]
    assert again.equals(first)
