"""The translation memory and the gloss: what they say of small interfaces."""

import pytest

from tokenmill.evaluation.memory import Gloss, joined, recall

MEMORY = [
    ("Open file", "打开文件"),
    ("Close file", "关闭文件"),
    ("Open window", "打开窗口"),
    ("Close window", "关闭窗口"),
    ("Text with %s", "带 %s 的文本"),
    ("File", "文件"),
]


def test_the_memory_gives_the_most_similar_text_and_how_similar_it_is() -> None:
    same, near, far = recall(MEMORY, ["Open file", "Text with {0}", "zq"])
    assert (same.target, same.similarity) == ("打开文件", pytest.approx(1))
    assert near.source == "Text with %s" and 0.5 < near.similarity < 1
    assert (far.source, far.similarity) == ("Open file", 0), "nothing in common: the first"


def test_a_gloss_puts_known_phrases_and_aligned_words_together() -> None:
    gloss = Gloss(MEMORY)
    assert gloss.words["open"] == ("打", "开") and gloss.words["window"] == ("窗", "口")
    assert gloss("Open file") == "打开文件" and gloss("open FILE") == "打开文件"
    assert gloss("Close open window") == "关闭打开窗口"
    assert gloss("Qwerty %(name)s file") == "Qwerty %(name)s文件", "what is unknown stays"


def test_words_have_spaces_between_them_and_chinese_has_none() -> None:
    assert joined(["Open", "the", "文", "件", ",", "please", "!"]) == "Open the文件, please!"
