"""Entities that a model finds in texts, with places in the text as it was sent."""

from pathlib import Path

import pytest
import torch

import tokenmill
from tests.tiny_models import tiny_model, write_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.core.normalization import Normalization, write_normalization
from tokenmill.inference.classify import Span
from tokenmill.inference.entities import entities
from tokenmill.model.characters import CharacterClassifier
from tokenmill.model.folder import load_model, save_model
from tokenmill.text.tokenizer import fingerprint
from tokenmill.text.windows import WINDOWS, window_buckets

NAMES = {"京": "LOC", "江": "PER"}


def _finder(folder: Path) -> Path:
    """A model whose windows take each 京 and what follows it for a place, and each 江 for a person."""
    model = tiny_model("character-classifier", ngrams=1)
    assert isinstance(model, CharacterClassifier) and model.windows is not None
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        labels = model.config.labels
        for character, name in NAMES.items():
            codes = torch.tensor([[ord(character), 1]])
            here = window_buckets(codes, 1)[0, 0, WINDOWS.index((0,))]
            before = window_buckets(codes, 1)[0, 1, WINDOWS.index((-1,))]
            model.windows.bucket.weight[here, labels.index(f"B-{name}")] = 20
            if name == "LOC":
                model.windows.bucket.weight[before, labels.index(f"I-{name}")] = 20
        model.windows.transitions[:, 0] = 4
    tokenizer = write_tokenizer(folder.parent / "tokenizer")
    save_model(folder, model, tokenizer=tokenizer, ancestry={"tokenizer": fingerprint(tokenizer)})
    return folder


def _words(text: str, spans: list[Span]) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.label) for span in spans]


def test_entities_inside_of_tokens_and_across_pieces(tmp_path: Path) -> None:
    finder = tokenmill.load(_finder(tmp_path / "model"))
    texts = ["我喜欢京都。", "", "江江", "我喜欢看京城电影。" * 9, "nothing here"]
    found = tokenmill.tag(finder, texts)
    assert _words(texts[0], found[0]) == [("京都", "LOC")]
    assert found[1] == [] and found[4] == []
    assert _words(texts[2], found[2]) == [("江", "PER"), ("江", "PER")]
    assert _words(texts[3], found[3]) == [("京城", "LOC")] * 9
    assert [span.start for span in found[3]] == [9 * n + 4 for n in range(9)]
    assert all(0.5 < span.probability <= 1 for spans in found for span in spans)
    assert tokenmill.tag(finder, texts, batch_size=1) == found


def test_places_are_those_of_the_text_as_it_was_sent(tmp_path: Path) -> None:
    folder = _finder(tmp_path / "model")
    write_normalization(folder, Normalization(remove_html=True, simplify_chinese=False, replace_pii=True))
    sent = "<p>Ａ&nbsp;<b>京</b>都，电话１３８１２３４５６７８，江</p>"
    (found,) = tokenmill.tag(folder, sent)
    assert [(span.label, sent[span.start : span.end]) for span in found] == [
        ("LOC", "京</b>都"),
        ("PER", "江"),
    ]


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "token-classifier"))
    with pytest.raises(UserError, match="this model is a token-classifier; give a character-classifier"):
        entities(model, vocabulary, ["x"])


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "character-classifier"))
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="not numbers"):
        entities(model, vocabulary, ["x"])
