"""Answers in conversations: where they stop, what is read, what is refused; as `transformers` has them."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import tiny_model, write_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.data.documents.conversations import Turn
from tokenmill.inference import api
from tokenmill.inference.chat import chat
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.folder import LoadedModel, save_model
from tokenmill.model.heads import LanguageModel
from tokenmill.text.chat import chat_prompt
from tokenmill.text.chat_template import END_OF_TURN
from tokenmill.text.tokenizer import EOS, fingerprint

ASKED = [{"role": "user", "content": "我喜欢看电影。"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model with random weights."""
    folder = tmp_path_factory.mktemp("chat")
    tokenizer = write_tokenizer(folder / "tokenizer")
    known = {"tokenizer": fingerprint(tokenizer), "task": "chat"}
    save_model(folder / "model", tiny_model(context=64), tokenizer=tokenizer, ancestry=known, chat=True)
    return folder / "model"


@pytest.fixture
def talker(folder: Path) -> LoadedModel:
    return api.load(folder)


def test_an_answer_is_text_without_marks_of_turns(talker: LoadedModel) -> None:
    model, vocabulary = talker.model, talker.vocabulary
    assert isinstance(model, LanguageModel) and vocabulary.ends == {EOS, END_OF_TURN}
    answer = api.chat(talker, ASKED, max_new_tokens=8, temperature=0)
    row = chat_prompt(vocabulary, [Turn("user", "我喜欢看电影。")], 64)
    ((ids,),) = generate_ids(model, vocabulary, [row], GenerationConfig(max_new_tokens=8, temperature=0))
    assert vocabulary.decode(ids) == answer and set(ids).isdisjoint(vocabulary.special)


def test_each_conversation_is_answered_by_itself(talker: LoadedModel) -> None:
    first = [Turn("user", "a"), Turn("assistant", "books"), Turn("user", "films")]
    asked = [first, [Turn("user", "我")], first[:1]]
    together = chat(talker.model, talker.vocabulary, asked, max_new_tokens=6, seed=3)
    assert together == [
        chat(talker.model, talker.vocabulary, [turns], max_new_tokens=6, seed=3)[0] for turns in asked
    ]


def test_the_pipeline_of_transformers_answers_the_same(folder: Path) -> None:
    from transformers import pipeline

    pipe = pipeline("text-generation", model=str(folder))
    messages = [
        *ASKED,
        {"role": "assistant", "content": "books"},
        {"role": "user", "content": "a small test"},
    ]
    for asked in (ASKED, messages):
        ours = api.chat(folder, asked, max_new_tokens=8, temperature=0)
        (found,) = pipe(asked, max_new_tokens=8, do_sample=False)
        assert found["generated_text"][-1] == {"role": "assistant", "content": ours}


def test_the_folder_says_what_it_is_for(folder: Path) -> None:
    readme = (folder / "README.md").read_text("utf-8")
    assert "tokenmill.chat(model, ...)" in readme and "Qwen3ForCausalLM" in readme


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], r"messages must be a list of objects with role and content, got \[\]"),
        ("hello", "messages must be a list"),
        (["hello"], "message 1 must be an object with role and content, got hello"),
        ([{"role": "user"}], "message 1 must be an object with role and content"),
        ([{"role": "tool", "content": "a"}], "message 1: role must be system, user or assistant, got tool"),
        ([{"role": "user", "content": 3}], "content of message 1, text 1 must be a string, got int"),
        ([{"role": "assistant", "content": "a"}, *ASKED], "the conversation begins with the assistant"),
        ([{"role": "user", "content": " "}], r"the conversation has an empty turn \(1, user\)"),
        ([*ASKED, {"role": "assistant", "content": "a"}], "the last message is not a user's"),
        ([{"role": "user", "content": "q" * 90}], "the last turn has 92 tokens, and there is room for 56"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_messages_that_cannot_be_answered(talker: LoadedModel, messages: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        api.chat(talker, messages, max_new_tokens=8)


def test_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"this model \(causal-lm\) was not fine-tuned for conversations"):
        api.chat(write_model(tmp_path / "gpt"), ASKED)
    with pytest.raises(UserError, match=r"this model \(masked-lm\) was not"):
        api.chat(write_model(tmp_path / "bert", "masked-lm"), ASKED)
