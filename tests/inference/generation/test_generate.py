"""Generation: settings do what they say, prompts do not disturb each other, bad settings cost one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_models import tiny_model, write_model
from tokenmill.core.errors import UserError
from tokenmill.inference.generation.generate import generate, stream
from tokenmill.inference.generation.sampling import GenerationConfig, choose, filter_logits, row_numbers
from tokenmill.model.folder import load_model
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

Opened = tuple[Model, Vocabulary]
PROMPTS = ["我喜欢", "a small test, books and films", "", "书", "电影 and books"]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Opened]:
    """Tiny models by family."""
    folder, known = tmp_path_factory.mktemp("models"), dict[str, Opened]()

    def load(family: str) -> Opened:
        if family not in known:
            kind = "text-to-text" if family in ("small-t5", "vaswani") else "causal-lm"
            known[family] = load_model(write_model(folder / family, kind, family=family, context=64))  # type: ignore[arg-type]
        return known[family]

    return load


FAMILIES = pytest.mark.parametrize("family", ["small-gpt", "gpt2", "lstm", "rnn", "small-t5", "vaswani"])


@FAMILIES
def test_greedy_takes_the_most_probable_token_each_time(opened: Callable[[str], Opened], family: str) -> None:
    model, vocabulary = opened(family)
    (prompt,) = vocabulary.encode(["我喜欢"])
    expected: list[int] = []
    special = sorted(vocabulary.special - {vocabulary.eos})
    for _ in range(8):
        if model.config.kind == "text-to-text":
            tokens, source = [vocabulary.start, *expected], torch.tensor([prompt])
            logits = model(torch.tensor([tokens]), source_BS=source)[0, -1]
        else:
            logits = model(torch.tensor([[*prompt, *expected]]))[0, -1]
        logits[special] = -torch.inf
        expected.append(int(logits.argmax()))
    assert vocabulary.eos not in expected
    text = vocabulary.decode(expected)
    assert generate(model, vocabulary, ["我喜欢"], max_new_tokens=8, temperature=0) == [[text]]


@FAMILIES
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0},
        {"temperature": 1.0, "num_return_sequences": 3, "seed": 4},
        {"temperature": 2.0, "top_k": 50, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.2},
        {"num_beams": 3, "num_return_sequences": 2},
    ],
    ids=["greedy", "sampled", "filtered", "beams"],
)
def test_what_a_prompt_gives_does_not_depend_on_the_others(
    opened: Callable[[str], Opened], family: str, settings: dict[str, Any]
) -> None:
    model, vocabulary = opened(family)
    alone = [generate(model, vocabulary, [prompt], max_new_tokens=8, **settings)[0] for prompt in PROMPTS]
    torch.manual_seed(99)
    assert generate(model, vocabulary, PROMPTS, max_new_tokens=8, **settings) == alone
    assert (
        generate(model, vocabulary, PROMPTS[::-1], max_new_tokens=8, batch_size=2, **settings) == alone[::-1]
    )


def test_seeds_and_copies_differ(opened: Callable[[str], Opened]) -> None:
    model, vocabulary = opened("small-gpt")
    ((*texts,),) = generate(model, vocabulary, ["我"], num_return_sequences=4, max_new_tokens=8)
    assert len(set(texts)) == 4
    assert generate(model, vocabulary, ["我"], max_new_tokens=8) == [texts[:1]]
    assert generate(model, vocabulary, ["我"], max_new_tokens=8, seed=1) != [texts[:1]]


def test_a_text_ends_before_a_stop_text_and_at_eos(opened: Callable[[str], Opened]) -> None:
    model, vocabulary = opened("small-gpt")
    ((whole,),) = generate(model, vocabulary, ["我"], max_new_tokens=12)
    stop = whole[4:6]
    for settings in ({}, {"num_beams": 2}):
        ((text,),) = generate(model, vocabulary, ["我"], max_new_tokens=12, stop=("never", stop), **settings)
        assert stop not in text
    ((text,),) = generate(model, vocabulary, ["我"], max_new_tokens=12, stop=("never", stop))
    assert text == whole[: whole.index(stop)]
    assert vocabulary.eos is not None
    with torch.no_grad():
        ended = tiny_model(context=64)
        ended.backbone.embeddings.token.weight[vocabulary.eos] *= 1000  # type: ignore[union-attr]
        scaled = ended.logits

        def logits(hidden: torch.Tensor) -> torch.Tensor:
            return scaled(hidden).index_fill(-1, torch.tensor([vocabulary.eos]), 1e4)

        ended.logits = logits  # type: ignore[method-assign]
    assert generate(ended, vocabulary, ["我"], max_new_tokens=12, temperature=0) == [[""]]


@FAMILIES
def test_a_stream_gives_the_same_text(opened: Callable[[str], Opened], family: str) -> None:
    model, vocabulary = opened(family)
    for settings in ({"temperature": 0}, {"temperature": 1.5, "seed": 2}, {"stop": ("a", "影")}):
        ((text,),) = generate(model, vocabulary, ["我喜欢"], max_new_tokens=30, **settings)  # type: ignore[arg-type]
        assert "".join(stream(model, vocabulary, "我喜欢", max_new_tokens=30, **settings)) == text


def test_top_k_top_p_and_min_p_keep_what_they_should() -> None:
    logits = torch.tensor([[0.5, 0.2, 0.15, 0.1, 0.05]]).log()
    assert torch.isfinite(filter_logits(logits, top_k=2)).tolist() == [[True, True, False, False, False]]
    assert torch.isfinite(filter_logits(logits, top_p=0.6)).tolist() == [[True, True, False, False, False]]
    assert torch.isfinite(filter_logits(logits, min_p=0.25)).tolist() == [[True, True, True, False, False]]
    assert torch.isfinite(filter_logits(logits, top_p=0.01)).sum() == 1
    assert torch.isfinite(filter_logits(logits, top_p=1.0)).all()


def test_samples_follow_the_probabilities_and_never_hit_what_is_left_out() -> None:
    shares = torch.tensor([0.0, 0.5, 0.3, 0.0, 0.2, 0.0])
    numbers = row_numbers(0, [1, 2], 0, 20_000)
    tokens = choose(shares.log().repeat(len(numbers), 1), GenerationConfig(), numbers)
    found = torch.bincount(tokens, minlength=6) / len(numbers)
    assert bool((found[shares == 0] == 0).all())
    assert torch.allclose(found, shares, atol=0.015)
    ends = choose(shares.log().repeat(2, 1), GenerationConfig(), numbers[:2] * 0 + [0.0, 1 - 1e-17])
    assert ends.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 64}, "context is 64"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 1.5}, "top_p"),
        ({"min_p": -0.1}, "min_p"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"stop": ("",)}, "stop"),
        ({"num_beams": 2, "num_return_sequences": 3}, "num_return_sequences"),
        ({"temperature": None}, "temperature must be a number, got None"),
        ({"temperature": "hot"}, "temperature must be a number, got 'hot'"),
        ({"max_new_tokens": 4.5}, "max_new_tokens must be a whole number, got 4.5"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"top_p": float("nan")}, "top_p must be from 1e-06 to 1, got nan"),
    ],
)
def test_a_setting_out_of_range_is_refused(
    opened: Callable[[str], Opened], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        generate(*opened("small-gpt"), ["我"], **{"max_new_tokens": 4, **settings})


def test_more_texts_than_memory_holds_are_refused(
    opened: Callable[[str], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenmill.inference.generation.generate.free_memory", lambda: 1 << 20)
    generate(*opened("small-gpt"), ["我"], max_new_tokens=4, num_return_sequences=2)
    with pytest.raises(
        UserError, match=r"^1,000 texts of \d+ tokens at once take .* GiB, and there are 0\.0; ask"
    ):
        generate(*opened("small-gpt"), ["我"], max_new_tokens=4, num_return_sequences=1000)


def test_many_texts_of_many_prompts_are_those_of_each(opened: Callable[[str], Opened]) -> None:
    prompts = ["我", "a", "我喜欢", "b"]
    settings: dict[str, Any] = {"max_new_tokens": 2, "num_return_sequences": 400}
    together = generate(*opened("small-gpt"), prompts, **settings)
    assert together == [generate(*opened("small-gpt"), [prompt], **settings)[0] for prompt in prompts]


def test_an_encoder_does_not_generate_and_beams_do_not_stream(opened: Callable[[str], Opened]) -> None:
    model, vocabulary = opened("small-gpt")
    with pytest.raises(UserError, match="masked-lm"):
        generate(tiny_model("masked-lm"), vocabulary, ["我"])
    with pytest.raises(UserError, match="num_beams"):
        next(stream(model, vocabulary, "我", num_beams=2))


def test_a_model_folder_of_others_generates_too(tmp_path: Path) -> None:
    """Without our key in config.json and ancestry.json it is read as the published class."""
    import json

    folder = write_model(tmp_path / "model", family="llama")
    ours = generate(*load_model(folder), ["我喜欢"], max_new_tokens=8, temperature=0)
    values = json.loads((folder / "config.json").read_text())
    del values["tokenmill"]
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "ancestry.json").unlink()
    assert generate(*load_model(folder), ["我喜欢"], max_new_tokens=8, temperature=0) == ours
