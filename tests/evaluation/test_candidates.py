"""Answers without a model: which candidates there are, and which is taken."""

from tokenmill.evaluation.candidates import candidates, most_alike, most_frequent

PASSAGE = "北京市的代表在上海发言。北京市和上海都很大，北京最大。"


def test_candidates_are_known_answers_and_runs_without_stop_characters() -> None:
    found = candidates(PASSAGE, "谁发言？", {"北京", "北京市", "京市"})
    assert found["北京市"] == [(0, 3), (12, 15)] and found["北京"] == [(22, 24)], "the longest first"
    assert "代表" in found and "上海发言" in found and not any("的" in text for text in found)
    assert "北京" not in candidates(PASSAGE, "北京怎样？", {"北京"}), "the question does not ask for itself"
    assert candidates("the cartoon art", "", {"art"}) == {
        "the": [(0, 3)],
        "cartoon": [(4, 11)],
        "art": [(12, 15)],
    }, "no word is cut"


def test_the_most_frequent_stands_most_often_and_then_first() -> None:
    assert most_frequent({"a": [(0, 1)], "b": [(3, 4), (6, 7)], "c": [(8, 9), (10, 11)]}) == (3, 4)
    assert most_frequent({}) is None


def test_beside_a_gap_equal_characters_count() -> None:
    passage = "他住在北京城里。她来自上海城外。"
    found = {"北京": [(3, 5)], "上海": [(11, 13)]}
    assert most_alike(found, passage, "我住在____城里。") == (3, 5)
    assert most_alike(found, passage, "谁来自____城外？") == (11, 13)
    assert most_alike({}, passage, "____") is None


def test_without_a_gap_the_words_of_the_question_around_it_count() -> None:
    passage = "the baker opened a shop near Paris . later the doctor built a house in London ."
    found = {name: [(passage.index(name), passage.index(name) + len(name))] for name in ("Paris", "London")}
    place = most_alike(found, passage, "who built a house in town")
    assert place is not None and passage[slice(*place)] == "London"
