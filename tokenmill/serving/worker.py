"""Requests to one model, answered in a thread of its own.

While a batch is computed, requests wait; those that wait with equal settings are the next batch. A request
that comes alone is computed at once. After a batch of several it waits a few milliseconds for the others,
whose clients have just got their answers and are about to ask again.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.model.folder import LoadedModel
from tokenmill.serving.limits import MOST_WAITING, ROWS_AT_ONCE

Run = Callable[[LoadedModel, Sequence["Job"]], None]
"""Answers jobs of equal settings together; runs in the worker's thread."""

QUIET_SECONDS, LONGEST_SECONDS = 0.005, 0.03
"""A batch is complete when nothing has come for so long, or after so long in all."""


class Busy(Exception):
    """More requests wait than are taken."""


class Job:
    """What a request asks of a model, and the events of its answer. Made in the event loop.

    Args:
        run: what answers it.
        inputs: texts and the like.
        settings: hashable; jobs with the same ``run`` and settings may be answered together.
        rows: so many rows of a batch it takes.
        streamed: whether texts are wanted in pieces, as they come.
    """

    def __init__(
        self,
        run: Run,
        inputs: Sequence[Any],
        settings: Hashable = (),
        *,
        rows: int = 1,
        streamed: bool = False,
    ) -> None:
        self.run, self.inputs, self.settings, self.rows = run, list(inputs), settings, rows
        self.streamed = streamed
        self.cancelled = False
        """Whether nobody waits for the answer any more."""
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Any] = asyncio.Queue()

    def emit(self, event: object) -> None:
        """Give out a part of the answer, from the worker's thread."""
        with suppress(RuntimeError):  # the server has ended, and its loop with it
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def finish(self) -> None:
        self.emit(None)

    def fail(self, error: Exception) -> None:
        """End the answer with an error, which who waits for it gets."""
        self.emit(error)

    async def events(self) -> AsyncIterator[Any]:
        """The parts of the answer as they come; whoever stops asking for them cancels the job."""
        try:
            while (event := await self._events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.cancelled = True

    async def results(self) -> list[Any]:
        return [event async for event in self.events()]


class Worker:
    """A model and its thread. The model is loaded there, so that a request waits for it and no other does.

    Args:
        folder: the model's.
        first: what is asked of it first; if it cannot be loaded, this learns of it.
    """

    def __init__(self, folder: Path, first: Job) -> None:
        self.folder = folder
        self.used = time.monotonic()
        self.closed = False
        self._waiting = deque([first])
        self._working = False
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name=f"model {folder.name}", daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether nothing is asked of it."""
        return not self._waiting and not self._working

    def submit(self, job: Job) -> bool:
        """Take a job; False where the worker has ended.

        Raises:
            Busy: too many wait already.
        """
        with self._changed:
            if self.closed:
                return False
            if len(self._waiting) >= MOST_WAITING:
                raise Busy
            self.used = time.monotonic()
            self._waiting.append(job)
            self._changed.notify()
        return True

    def close(self) -> None:
        """End when all that waits is answered."""
        with self._changed:
            self.closed = True
            self._changed.notify()

    def _work(self) -> None:
        try:
            loaded = api.load(self.folder)
        except Exception as error:
            with self._changed:
                self.closed = True
                jobs, self._waiting = list(self._waiting), deque()
            _fail(jobs, error)
            return
        several = False
        while jobs := self._next(several):
            several = len(jobs) > 1
            try:
                jobs[0].run(loaded, jobs)
            except Exception as error:
                _fail(jobs, error)

    def _next(self, several: bool) -> list[Job]:
        """The jobs of the next batch; [] when the worker is to end."""
        with self._changed:
            self._working = False
            while True:
                while not self._waiting and not self.closed:
                    self._changed.wait()
                if several and not self.closed:
                    self._gather()
                self._waiting = deque(job for job in self._waiting if not job.cancelled)
                if self._waiting or self.closed:
                    break
            self._working = bool(self._waiting)
            return self._take()

    def _gather(self) -> None:
        """Wait until no more jobs come."""
        end = time.monotonic() + LONGEST_SECONDS
        while (left := end - time.monotonic()) > 0 and self._changed.wait(min(QUIET_SECONDS, left)):
            pass

    def _take(self) -> list[Job]:
        """The first job that waits, and those that go with it."""
        jobs: list[Job] = []
        rows, rest = 0, deque[Job]()
        for job in self._waiting:
            first = jobs[0] if jobs else job
            fits = not jobs or rows + job.rows <= ROWS_AT_ONCE
            if (job.run, job.settings) == (first.run, first.settings) and fits:
                jobs.append(job)
                rows += job.rows
            else:
                rest.append(job)
        self._waiting = rest
        return jobs


def _fail(jobs: Sequence[Job], error: Exception) -> None:
    if not isinstance(error, UserError):
        logging.getLogger(__name__).error("a request failed", exc_info=error)
    for job in jobs:
        job.fail(error)
