"""A playground with a tiny model of each kind and a few documents, as a process of its own."""

import http.client
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.samples import reviews, splits, write_clean
from tests.servers import free_port, running
from tests.tiny_models import tiny_model, write_model, write_tokenizer
from tokenmill.core.files import read_json, write_json
from tokenmill.model.folder import save_model
from tokenmill.text.tokenizer import fingerprint

KINDS = {
    "gpt": "causal-lm",
    "bert": "masked-lm",
    "t5": "text-to-text",
    "sentiment": "sequence-classifier",
    "speech": "token-classifier",
    "names": "character-classifier",
    "reader": "span-extractor",
}


@dataclass(frozen=True)
class Server:
    """Where a playground listens, and the project that it serves."""

    port: int
    project: Path
    token: str | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def folder(self, name: str) -> Path:
        return self.project / "data/models" / name

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and body of the answer to a request with these headers (``content_type`` and so on)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, content or None, named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The JSON at an address."""
        status, content = self.send("GET", path)
        assert status == 200, content
        return json.loads(content)

    def ask(self, path: str, **body: Any) -> Any:
        """The JSON that a request is answered with."""
        status, answer = self.ask_status(path, body)
        assert status == 200, answer
        return answer

    def ask_status(self, path: str, body: Any) -> tuple[int, Any]:
        """The same with its status."""
        status, content = self.send("POST", path, json.dumps(body).encode(), content_type="application/json")
        return status, json.loads(content)

    def refusal(self, path: str, **body: Any) -> tuple[int, str]:
        """Status and message of an error."""
        status, answer = self.ask_status(path, body)
        assert set(answer) == {"error"}, answer
        assert set(answer["error"]) == {"message", "type", "param", "code"}
        return status, answer["error"]["message"]

    def events(self, path: str, **body: Any) -> list[Any]:
        """What an answer with ``stream`` gives out; the last event says that it is done."""
        content = json.dumps({**body, "stream": True}).encode()
        status, answer = self.send("POST", path, content, content_type="application/json")
        assert status == 200, answer
        *events, done = answer.decode().removesuffix("\n\n").split("\n\n")
        assert done == "data: [DONE]" and all(event.startswith("data: ") for event in events)
        return [json.loads(event.removeprefix("data: ")) for event in events]


def write_models(home: Path) -> None:
    """A model of each kind, and one for conversations; weights are random."""
    tokenizer = write_tokenizer(home.parent / "tokenizer")
    for name, kind in KINDS.items():
        write_model(home.parent / "made" / name, kind, context=64)  # type: ignore[arg-type]
        (home.parent / "made" / name).rename(home / name)
    known = {"tokenizer": fingerprint(tokenizer)}
    talker = tiny_model(context=2048)  # what takes a while can be stopped
    save_model(home / "talker", talker, tokenizer=tokenizer, ancestry=known, chat=True)
    learned = {"sentiment": {"finetune": {"source": "reviews"}}, "gpt": {"sources": ["reviews", "gone"]}}
    learned["bert"] = {"sources": ["reviews"]}
    for name, more in learned.items():
        ancestry = home / name / "ancestry.json"
        write_json(ancestry, {**read_json(ancestry, ""), **more})


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One playground for all tests."""
    project = tmp_path_factory.mktemp("project")
    (project / "data/models").mkdir(parents=True)
    write_models(project / "data/models")
    write_clean(project / "data/clean", {"reviews": splits(reviews(60, seed=1))})
    (project / "data/report/cards").mkdir(parents=True)
    (project / "data/report/report.html").write_text("<title>figures</title>", "utf-8")
    (project / "data/report/cards/gpt.md").write_text("# gpt", "utf-8")
    with playground(project) as started:
        yield started


@contextmanager
def playground(project: Path, *options: str, token: str | None = None) -> Iterator[Server]:
    """``tokenmill playground`` in a project, with more options."""
    server = Server(free_port(), project, token)
    code = "import os, sys; os.chdir(sys.argv.pop(1)); from tokenmill.cli.main import main; main()"
    command = [sys.executable, "-c", code, str(project), "playground", "--port", str(server.port), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if token is not None:
        environment["TOKENMILL_TOKEN"] = token
    log = project / f"playground-{server.port}.log"
    with running(command, ready=f"{server.address}/style.css", log=log, environment=environment):
        yield server
