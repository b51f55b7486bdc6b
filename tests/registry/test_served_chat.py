"""A served model for conversations: messages in OpenAI's shape in, the next one out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from fastapi.testclient import TestClient
from mlflow.models import Model
from mlflow.pyfunc import scoring_server

from tests.tiny_models import tiny_model
from tokenmill.inference import api
from tokenmill.model.folder import save_model
from tokenmill.registry.package import save_package
from tokenmill.text.tokenizer import fingerprint

ASKED = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": "你好"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": "films?"},
]


@pytest.fixture
def talker(project: Path, make_model: Callable[..., Path]) -> Path:
    """The folder of a model for conversations."""
    make_model("scribe")
    shards, folder = project / "tokenizer", project / "data/models/talker"
    known = {"tokenizer": fingerprint(shards), "task": "chat"}
    model = tiny_model(vocab_size=295, layers=1, width=16, context=64)
    save_model(folder, model, tokenizer=shards, ancestry=known, chat=True)
    return folder


@pytest.fixture
def client(project: Path, talker: Path) -> TestClient:
    save_package(project / "package", talker, "chat", "# card", Model())
    model = mlflow.pyfunc.load_model(str(project / "package"))
    return TestClient(scoring_server.init(model), raise_server_exceptions=False)


def send(client: TestClient, body: Any) -> tuple[int, Any]:
    sent = client.post("/invocations", content=json.dumps(body), headers={"content-type": "application/json"})
    return sent.status_code, sent.json()


def test_messages_are_answered(client: TestClient, talker: Path) -> None:
    rows = [{"messages": ASKED}, {"messages": ASKED[1:2]}]
    params = {"max_new_tokens": 6, "temperature": 0.0}
    status, answer = send(client, {"dataframe_records": rows, "params": params})
    expected = [api.chat(talker, row["messages"], max_new_tokens=6, temperature=0.0) for row in rows]
    assert status == 200
    assert answer["predictions"] == [{"role": "assistant", "content": content} for content in expected]


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        (ASKED[:1], "the conversation has no turn of a user"),
        (ASKED[2:3], "the conversation begins with the assistant"),
        (ASKED[:3], "the last message is not a user's"),
        ([{"role": "robot", "content": "a"}], "message 1: role must be system, user or assistant, got robot"),
        ([{"role": "user", "content": "a" * 90}], "the last turn has 92 tokens"),
        ([], "messages must be a list of objects with role and content"),
    ],
    ids=["no user", "assistant first", "nothing to answer", "role", "too long", "empty"],
)
def test_what_cannot_be_answered_costs_a_sentence(
    client: TestClient, messages: list[dict[str, str]], sentence: str
) -> None:
    status, answer = send(client, {"dataframe_records": [{"messages": messages}]})
    assert status == 400 and answer["message"].startswith(sentence)
