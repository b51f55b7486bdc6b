"""Messages: one line, of bounded length, that shows what it quotes and obeys none of it."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.core.errors import LONGEST_LINE, UserError, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("data/中文 ü.txt: gone", "data/中文 ü.txt: gone"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred\x07\x00", r"\x1b[31mred\x07\x00"),
        ("two\u2028lines", r"two\u2028lines"),
        ("txt.\u202eexe", r"txt.\u202eexe"),
        ("\ud800", r"\ud800"),
        (b"\xb7\xbf.txt".decode("utf-8", "surrogateescape"), r"\xb7\xbf.txt"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert one_line(text) == str(UserError(text)) == shown


def test_of_a_long_message_place_and_remedy_stay() -> None:
    shown = str(UserError("params.yaml: " + "k" * 10**7 + "; shorten it"))
    assert len(shown) == LONGEST_LINE
    assert shown.startswith("params.yaml: k") and " ... " in shown and shown.endswith("k; shorten it")


@given(st.text(st.characters(), max_size=300), st.integers(10, 200))
def test_any_text_is_one_line_and_stays_as_it_is(text: str, longest: int) -> None:
    line = one_line(text, longest)
    assert line.isprintable() and len(line) <= longest
    assert one_line(line, longest) == line
    assert str(pickle.loads(pickle.dumps(UserError(text)))) == str(UserError(text))
