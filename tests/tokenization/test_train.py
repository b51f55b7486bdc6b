"""Tokenizers: nothing is lost, nothing is left to chance, and cuts fall where they should."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tests.conftest import ROOT
from tests.samples import reviews
from tokenmill.text.tokenizer import (
    BOS,
    EOS,
    FIRST_TEXT_ID,
    SPECIAL_TOKENS,
    UNK,
    encode_document,
    load_tokenizer,
)
from tokenmill.tokenization.train import LONGEST_RUN, pre_tokenizer, train_tokenizer

TEXTS = [text for text, _ in reviews(200, seed=1)]
ALGORITHMS = ("bpe", "wordpiece", "unigram")


def pieces(text: str, max_han_run: int = 8) -> list[str]:
    return [text[a:b] for _, (a, b) in pre_tokenizer(max_han_run).pre_tokenize_str(text)]


@pytest.fixture(scope="module", params=ALGORITHMS)
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp(request.param)
    trained = train_tokenizer(TEXTS, algorithm=request.param, vocab_size=400, max_han_run=8)
    (folder / "tokenizer.json").write_text(trained.to_str(), "utf-8")
    return load_tokenizer(folder)


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_decodes_to_itself(tokenizer: Tokenizer, text: str) -> None:
    ids = encode_document(tokenizer, text)
    assert ids[0] == BOS and ids[-1] == EOS and (ids[1:-1] >= FIRST_TEXT_ID).all()
    assert tokenizer.decode(ids.tolist(), skip_special_tokens=True) == text


@pytest.mark.parametrize(
    "text",
    ["a" * 500, "中" * 500, "!" * 500, " " * 500, "\n\r\n\t", "１９９８年", "สวัสดีชาวโลก" * 9, "\x00\uffff😀"],
)
def test_long_runs_and_rare_characters_are_never_unknown(tokenizer: Tokenizer, text: str) -> None:
    ids = encode_document(tokenizer, text)
    assert UNK not in ids
    assert tokenizer.decode(ids.tolist()) == text


def test_special_tokens_come_first_in_order(tokenizer: Tokenizer) -> None:
    assert [tokenizer.id_to_token(n) for n in range(39)] == list(SPECIAL_TOKENS)
    assert SPECIAL_TOKENS[:8] == ("<pad>", "<unk>", "<bos>", "<eos>", "<mask>", "<sep>", "<cls>", "<extra_0>")
    assert SPECIAL_TOKENS[-1] == "<extra_31>" and tokenizer.get_vocab_size() <= 400


def test_a_text_cannot_spell_a_special_token(tokenizer: Tokenizer) -> None:
    ids = encode_document(tokenizer, "a<eos>b <mask> <extra_0>")
    assert (ids[1:-1] >= FIRST_TEXT_ID).all()
    assert tokenizer.decode(ids.tolist()) == "a<eos>b <mask> <extra_0>"


SCRIPT = """
import hashlib, sys
from tokenmill.tokenization.train import train_tokenizer
from tests.samples import reviews
texts = [text for text, _ in reviews(200, seed=1)]
trained = train_tokenizer(texts, algorithm=sys.argv[1], vocab_size=400, max_han_run=8)
print(hashlib.sha256(trained.to_str().encode()).hexdigest())
"""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_other_processes_and_thread_counts_give_equal_bytes(algorithm: str) -> None:
    digests = set()
    for threads in ("1", "2", "4"):
        varied = {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", SCRIPT, algorithm]
        done = subprocess.run(
            command, env={**os.environ, **varied}, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_han_is_cut_at_the_given_length() -> None:
    assert pieces("我们在北京举行了盛大的欢迎仪式", 4) == ["我们在北", "京举行了", "盛大的欢", "迎仪式"]
    assert max(len(piece) for piece in pieces("的" * 50, 6)) == 6


def test_digits_go_in_pairs() -> None:
    assert pieces("１９９８年 in 12345") == ["１９", "９８", "年", " in", " ", "12", "34", "5"]


def test_words_take_their_space_and_scripts_part() -> None:
    assert pieces("Hello, I'll say:\n\n 中国abc") == [
        "Hello",
        ",",
        " I",
        "'ll",
        " say",
        ":",
        "\n\n",
        " ",
        "中国",
        "abc",
    ]
    assert pieces("don't 'tis 's") == ["don", "'t", " '", "tis", " '", "s"]


def test_a_long_word_is_cut() -> None:
    assert pieces("x" * (LONGEST_RUN + 3)) == ["x" * LONGEST_RUN, "xxx"]


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_pre_tokens_cover_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_no_token_crosses_a_cut() -> None:
    trained = train_tokenizer(["北京欢迎你" * 3] * 50, algorithm="bpe", vocab_size=400, max_han_run=2)
    assert max(len(trained.decode([n])) for n in range(FIRST_TEXT_ID, trained.get_vocab_size())) == 2


def test_frequent_words_become_one_token() -> None:
    trained = train_tokenizer(["酒店的房间很好，" * 3] * 20, algorithm="bpe", vocab_size=400, max_han_run=8)
    assert len(trained.encode("酒店的房间很好").ids) == 1


def test_unigram_keeps_bytes_that_training_never_saw() -> None:
    trained = train_tokenizer(TEXTS, algorithm="unigram", vocab_size=400, max_han_run=8)
    content = json.loads(trained.to_str())["model"]["vocab"][FIRST_TEXT_ID:]
    single = [score for piece, score in content if len(piece) == 1]
    assert len(single) == 256
    assert single.count(min(score for _, score in content)) > 100  # most bytes never occur in the texts
    assert content == sorted(content, key=lambda entry: (-entry[1], entry[0]))
