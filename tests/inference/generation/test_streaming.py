"""Pieces of text only ever add: no half characters, no beginnings of a stop text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_models import plain_ids, write_tokenizer
from tokenmill.inference.generation.streaming import TextStream, cut
from tokenmill.text.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    from tokenmill.text.tokenizer import load_tokenizer

    folder: Path = tmp_path_factory.mktemp("tokenizer")
    return Vocabulary(load_tokenizer(write_tokenizer(folder)), special=frozenset(range(39)), pad=0, eos=3)


def _pieces(vocabulary: Vocabulary, tokens: list[int], stop: tuple[str, ...]) -> list[str]:
    text = TextStream(vocabulary, stop)
    pieces = [text.take(tokens[: end + 1]) for end in range(len(tokens))]
    return [*pieces, text.finish(tokens)]


@given(text=st.text(max_size=30), stop=st.lists(st.text(min_size=1, max_size=3), max_size=3))
@settings(max_examples=60, deadline=None)
def test_pieces_make_up_the_text_before_the_first_stop(
    vocabulary: Vocabulary, text: str, stop: list[str]
) -> None:
    tokens = plain_ids(vocabulary, text)
    pieces = _pieces(vocabulary, tokens, tuple(stop))
    assert "".join(pieces) == cut(vocabulary.decode(tokens), stop)
    assert (
        all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces)
        or "\N{REPLACEMENT CHARACTER}" in text
    )


def test_a_character_of_several_tokens_comes_whole(vocabulary: Vocabulary) -> None:
    tokens = plain_ids(vocabulary, "罕见")
    assert len(tokens) == 6
    assert _pieces(vocabulary, tokens, ()) == ["", "", "罕", "", "", "见", ""]


def test_what_may_become_a_stop_text_waits(vocabulary: Vocabulary) -> None:
    tokens = [*plain_ids(vocabulary, "x"), *plain_ids(vocabulary, "\n"), *plain_ids(vocabulary, "y")]
    assert _pieces(vocabulary, tokens, ("\n\n",)) == ["x", "", "\ny", ""]


def test_broken_bytes_come_at_the_end(vocabulary: Vocabulary) -> None:
    tokens = plain_ids(vocabulary, "罕")[:2]
    assert _pieces(vocabulary, tokens, ())[:2] == ["", ""]
    assert _pieces(vocabulary, tokens, ())[2] == vocabulary.decode(tokens)
