"""Texts in pieces, and the tokens of their characters."""

import itertools
from pathlib import Path

import pytest

from tests.tiny_models import write_model
from tokenmill.model.folder import load_model
from tokenmill.text.characters import UNREADABLE, cut_places, text_pieces
from tokenmill.text.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder: Path = tmp_path_factory.mktemp("model") / "model"
    return load_model(write_model(folder, "masked-lm"))[1]


def _parts(text: str, longest: int, *whole: tuple[int, int]) -> list[str]:
    return [text[begin:end] for begin, end in cut_places(text, longest, whole)]


def test_pieces_are_whole_sentences() -> None:
    assert _parts("一二。三四。五六七。", 6) == ["一二。三四。", "五六七。"]
    assert _parts("一二。”三。", 4) == ["一二。”", "三。"]
    assert _parts("短", 6) == ["短"]
    assert _parts("", 6) == []


def test_a_long_sentence_is_cut_behind_a_comma_or_where_the_room_ends() -> None:
    assert _parts("一二三四，五六七八九十", 6) == ["一二三四，", "五六七八九十"]
    assert _parts("一二三四五六七八", 5) == ["一二三四五", "六七八"]
    assert _parts("ab cd ef gh", 7) == ["ab cd ", "ef gh"]


def test_what_is_to_stay_whole_is_not_cut_where_it_fits() -> None:
    assert _parts("一二三四五六七八", 5, (4, 7)) == ["一二三四", "五六七八"]
    assert _parts("一二三四五六七八", 5, (0, 7)) == ["一二三四五", "六七八"]


@pytest.mark.parametrize(
    "text", ["我喜欢看电影。我喜欢看电影。", "a small test 龘龘龘 of it", "龘" * 40, "\x00a 。\n b"]
)
def test_every_character_lies_in_a_token_that_has_it(vocabulary: Vocabulary, text: str) -> None:
    pieces = text_pieces(vocabulary, text, 12)
    assert pieces[0].begin == 0 and pieces[-1].end == len(text)
    assert all(before.end == after.begin for before, after in itertools.pairwise(pieces))
    for piece in pieces:
        part = text[piece.begin : piece.end]
        assert "".join(map(chr, piece.characters)) == part.replace("\x00", chr(UNREADABLE))
        assert len(piece.tokens) <= 12
        encoded = vocabulary.encode_whole([part], 12)[0][0]
        assert encoded.ids == piece.tokens
        for place, token in enumerate(piece.places):
            begin, end = encoded.offsets[token]
            assert begin <= place < end
