"""A model that was fine-tuned to answer texts is asked as in its training: prefix, limits, no chance."""

from pathlib import Path
from typing import Any

import pytest

import tokenmill
from tests.tiny_models import tiny_model, write_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, write_json
from tokenmill.inference.generation.generate import generate
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.names import Kind
from tokenmill.text.tokenizer import BOS, EOS, copy_tokenizer, fingerprint

PREFIX = "books: "
TEXTS = ["a small test", "我喜欢看电影。", "books and films and books and films and books and films"]


def made(folder: Path, kind: Kind, tokenizer: Path) -> Path:
    settings = {"prefix": PREFIX, "max_tokens": 16, "max_target_tokens": None}
    ancestry = {"tokenizer": fingerprint(tokenizer), "task": "generation", "finetune": settings}
    save_model(folder / "model", tiny_model(kind), tokenizer=tokenizer, ancestry=ancestry)
    return folder / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return made(folder, "text-to-text", write_tokenizer(folder / "tokenizer"))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose tokenizer ends each text, as the task leaves it."""
    folder = tmp_path_factory.mktemp("decoder")
    _, vocabulary = load_model(write_model(folder / "base"))
    copy_tokenizer(folder / "base", folder / "ended", vocabulary.ended().tokenizer.to_str())
    return made(folder, "causal-lm", folder / "ended")


def test_prefix_limits_and_the_likeliest_tokens_unless_others_are_asked_for(folder: Path) -> None:
    loaded = tokenmill.load(folder)
    assert loaded.answering is not None and loaded.answering.max_new_tokens == 15
    by_hand = generate(
        loaded.model, loaded.vocabulary, [PREFIX + text for text in TEXTS],
        max_tokens=16, max_new_tokens=15, temperature=0.0,
    )  # fmt: skip
    assert tokenmill.generate(folder, TEXTS) == by_hand
    drawn = tokenmill.generate(loaded, TEXTS, temperature=1.0, seed=1, max_new_tokens=6)
    assert drawn != [[text[:6] for text in texts] for texts in by_hand]
    with_prefix = tokenmill.score(loaded, "书", sources=TEXTS[0])
    loose = tokenmill.load(write_model(folder.parent / "loose", "text-to-text"))
    assert loose.answering is None
    assert tokenmill.score(loose, "书", sources=PREFIX + TEXTS[0]) == with_prefix
    with pytest.raises(UserError, match="shorten the prompt"):
        tokenmill.generate(loose, "books and films " * 9, max_new_tokens=5)


def test_a_decoder_goes_on_behind_the_end_of_the_whole_text(
    decoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import transformers

    from tokenmill.cli.models import generate as command

    loaded = tokenmill.load(decoder)
    ids = loaded.vocabulary.encode([PREFIX + TEXTS[2]], 16)[0]
    assert (ids[0], ids[-1], len(ids)) == (BOS, EOS, 16), "cut, with its end"
    assert loaded.vocabulary.ended() is loaded.vocabulary, "fine-tuned again it has one end"
    found = [texts[0] for texts in tokenmill.generate(decoder, TEXTS)]
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(decoder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(decoder)
    batch = tokenizer([PREFIX + text for text in TEXTS[:2]], return_tensors="pt", padding=True)
    rows = model.generate(**batch, max_new_tokens=15, do_sample=False)
    length = batch["input_ids"].shape[1]
    assert found[:2] == tokenizer.batch_decode(rows[:, length:], skip_special_tokens=True)
    settings = {"num_beams": 1, "num_return_sequences": 1, "seed": 0}
    command(str(decoder), TEXTS[:1], as_json=False, max_new_tokens=None, temperature=None, **settings)
    assert capsys.readouterr().out == f"{found[0]}\n", "the answer alone"


def test_transformers_gives_the_same_answers(folder: Path) -> None:
    import transformers

    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert type(model).__name__ == "T5ForConditionalGeneration"
    batch = tokenizer([PREFIX + text for text in TEXTS[:2]], return_tensors="pt", padding=True)
    rows = model.generate(**batch, max_new_tokens=15, do_sample=False)
    theirs = tokenizer.batch_decode(rows, skip_special_tokens=True)
    assert [texts[0] for texts in tokenmill.generate(folder, TEXTS[:2])] == theirs


def test_the_command_line_asks_in_the_same_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tokenmill.cli.models import generate as command

    given: dict[str, Any] = {field: None for field in ("max_new_tokens", "temperature")}
    rest = {"num_beams": 1, "num_return_sequences": 1, "seed": 0}
    command(str(folder), TEXTS, as_json=True, **given, **rest)
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    answers = [texts[0] for texts in tokenmill.generate(folder, TEXTS)]
    assert len(printed) == 3
    for line, answer in zip(printed, answers, strict=True):
        assert line.startswith('{"prompt": ') and repr(answer)[1:4] in line
    assert GenerationConfig().max_new_tokens == 50


def test_a_broken_ancestry_costs_one_line(folder: Path, tmp_path: Path) -> None:
    from shutil import copytree

    copytree(folder, tmp_path / "broken")
    path = tmp_path / "broken/ancestry.json"
    known = read_json(path, "")
    write_json(path, {**known, "finetune": {"prefix": ""}})
    with pytest.raises(UserError, match=r"ancestry\.json: lacks how the model is asked"):
        tokenmill.load(tmp_path / "broken")
