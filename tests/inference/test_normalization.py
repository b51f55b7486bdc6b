"""What users send is read as training texts were; what comes back speaks of their own text."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tokenmill
from tests.tiny_models import write_model
from tokenmill.cli.main import main
from tokenmill.core.errors import UserError
from tokenmill.core.normalization import FILE, Normalization, write_normalization
from tokenmill.inference.normalization import beginnings, texts_with_gaps, whole_texts
from tokenmill.model.digest import model_digest
from tokenmill.model.exchange import export_model, import_model
from tokenmill.model.names import Kind

ALL = Normalization(remove_html=True, simplify_chinese=True, replace_pii=True)
NORMAL = "ABC 我喜欢阅读，电话[PHONE]"
SENT = {
    "full width": "ＡＢＣ\u3000我喜欢阅读，电话１３８１２３４５６７８",
    "traditional": "ABC 我喜歡閱讀，電話13812345678",
    "marked up": "<p>ABC <b>我喜欢</b>阅读，&#30005;话13812345678</p>",
    "all": "\ufeff<p>ＡＢＣ&nbsp;\u3000<b>我喜歡</b>閱讀，電話１３８１２３４５６７８</p>\r\n",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """A folder with a tiny model of a kind whose training texts went through all steps."""
    folder = tmp_path_factory.mktemp("models")

    def made(kind: Kind) -> Path:
        path = folder / kind
        if not path.exists():
            write_model(path, kind, context=64)
            write_normalization(path, ALL)
        return path

    return made


@pytest.mark.parametrize("how", SENT)
def test_a_text_is_read_as_its_normal_form(model: Callable[[Kind], Path], how: str) -> None:
    sent = SENT[how]
    classifier = tokenmill.load(model("sequence-classifier"))
    assert tokenmill.classify(classifier, sent) == tokenmill.classify(classifier, NORMAL)
    assert (tokenmill.embed(classifier, sent) == tokenmill.embed(classifier, NORMAL)).all()
    writer = tokenmill.load(model("causal-lm"))
    assert tokenmill.score(writer, sent) == tokenmill.score(writer, NORMAL)
    answerer = tokenmill.load(model("text-to-text"))
    assert tokenmill.generate(answerer, sent, max_new_tokens=4) == tokenmill.generate(
        answerer, NORMAL, max_new_tokens=4
    )
    assert tokenmill.score(answerer, sent, sources=sent) == tokenmill.score(answerer, NORMAL, sources=NORMAL)


def test_a_model_that_says_nothing_reads_texts_as_they_are(tmp_path: Path) -> None:
    plain = tokenmill.load(write_model(tmp_path / "plain", "sequence-classifier", context=64))
    assert plain.normalization is None
    assert tokenmill.classify(plain, SENT["all"]) != tokenmill.classify(plain, NORMAL)
    assert whole_texts(None, [" Ａ "]) == beginnings(None, [" Ａ "]) == [" Ａ "]
    assert texts_with_gaps(None, [" Ａ <mask>"], plain.vocabulary) == [" Ａ <mask>"]


@pytest.mark.parametrize("how", SENT)
def test_tags_stand_in_the_text_as_it_was_sent(model: Callable[[Kind], Path], how: str) -> None:
    sent, tagger = SENT[how], tokenmill.load(model("token-classifier"))
    (spans,), (normal,) = tokenmill.tag(tagger, sent), tokenmill.tag(tagger, NORMAL)
    assert [(span.label, span.probability) for span in spans] == [
        (span.label, span.probability) for span in normal
    ]
    for span, other in zip(spans, normal, strict=True):
        assert 0 <= span.start <= span.end <= len(sent)
        part = NORMAL[other.start : other.end]
        if "\ufffd" not in part and part.strip() and part not in "[PHONE]":
            read = whole_texts(ALL, [sent[span.start : span.end]])
            assert read == [part.strip()] or "[PHONE]" in part or "[PHONE]" in read[0]
    covered = {place for span in spans for place in range(span.start, span.end)}
    assert {n for n, character in enumerate(sent) if character in "我喜歡欢阅閱读讀ABＡＢ"} <= covered


def test_answers_are_parts_of_the_passage_as_it_was_sent(model: Callable[[Kind], Path]) -> None:
    extractor = tokenmill.load(model("span-extractor"))
    passage = SENT["all"]
    ((found,),) = (a.spans for a in tokenmill.answer(extractor, "誰喜歡？", passage, max_tokens=4))
    ((expected,),) = (a.spans for a in tokenmill.answer(extractor, "谁喜欢？", NORMAL, max_tokens=4))
    assert found.label == passage[found.start : found.end]
    assert found.probability == expected.probability
    read = whole_texts(ALL, [found.label])[0]
    assert expected.label.strip() in read or "[PHONE]" in read


def test_gaps_stay_and_stand_where_they_stood(model: Callable[[Kind], Path]) -> None:
    filler = tokenmill.load(model("masked-lm"))
    sent = " <p>我喜歡<mask>，Ａ <mask></p>"
    assert texts_with_gaps(ALL, [sent], filler.vocabulary) == ["我喜欢<mask>，A <mask>"]
    assert tokenmill.fill(filler, sent) == tokenmill.fill(filler, "我喜欢<mask>，A <mask>")
    mine = "\U000f0000\U000f0001 <mask>"  # characters for private use are the user's
    assert texts_with_gaps(ALL, [mine], filler.vocabulary) == [mine]


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("  Ａ：", "A："),
        ("A ", "A "),
        ("A\u3000\n\n\n", "A\n\n"),
        ("<b>A</b>\n", "A\n"),
        ("", ""),
        (" ", ""),
    ],
)
def test_a_prompt_goes_on_as_it_ends(prompt: str, read: str) -> None:
    assert beginnings(ALL, [prompt]) == [read]
    assert beginnings(ALL, [read]) == [read]


def test_the_command_line_shows_the_text_as_it_was_sent(
    model: Callable[[Kind], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: str, kind: Kind, text: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["tokenmill", command, str(model(kind)), text, "--json"])
        with pytest.raises(SystemExit):
            main()
        return json.loads(capsys.readouterr().out)

    sent, normal = (run("classify", "sequence-classifier", text) for text in (SENT["all"], NORMAL))
    assert sent["text"] == SENT["all"] and sent["probabilities"] == normal["probabilities"]
    tokens = run("tag", "token-classifier", SENT["all"])["spans"]
    assert tokens[0]["start"] < tokens[-1]["end"] <= len(SENT["all"])


def test_the_file_belongs_to_the_model(model: Callable[[Kind], Path], tmp_path: Path) -> None:
    folder = model("causal-lm")
    export_model(folder, tmp_path / "exported")
    import_model(tmp_path / "exported", tmp_path / "imported")
    for copy in ("exported", "imported"):
        assert (tmp_path / copy / FILE).read_bytes() == (folder / FILE).read_bytes()
        assert "normalised" in (tmp_path / copy / "README.md").read_text("utf-8")
    before = model_digest(tmp_path / "imported")
    write_normalization(tmp_path / "imported", Normalization(False, False, False))
    assert model_digest(tmp_path / "imported") != before
    (tmp_path / "imported" / FILE).write_text("{}")
    with pytest.raises(UserError, match=rf"{FILE}: should give true or false for"):
        tokenmill.load(tmp_path / "imported")
