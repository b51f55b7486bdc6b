"""Scores of candidates equal sums by hand; candidates are cut into tokens with what stands beside them."""

from pathlib import Path

import pytest
import torch

from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.inference.choose import Choice, check_choice, fitted, score_choices
from tokenmill.inference.score import score
from tokenmill.model.folder import load_model

CHOICES = [
    Choice("我喜欢", ("看电影", "听音乐"), "。"),
    Choice("", ("a small test", "books")),
    Choice("我", ("喜欢", "喜欢阅读")),
]


def test_a_causal_models_scores_are_sums_over_tokens(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model"))

    def total(before: str, rest: str) -> float:
        start = [vocabulary.bos, *vocabulary.tokenizer.encode(before, add_special_tokens=False).ids]
        row = [*start, *vocabulary.tokenizer.encode(rest, add_special_tokens=False).ids]
        nats = model(torch.tensor([row]))[0].log_softmax(-1)
        return sum(float(nats[n - 1, row[n]]) for n in range(len(start), len(row)))

    for choice, found in zip(CHOICES, score_choices(model, vocabulary, CHOICES), strict=True):
        after = [total(choice.before, rest) for rest in choice.continuations]
        alone = [total("", rest) for rest in choice.continuations]
        assert found["sum"] == pytest.approx(after, abs=1e-4)
        assert found["pmi"] == pytest.approx([a - b for a, b in zip(after, alone, strict=True)], abs=1e-4)
        sizes = [len(text.encode()) for text in choice.continuations]
        assert found["per_byte"] * sizes == pytest.approx(found["sum"])
        whole = [each.total for each in score(model, vocabulary, choice.texts)]
        assert found["whole"][1] - found["whole"][0] == pytest.approx(whole[1] - whole[0], abs=1e-4)


def test_white_space_goes_with_the_word_behind_it(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model"))
    choices = [Choice("books and ", ("films", "tests")), Choice("books and", (" films", " tests"))]
    one, other = score_choices(model, vocabulary, choices)
    assert one["sum"].tolist() == other["sum"].tolist()


def test_a_masked_model_gives_pseudo_likelihoods(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model", "masked-lm"))
    (found,) = score_choices(model, vocabulary, CHOICES[:1])
    assert found["sum"].tolist() == [s.total for s in score(model, vocabulary, CHOICES[0].texts)]


def test_what_stands_before_is_cut_to_the_context(tmp_path: Path) -> None:
    model, vocabulary = load_model(write_model(tmp_path / "model"))
    choice = Choice("我喜欢看电影。" * 20, ("看电影", "听音乐"), "。")
    short = fitted(vocabulary, choice, model.config.context)
    assert short.before and choice.before.endswith(short.before) and short.after == "。"
    score_choices(model, vocabulary, [short])
    assert fitted(vocabulary, CHOICES[0], model.config.context) == CHOICES[0]
    with pytest.raises(UserError, match="tokens without what stands before, the model's context is 32"):
        fitted(vocabulary, Choice("a", ("b" * 80, "c" * 80)), model.config.context)


def test_candidates_are_ranked(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    found = api.choose(folder, ["看电影", "听音乐"], before="我喜欢", after="。")
    assert sorted(text for text, _ in found) == sorted(["看电影", "听音乐"]) and found[0][1] >= found[1][1]
    by_byte = api.choose(folder, ["看电影", "听音乐"], before="我喜欢", after="。", ranking="per_byte")
    assert by_byte[0][1] == pytest.approx(found[0][1] / 12)


@pytest.mark.parametrize(
    ("candidates", "after", "said"),
    [
        (("a",), "", "at least two candidates, got 1"),
        (("a", "b", "a"), "", "must differ, got a twice"),
        (("a", ""), "", "candidate 2 is empty"),
    ],
)
def test_what_is_no_choice(candidates: tuple[str, ...], after: str, said: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{said}"):
        check_choice(Choice("x", candidates, after), "here")


@pytest.mark.parametrize("kind", ["text-to-text", "sequence-classifier"])
def test_models_that_do_not_choose(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match=f"this model is a {kind}; choose with a causal or a masked"):
        api.choose(write_model(tmp_path / "model", kind), ["a", "b"])  # type: ignore[arg-type]
