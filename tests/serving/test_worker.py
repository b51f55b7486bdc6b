"""Models in their threads: batches of what waits, a bound of what is in memory, clients that leave."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import Server
from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.serving import worker as workers
from tokenmill.serving import writing
from tokenmill.serving.models import Models, UnknownModel
from tokenmill.serving.tasks import together
from tokenmill.serving.worker import Busy, Job, Worker
from tokenmill.serving.writing import Begun, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "gpt")


def recorder(gate: threading.Event | None = None) -> tuple[list[list[str]], Callable[..., Any]]:
    """A task that notes the inputs of each of its batches; "wait" lasts until the gate is open."""
    batches: list[list[str]] = []

    @together
    def run(loaded: object, inputs: list[str], **settings: object) -> Sequence[str]:
        batches.append(inputs)
        if "wait" in inputs and gate is not None:
            assert gate.wait(60)
        if "bad" in inputs:
            raise UserError("bad: not good; give another")
        return [text.upper() for text in inputs]

    return batches, run


async def loaded(folder: Path, task: Callable[..., Any]) -> Worker:
    """A worker that has answered once."""
    first = Job(task, ["load"])
    worker = Worker(folder, first)
    await first.results()
    return worker


async def begun(worker: Worker, task: Callable[..., Any], batches: list[list[str]]) -> Job:
    """A job that is being computed until its gate is open."""
    job = Job(task, ["wait"])
    worker.submit(job)
    while batches[-1] != ["wait"]:
        await asyncio.sleep(0.01)
    return job


async def gathered(worker: Worker, jobs: Sequence[Job]) -> list[Any]:
    for job in jobs:
        assert worker.submit(job)
    return await asyncio.gather(*(job.results() for job in jobs), return_exceptions=True)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def test_what_waits_with_equal_settings_is_one_batch(folder: Path) -> None:
    gate = threading.Event()
    batches, task = recorder(gate)

    async def main() -> list[Any]:
        worker = await loaded(folder, task)
        first = await begun(worker, task, batches)
        jobs = [Job(task, ["a", "b"]), Job(task, ["c"], (("k", 1),)), Job(task, ["d"]), Job(write, ["e"])]
        for job in jobs:
            worker.submit(job)
        gate.set()
        found = await asyncio.gather(*(job.results() for job in (*jobs, first)))
        worker.close()
        return found

    found = run(main())
    assert found[:3] == [["A", "B"], ["C"], ["D"]]
    assert batches == [["load"], ["wait"], ["a", "b", "d"], ["c"]]


def test_a_mistake_is_told_to_who_made_it(folder: Path) -> None:
    _, task = recorder()

    async def main() -> list[Any]:
        worker = await loaded(folder, task)
        found = await gathered(worker, [Job(task, [text]) for text in ("wait", "a", "bad", "c")])
        worker.close()
        return found

    one, two, three, four = run(main())
    assert (one, two, four) == (["WAIT"], ["A"], ["C"])
    assert str(three) == "bad: not good; give another"


def test_a_batch_has_a_bound_and_so_has_the_queue(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    batches, task = recorder(gate)
    monkeypatch.setattr(workers, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(workers, "MOST_WAITING", 4)

    async def main() -> None:
        worker = await loaded(folder, task)
        first = await begun(worker, task, batches)
        jobs = [Job(task, [text], rows=2 if text == "a" else 1) for text in "abcd"]
        for job in jobs:
            worker.submit(job)
        with pytest.raises(Busy):
            worker.submit(Job(task, ["e"]))
        gate.set()
        await asyncio.gather(*(job.results() for job in (first, *jobs)))
        worker.close()

    run(main())
    assert batches[2:] == [["a", "b"], ["c", "d"]]


def test_who_has_left_is_not_answered(folder: Path) -> None:
    batches, task = recorder()

    async def main() -> None:
        worker = await loaded(folder, task)
        gone = Job(task, ["gone"])
        gone.cancelled = True
        worker.submit(gone)
        await gathered(worker, [Job(task, ["a"])])
        worker.close()

    run(main())
    assert batches == [["load"], ["a"]]


def test_a_model_that_cannot_be_loaded_says_so_and_is_tried_again(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "gpt")
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:100])
    models = Models({"gpt": folder})
    _, task = recorder()

    async def ask() -> list[Any]:
        job = Job(task, ["a"])
        models.submit("gpt", job)
        return await job.results()

    with pytest.raises(UserError, match=r"model\.safetensors"):
        run(ask())
    weights.write_bytes(content)
    assert run(ask()) == ["A"]
    models.close()


def test_models_are_found_by_name_and_loaded_anew_when_they_change(tmp_path: Path) -> None:
    models = Models(project=tmp_path)
    assert models.folders == {}
    with pytest.raises(UnknownModel, match="no model 'gpt' is served; there is none: data/models is empty"):
        models.folder("gpt")
    home = tmp_path / "data/models"
    folder = write_model(home / "gpt", context=32)
    assert list(models.folders) == ["gpt"]
    contexts: list[int] = []

    @together
    def context(loaded: Any, inputs: list[str]) -> Sequence[int]:
        contexts.append(loaded.model.config.context)
        return contexts[-1:]

    async def ask() -> list[Any]:
        job = Job(context, ["a"])
        models.submit("gpt", job)
        return await job.results()

    assert run(ask()) == [32]
    for file in folder.iterdir():
        file.unlink()
    write_model(home / "gpt", context=48)
    assert run(ask()) == [48]
    models.close()


def test_only_so_many_are_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenmill.serving.models.MOST_LOADED", 2)
    models = Models({name: folder for name in "abc"})
    _, task = recorder()

    async def ask(*names: str) -> None:
        for name in names:
            job = Job(task, ["x"])
            models.submit(name, job)
            await job.results()
            while not models._workers[name][1].idle:
                await asyncio.sleep(0.01)

    run(ask("a", "b", "a", "c"))
    assert set(models._workers) == {"a", "c"}
    models.close()


def test_a_text_is_not_written_on_when_its_client_leaves(server: Server) -> None:
    """A model that is busy for nobody would keep the next client waiting."""
    body = {"model": "talker", "prompt": "我", "max_tokens": 2000, "n": 8, "stream": True}
    content = json.dumps(body).encode()
    head = (
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    ).encode()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            client.sendall(head + content)
            assert client.recv(1)
    assert server.ask("/v1/completions", model="talker", prompt="我", max_tokens=2)["choices"]


def test_the_text_of_a_job_that_is_cancelled_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    gate = threading.Event()
    sample = writing.sample_ids

    def counted(*arguments: Any) -> Iterator[list[list[int]]]:
        for written in sample(*arguments):
            steps.append(len(written[0]))
            yield written
            assert gate.wait(60)

    monkeypatch.setattr(writing, "sample_ids", counted)

    async def main() -> None:
        job = Job(write, ["我"], (("max_new_tokens", 25), ("temperature", 0)))
        worker = Worker(folder, job)
        events = job.events()
        assert isinstance(await anext(events), Begun)
        await events.aclose()
        gate.set()
        while not worker.idle:
            await asyncio.sleep(0.01)
        worker.close()

    run(main())
    assert len(steps) <= 2
