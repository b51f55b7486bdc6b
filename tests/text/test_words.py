"""Words of byte-level tokens: what belongs together is hidden together."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tests.samples import reviews
from tokenmill.core.errors import UserError
from tokenmill.text.tokenizer import BOS, EOS, SPECIAL_TOKENS, load_tokenizer
from tokenmill.text.words import WordEdges, _byte_alphabet, word_edges, word_starts
from tokenmill.tokenization.train import train_tokenizer

TEXTS = [
    *(text for text, _ in reviews(60, seed=1)),
    *["我喜欢看电影。", "a believable (small) test", "in 1998", "的iPhone手机", "'t is"] * 5,
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    trained = train_tokenizer(TEXTS, algorithm="bpe", vocab_size=600, max_han_run=8)
    (folder / "tokenizer.json").write_text(trained.to_str(), "utf-8")
    return load_tokenizer(folder)


@pytest.fixture(scope="module")
def edges(tokenizer: Tokenizer) -> WordEdges:
    return word_edges(tokenizer)


def words_of(tokenizer: Tokenizer, edges: WordEdges, text: str) -> list[str]:
    ids = np.array(tokenizer.encode(text).ids)
    borders = [*np.flatnonzero(word_starts(ids, edges)), len(ids)]
    return [tokenizer.decode(ids[a:b]) for a, b in pairwise(borders)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unbelievable zzq", ["unbelievable", " zzq"]),
        ("(small) test.", ["(", "small", ")", " test", "."]),
        ("in 1998年", ["in", " 1998", "年"]),
        ("觱很Müller", ["觱", "很", "Müller"]),  # the first is in no text, so it is spelled in bytes
        ("MP3，ok", ["MP3", "，", "ok"]),
        ("カナ", ["カ", "ナ"]),
        ("नमस्ते दुनिया", ["नमस्ते", " दुनिया"]),
    ],
)
def test_words_of_a_text(tokenizer: Tokenizer, edges: WordEdges, text: str, words: list[str]) -> None:
    assert words_of(tokenizer, edges, text) == words


def test_han_tokens_are_words(tokenizer: Tokenizer, edges: WordEdges) -> None:
    text = "我喜欢看电影"
    assert words_of(tokenizer, edges, text) == [tokenizer.decode([n]) for n in tokenizer.encode(text).ids]
    assert len(tokenizer.encode(text).ids) < len(text)


@given(text=st.text(min_size=1, max_size=30))
def test_no_word_begins_inside_a_character(tokenizer: Tokenizer, edges: WordEdges, text: str) -> None:
    assert "".join(words_of(tokenizer, edges, text)) == text


def test_special_tokens_are_words_and_rows_are_apart(edges: WordEdges, tokenizer: Tokenizer) -> None:
    small = tokenizer.encode("unbelievable").ids
    row = [BOS, *small, EOS, BOS]
    starts = word_starts(np.array([row, row[::-1]]), edges)
    assert starts[0].tolist() == [True, True, *[False] * (len(small) - 1), True, True]
    assert starts[:, 0].all()


def test_the_alphabet_of_bytes_is_that_of_the_library() -> None:
    alphabet = _byte_alphabet()
    assert sorted(alphabet) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(alphabet.values()) == list(range(256))
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str("é\n 我")
    text = "".join(piece for piece, _ in spelled)
    assert bytes(alphabet[sign] for sign in text).decode() == "é\n 我"


def test_a_tokenizer_that_is_not_byte_level_is_refused(tmp_path: Path) -> None:
    other = Tokenizer(models.WordLevel(unk_token="<unk>"))
    trainer = trainers.WordLevelTrainer(special_tokens=list(SPECIAL_TOKENS), show_progress=False)
    other.train_from_iterator(["我"], trainer)
    with pytest.raises(UserError, match="needs a byte-level tokenizer, and this one has the token '我'"):
        word_edges(other)
