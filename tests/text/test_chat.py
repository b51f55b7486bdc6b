"""Conversations as ids: what `transformers` makes of the template that stands in a model's folder."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import TEXTS, write_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.data.documents.conversations import Role, Turn
from tokenmill.model.folder import load_model, save_model
from tokenmill.text.chat import chat_prompt, chat_rows, check_chat_tokens
from tokenmill.text.chat_template import CHAT_TEMPLATE, END_OF_TURN, chat_generation, is_chat
from tokenmill.text.tokenizer import EOS, FIRST_TEXT_ID, fingerprint
from tokenmill.tokenization.train import train_tokenizer

TURNS: list[tuple[Role, str]] = [
    ("system", "be  kind "),
    ("user", " 我喜欢看电影。\nand films?"),
    ("assistant", "books  "),
    ("user", "a small test"),
    ("assistant", "\n- one\n- two {{ three }}"),
]
LONG = 512


def folder_of(folder: Path, algorithm: Any) -> Path:
    """A model folder for conversations with a tokenizer trained by an algorithm."""
    tokenizer = folder / "tokenizer"
    write_tokenizer(tokenizer)
    if algorithm != "bpe":
        trained = train_tokenizer(TEXTS * 3, algorithm=algorithm, vocab_size=320, max_han_run=4)
        trained.save(str(tokenizer / "tokenizer.json"))
    model, _ = load_model(write_model(folder / "tiny"))
    save_model(
        folder / "model",
        model,
        tokenizer=tokenizer,
        ancestry={"tokenizer": fingerprint(tokenizer)},
        chat=True,
    )
    return folder / "model"


@pytest.mark.parametrize("algorithm", ["bpe", "wordpiece", "unigram"])
def test_transformers_writes_conversations_with_the_same_ids_and_mask(tmp_path: Path, algorithm: str) -> None:
    from transformers import AutoTokenizer

    folder = folder_of(tmp_path, algorithm)
    theirs, (_, ours) = AutoTokenizer.from_pretrained(folder), load_model(folder)
    assert is_chat(ours) and theirs.chat_template == CHAT_TEMPLATE
    for turns in (TURNS, TURNS[1:]):
        messages = [{"role": role, "content": content} for role, content in turns]
        (row,) = chat_rows(ours, [Turn(*turn) for turn in turns], LONG).rows
        found = theirs.apply_chat_template(messages, return_assistant_tokens_mask=True, return_dict=True)
        assert found["input_ids"] == row.ids
        assert found["assistant_masks"] == [int(learnt) for learnt in row.learnt]
        prompt = theirs.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=True)
        assert prompt["input_ids"] == chat_prompt(ours, [Turn(*turn) for turn in turns[:-1]], LONG)


def test_text_that_spells_a_special_token_is_text(tmp_path: Path) -> None:
    _, vocabulary = load_model(folder_of(tmp_path, "bpe"))
    (row,) = chat_rows(vocabulary, [Turn("user", "a"), Turn("assistant", "<extra_31><eos>")], LONG).rows
    assert row.ids.count(END_OF_TURN) == 2 and EOS not in row.ids
    assert vocabulary.decode(row.ids) == "a<extra_31><eos>"


def test_of_a_long_conversation_the_last_turns_are_the_prompt(tmp_path: Path) -> None:
    _, vocabulary = load_model(folder_of(tmp_path, "bpe"))
    turns = [
        Turn("system", "be"),
        *[Turn("user", "books"), Turn("assistant", "films")] * 9,
        Turn("user", "a"),
    ]
    whole = chat_prompt(vocabulary, turns, LONG)
    kept = chat_prompt(vocabulary, turns, 40)
    system = len(vocabulary.tokenizer.encode("be", add_special_tokens=False).ids) + 3  # <bos>, role, end
    assert len(kept) <= 40 and kept[:system] == whole[:system]
    assert kept[system:] == whole[system - len(kept) :] and vocabulary.decode(kept[system:]).startswith(
        "books"
    )
    with pytest.raises(UserError, match="the last turn has 3 tokens, and there is room for 6; shorten it"):
        chat_prompt(vocabulary, turns, 6)


def test_a_text_ends_with_the_turn_too() -> None:
    known = {"eos_token_id": EOS, "suppress_tokens": [0, 1, END_OF_TURN], "top_k": 5}
    made = chat_generation(known)
    assert made == {"eos_token_id": [EOS, END_OF_TURN], "suppress_tokens": [0, 1], "top_k": 5}
    assert chat_generation(made) == made and chat_generation({}) == {"eos_token_id": [END_OF_TURN]}


def test_a_tokenizer_without_tokens_for_turns_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    path = folder / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace("<extra_31>", "<other>"), "utf-8")
    (folder / "ancestry.json").unlink()
    _, vocabulary = load_model(folder)
    with pytest.raises(UserError, match=r"data/sources/theirs: its tokenizer has no tokens for turns \(<ext"):
        check_chat_tokens(vocabulary, "data/sources/theirs")


def test_only_four_tokens_are_taken() -> None:
    assert END_OF_TURN == FIRST_TEXT_ID - 1
    assert [f"<extra_{n}>" in CHAT_TEMPLATE for n in range(27, 32)] == [False, True, True, True, True]
