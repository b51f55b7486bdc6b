"""The faster engine gives the ids of the tokenizers library, or is not used."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import reviews
from tokenmill.text.special import OURS
from tokenmill.text.tokenizer import FILE, FIRST_TEXT_ID, encode_documents, load_tokenizer
from tokenmill.tokenization import encode as module
from tokenmill.tokenization.encode import Encoder, FastEncoder, new_encoder, prove
from tokenmill.tokenization.train import Algorithm, train_tokenizer

TEXTS = [text for text, _ in reviews(300, seed=3)]
ODD = [
    "",
    "don't 'tis 's I'LL we've'd 's5 'sé ''s \n's 'll中",
    "１９９８年二〇〇八年 12345 3.14159 Ⅷ ①②",
    "a  b   c\n\n\n d \t\n" + " " * 60 + "x" + "\n" * 25 + "y ",
    "x" * 100 + "!" * 100 + " " + "的" * 100,
    "<eos> <pad>a<extra_0> <|endoftext|>",
    "e\u0301 ê ไทย ភាសា မြန်မာ カタカナ ひらがな 한국어 العربية 😀👨‍👩‍👧 ⺀々〇",
]


def write(folder: Path, texts: list[str], algorithm: Algorithm = "bpe", max_han_run: int = 8) -> Path:
    trained = train_tokenizer(texts, algorithm=algorithm, vocab_size=600, max_han_run=max_han_run)
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(trained.to_str(), "utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tokenizer"), [*TEXTS, *ODD * 3])


def usual(folder: Path, texts: list[str]) -> list[list[int]]:
    return [ids.tolist() for ids in encode_documents(load_tokenizer(folder), texts)]


def encoder(folder: Path, *, fast: bool) -> Encoder:
    made = new_encoder(folder, OURS, TEXTS)
    assert made.known is not None
    return made if fast else replace(made, known=None)


def encoded(folder: Path, texts: list[str], *, fast: bool) -> list[list[int]]:
    return [ids.tolist() for ids in encoder(folder, fast=fast).encode(texts).documents()]


@pytest.mark.parametrize("fast", [True, False])
def test_ids_are_those_of_the_library(folder: Path, fast: bool) -> None:
    texts = [*TEXTS, *ODD]
    assert encoded(folder, texts, fast=fast) == usual(folder, texts)


def test_the_faster_engine_is_the_one_that_runs(folder: Path) -> None:
    assert prove(folder, TEXTS) is None
    fast = FastEncoder(folder)
    assert fast.knows(TEXTS)
    assert [ids.tolist() for ids in fast.encode(TEXTS).documents()] == usual(folder, TEXTS)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=5))
def test_what_it_knows_it_encodes_alike(folder: Path, texts: list[str]) -> None:
    fast = FastEncoder(folder)
    assert not fast.knows(texts) or [x.tolist() for x in fast.encode(texts).documents()] == usual(
        folder, texts
    )


PIECES = st.sampled_from(
    [" ", "  ", "\n", "'", "s", "ll", "é", "e\u0301", "1", "２", "中", "国", "。", "!", "〇", "ไ", "😀"]
)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.lists(PIECES, max_size=40).map("".join), min_size=1, max_size=3))
def test_every_order_of_classes_is_cut_alike(folder: Path, texts: list[str]) -> None:
    fast = FastEncoder(folder)
    assert fast.knows(texts)
    assert [x.tolist() for x in fast.encode(texts).documents()] == usual(folder, texts)


@pytest.mark.parametrize("text", ["中国人民，" * 4000, "a word " * 9000, "😀" * 2000, "1" * 2000], ids=len)
def test_long_documents(folder: Path, text: str) -> None:
    """tokie cuts what is 10,000 bytes long; the sample may hold no such document."""
    texts = ["short", text, "", "short"]
    assert encoded(folder, texts, fast=True) == usual(folder, texts)


def test_text_with_the_cutting_character_goes_to_the_library(folder: Path) -> None:
    assert not FastEncoder(folder).knows(["a\0b"])
    assert encoded(folder, ["a\0b", "c"], fast=True) == usual(folder, ["a\0b", "c"])


def test_a_text_cannot_spell_a_special_token(folder: Path) -> None:
    (ids,) = encoded(folder, ["<eos> <pad>"], fast=True)
    assert min(ids[1:-1]) >= FIRST_TEXT_ID


@pytest.mark.parametrize("fast", [True, False])
def test_blocks_change_nothing(folder: Path, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE_CHARACTERS", 1000)
    assert encoded(folder, TEXTS, fast=fast) == usual(folder, TEXTS)


def test_nothing_to_encode(folder: Path) -> None:
    assert encoded(folder, [], fast=True) == []
    assert encoded(folder, ["", ""], fast=True) == usual(folder, ["", ""])


@pytest.mark.parametrize("algorithm", ["wordpiece", "unigram"])
def test_other_models_are_left_to_the_library(tmp_path: Path, algorithm: Algorithm) -> None:
    problem = prove(write(tmp_path, TEXTS, algorithm), TEXTS)
    assert problem is not None and "has no faster engine" in problem


def test_a_long_run_is_left_to_the_library(tmp_path: Path) -> None:
    problem = prove(write(tmp_path, TEXTS, max_han_run=9000), TEXTS)
    assert problem is not None and "too long" in problem


@pytest.mark.parametrize(
    "change", [{"normalizer": {"type": "Lowercase"}}, {"model": {"dropout": 1.0}}], ids=str
)
def test_an_engine_that_differs_is_caught(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """tokie knows nothing of dropout, which at 1.0 leaves out every merge; and texts are cut before it."""
    content = json.loads((folder / FILE).read_text("utf-8"))
    for key, value in change.items():
        content[key] = {**(content[key] or {}), **value}
    (tmp_path / FILE).write_text(json.dumps(content), "utf-8")
    texts = ["The Capital Letters of EVERY text", *TEXTS] * 9
    problem = prove(tmp_path, texts)
    assert problem is not None and "other ids for" in problem and "\n" not in problem


def test_a_character_that_is_seen_in_another_way_costs_its_part_alone(folder: Path) -> None:
    assert prove(folder, [*TEXTS, "a\0b"]) is None


def test_other_pre_tokens_are_left_to_the_library(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / FILE).read_text("utf-8"))
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] += "|."
    (tmp_path / FILE).write_text(json.dumps(content), "utf-8")
    assert prove(tmp_path, TEXTS) == "its pre-tokens are not ours"


def test_ids_are_of_the_smallest_type(folder: Path) -> None:
    for texts in (TEXTS, []):
        found = encoder(folder, fast=True).encode(texts)
        assert found.ids.dtype == np.uint16 and found.ends.tolist()[-1:] == [len(found.ids)][: len(texts)]
