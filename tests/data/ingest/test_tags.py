"""Schemes of tags are told from their letters; spans are written as tags and read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmill.core.errors import UserError
from tokenmill.data.ingest.tags import Tally, join_tokens, tagged_spans

WRITTEN = {
    "BIO": "B-PER I-PER O B-LOC B-LOC O",
    "IOB1": "I-PER I-PER O I-LOC B-LOC O",
    "BIOES": "B-PER E-PER O S-LOC S-LOC O",
    "BILOU": "B-PER L-PER O U-LOC U-LOC O",
    "BMES": "B-PER E-PER O S-LOC S-LOC O B-ORG M-ORG E-ORG",
    "labels alone": "PER PER O LOC O O",
}
LETTERS = {"BIO": "BIIB", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
"""What begins, goes on, ends, and stands alone."""


def tags_of(length: int, spans: list[tuple[int, int, str]], scheme: str) -> list[str]:
    """Tags as an annotation tool writes them."""
    tags = ["O"] * length
    begin, inside, end, single = LETTERS[scheme]
    for first, behind, label in spans:
        letters = single if behind - first == 1 else begin + inside * (behind - first - 2) + end
        tags[first:behind] = [f"{letter}-{label}" for letter in letters]
    return tags


def read(*sentences: str) -> list[list[tuple[int, int, str]]]:
    tally = Tally()
    for sentence in sentences:
        tally.add(sentence.split())
    return [tagged_spans(sentence.split(), tally.scheme("here")) for sentence in sentences]


@pytest.mark.parametrize("name", WRITTEN)
def test_schemes(name: str) -> None:
    tally = Tally()
    tally.add(WRITTEN[name].split())
    assert tally.scheme("here").name == name
    (spans,) = read(WRITTEN[name])
    if name == "labels alone":
        assert spans == [(0, 2, "PER"), (3, 4, "LOC")]
    else:
        assert spans[:3] == [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "LOC")]
    assert name in tally.said(tally.scheme("here"))


def test_what_a_file_says_as_a_whole_decides() -> None:
    assert read("I-PER I-PER", "O B-PER", "I-LOC B-LOC") == [
        [(0, 2, "PER")],
        [(1, 2, "PER")],
        [(0, 1, "LOC"), (1, 2, "LOC")],
    ]
    assert read("I-PER I-LOC") == [[(0, 1, "PER"), (1, 2, "LOC")]]
    assert read("O O") == [[]] and read("") == [[]]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ("B-PER O I-PER B-PER B-LOC", r"token 3: I-PER continues no entity \(BIO\)"),
        ("B-PER I-LOC B-LOC", r"token 2: I-LOC continues no entity \(BIO\)"),
        ("B-PER I-PER O S-LOC", r"token 2: I-PER has no end \(BIOES\)"),
        ("B-PER B-PER E-PER", r"token 1: B-PER has no end \(BIOES\)"),
        ("S-PER E-PER", r"token 2: E-PER continues no entity \(BIOES\)"),
        ("B-PER M-PER", r"token 2: M-PER has no end \(BMES\)"),
        ("B-PER I-PER PER", r"token 3: 'PER' is no tag \(BIO\)"),
        ("B-PER I-PER B-", r"token 3: 'B-' is no tag \(BIO\)"),
    ],
)
def test_tags_that_cannot_be_read(tags: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(tags)


def test_tags_without_labels_are_refused() -> None:
    with pytest.raises(UserError, match=r"^here: its tags B, I, \.\.\. have no labels; write them as B-NAME"):
        read("B I O B")


@st.composite
def tagged(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, str]]]:
    pieces = draw(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "PER", "B-X"])), max_size=8))
    place, spans = 0, []
    for length, label in pieces:
        if label:
            spans.append((place, place + length, label))
        place += length
    return place, spans


@pytest.mark.parametrize("scheme", LETTERS)
@given(sentence=tagged())
def test_spans_are_read_as_they_were_written(
    scheme: str, sentence: tuple[int, list[tuple[int, int, str]]]
) -> None:
    tally = Tally()
    tally.add(f"{letter}-X" for letter in LETTERS[scheme])
    tags = tags_of(*sentence, scheme)
    tally.add(tags)
    assert tally.scheme("here").name == scheme
    assert tagged_spans(tags, tally.scheme("here")) == sentence[1]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("EU rejects German call .", "EU rejects German call ."),
        ("海 淀 区", "海淀区"),
        ("用 iPhone 手机 Pro Max", "用iPhone手机Pro Max"),
        ("我 用 P C", "我用PC"),
        ("a b", "a b"),
        ("東京 タワー", "東京タワー"),
        ("", ""),
    ],
)
def test_tokens_become_text(tokens: str, text: str) -> None:
    joined, places = join_tokens(tokens.split())
    assert joined == text
    assert [joined[begin:end] for begin, end in places] == tokens.split()
