"""Answers in passages: equal to the published class's outputs, over windows, and mistakes."""

from pathlib import Path

import pytest
import torch
import transformers

from tests.downloaded import write_bert
from tests.tiny_models import tiny_model, write_model
from tokenmill.core.errors import UserError
from tokenmill.inference.answer import Answers, answer
from tokenmill.inference.classify import Span
from tokenmill.model.folder import load_model

QUESTION, PASSAGE = "看电影", "a test 我喜欢 "


def test_answers_are_the_best_spans_of_the_published_class(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "span-extractor", family="bert")
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(QUESTION, PASSAGE, return_tensors="pt", return_offsets_mapping=True)
    offsets, sides = encoded.pop("offset_mapping")[0].tolist(), encoded.sequence_ids()
    outside = torch.tensor([place > 0 and side != 1 for place, side in enumerate(sides)])
    with torch.no_grad():
        outputs = theirs(**encoded)
    begin, end = (
        logits[0].masked_fill(outside, -torch.inf).softmax(0)
        for logits in (outputs.start_logits, outputs.end_logits)
    )
    inside = [place for place, side in enumerate(sides) if side == 1]
    ranked = sorted(
        ((float(begin[a] * end[b]), a, b) for a in inside for b in inside if a <= b < a + 4), reverse=True
    )
    (found,) = answer(*load_model(folder), [QUESTION], [PASSAGE], top_k=3, max_tokens=4)
    said: dict[str, dict[tuple[int, int], tuple[int, int]]] = {}
    for _, a, b in ranked:  # places of one text add up
        piece = PASSAGE[offsets[a][0] : offsets[b][1]]
        left = offsets[a][0] + (len(piece) - len(piece.lstrip()) if piece.strip() else 0)
        said.setdefault(piece.strip() or piece, {}).setdefault((left, len(piece.strip())), (a, b))
    summed = {
        text: (sum(float(begin[a]) for a, _ in at.values()) * sum(float(end[b]) for _, b in at.values()), at)
        for text, at in said.items()
    }
    probability, places = max(summed.values(), key=lambda value: value[0])
    first, last = next(iter(places.values()))
    best = found.spans[0]
    assert best.probability == pytest.approx(probability, abs=1e-6)
    whole = PASSAGE[offsets[first][0] : offsets[last][1]]
    assert best.label == PASSAGE[best.start : best.end] == (whole.strip() or whole)
    assert found.no_answer == pytest.approx(float(begin[0] * end[0]), abs=1e-6)
    taken = [place for span in found.spans for place in range(span.start, span.end)]
    assert len(found.spans) == 3 and len(taken) == len(set(taken)), "no two overlap"


def test_windows_hold_all_of_a_passage_and_tell_question_from_passage(tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    write_bert(folder, ["the baker visited the museum", "who repaired the bridge"] * 20)
    model, vocabulary = load_model(folder)
    passage = "the baker visited the museum " * 9
    windows = vocabulary.encode_windows("who visited", passage, 20, 5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = tokenizer(
        "who visited",
        passage,
        truncation="only_second",
        max_length=20,
        stride=5,
        return_overflowing_tokens=True,
        return_token_type_ids=True,
    )
    assert len(windows) > 3 and [window.ids for window in windows] == theirs["input_ids"]
    assert [window.type_ids for window in windows] == theirs["token_type_ids"]
    held = {
        place
        for window in windows
        for (begin, end), side in zip(window.offsets, window.sequence_ids, strict=True)
        if side == 1
        for place in range(begin, end)
    }
    assert held == {place for place, character in enumerate(passage) if character != " "}
    assert model.config.segments == 2


def test_the_best_of_all_windows_is_that_of_the_best_window(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "span-extractor", family="small-bert"))
    passage = "我喜欢看电影。books and films。" * 4
    (found,) = answer(model, vocabulary, ["看"], [passage], stride=8, top_k=2)
    windows = vocabulary.encode_windows("看", passage, model.config.context, 8)
    assert len(windows) > 2
    probabilities, nothing = [], []
    for window in windows:
        logits = model(torch.tensor([window.ids]))[0].detach()
        outside = torch.tensor([n > 0 and side != 1 for n, side in enumerate(window.sequence_ids)])
        begin, end = logits.masked_fill(outside[:, None], -torch.inf).softmax(0).unbind(-1)
        nothing.append(float(begin[0] * end[0]))
        joint = (begin[:, None] * end[None, :])[1:, 1:].triu()
        probabilities.append(float(joint.max()))
    assert found.spans[0].probability >= max(probabilities) - 1e-6, "places of one text add up"
    assert found.no_answer == pytest.approx(min(nothing), abs=1e-6)
    single = answer(model, vocabulary, ["看", "a"], [passage, "b"], stride=8, top_k=2, batch_size=1)
    assert single[0].spans[0] == found.spans[0] and len(single) == 2


def test_none_is_the_answer_where_it_is_likelier() -> None:
    span = Span(0, 1, "a", 0.4)
    assert Answers((span,), 0.3).best == span
    assert Answers((span,), 0.5).best is None


def test_mistakes(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "span-extractor"))
    with pytest.raises(UserError, match="causal-lm; give a span-extractor"):
        answer(tiny_model(), vocabulary, ["a"], ["b"])
    with pytest.raises(UserError, match="passage 2 is empty"):
        answer(model, vocabulary, ["a", "b"], ["b", " \n"])
    with pytest.raises(
        UserError, match=r"^the question qqq.* has 40 tokens, which leaves no room for .*; shorten it$"
    ):
        answer(model, vocabulary, ["q" * 40], ["b"])
    with pytest.raises(UserError, match="question 1 must be a string"):
        answer(model, vocabulary, [3], ["b"])  # type: ignore[list-item]
