"""Exact match and F1 of answers: SQuAD's on English, by character on Chinese."""

import re
import string
from collections import Counter

import pytest

from tokenmill.evaluation.exact_match import answer_f1, answer_units, exact_match

CASES = [
    ("the Baker's house", ["baker's house"]),
    ("A dog, the cat", ["dog cat", "a bird"]),
    ("in 1998", ["1998"]),
    ("", ["nothing"]),
    ("Paris", ["London"]),
    ("$5 million", ["5 million"]),
    ("one two two", ["two two three"]),
]


def squad_words(text: str) -> list[str]:
    """The words of an answer, by the rules of SQuAD's own evaluation, for English."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def squad_f1(found: list[str], right: list[str]) -> float:
    """F1 by precision and recall of the words."""
    same = sum((Counter(found) & Counter(right)).values())
    if not same:
        return float(found == right == [])
    precision, recall = same / len(found), same / len(right)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(("predicted", "actual"), CASES)
def test_of_english_they_are_those_of_squad(predicted: str, actual: list[str]) -> None:
    words = squad_words(predicted)
    assert exact_match(predicted, actual) == max(words == squad_words(right) for right in actual)
    expected = max(squad_f1(words, squad_words(right)) for right in actual)
    assert answer_f1(predicted, actual) == pytest.approx(expected)


def test_of_chinese_characters_count() -> None:
    assert answer_units("《新华社》 the AB1月") == ["新", "华", "社", "ab1", "月"]
    assert exact_match("“北京”", ["北京"]) == 1 and exact_match("北京市", ["北京"]) == 0
    assert answer_f1("北京市", ["北京"]) == pytest.approx(0.8)
    assert answer_f1("上海", ["北京", "海"]) == pytest.approx(2 / 3)


def test_of_questions_without_answer_none_is_right() -> None:
    assert exact_match("", []) == answer_f1("", []) == 1
    assert exact_match("北京", []) == answer_f1("北京", []) == 0
    assert exact_match("", ["北京"]) == answer_f1("", ["北京"]) == 0
