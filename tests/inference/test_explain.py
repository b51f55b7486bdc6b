"""What moved a decision: the parts cover the text, and the word that decides is found."""

from pathlib import Path

import pytest
import torch

from tests.tiny_models import write_model
from tokenmill.core.normalization import Normalization, write_normalization
from tokenmill.inference import api
from tokenmill.inference.classify import classify
from tokenmill.inference.explain import MOST_PIECES, explain, parts_of
from tokenmill.model.folder import load_model
from tokenmill.text.ngrams import ngram_buckets


def test_parts_cover_a_text_of_any_length() -> None:
    assert [text[b:e] for text in ["It's 很好 42"] for b, e in parts_of(text)] == [
        "It's",
        " ",
        "很",
        "好",
        " ",
        "42",
    ]
    long = "长" * 1000
    parts = parts_of(long)
    assert len(parts) == MOST_PIECES and "".join(long[b:e] for b, e in parts) == long
    assert parts_of("") == []


def test_the_deciding_word_moves_most_and_weights_are_differences(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "sequence-classifier", ngrams=1))
    with torch.no_grad():
        model.ngrams.bucket.weight.zero_()
        for bucket in ngram_buckets("好", 1):
            model.ngrams.bucket.weight[bucket] = torch.tensor([0.0, 50.0])
    text = "我说好吗"
    (found,) = explain(model, vocabulary, [text])
    assert found.label == "positive"
    strongest = max(found.influences, key=lambda part: part.weight)
    assert text[strongest.start : strongest.end] == "好"
    without = classify(model, vocabulary, ["我说吗"])[0, 1]
    assert found.value > 0.5 and strongest.weight == pytest.approx(found.value - without)


def test_places_are_those_of_the_text_as_it_was_sent(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "sequence-classifier")
    steps = Normalization(remove_html=True, simplify_chinese=False, replace_pii=False)
    write_normalization(folder, steps)
    sent = "<b>好</b>的"
    (found,) = api.explain(folder, sent)
    assert [sent[part.start : part.end] for part in found.influences][-1] == "的"
