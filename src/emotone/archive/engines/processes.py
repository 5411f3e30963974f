"""Shards over processes of this machine, each with the bundle loaded once; one that dies is replaced."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from emotone.archive.worker import Job, Outcome, Worker
from emotone.base.processes import begin_worker
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

AHEAD = 2
"""Shards that a worker holds: the one that it does, and one that it finds when that is done."""


@dataclass
class _Hand:
    """A worker process, the pipe to it, and the jobs that it has."""

    process: BaseProcess
    pipe: Connection
    jobs: deque[Job] = field(default_factory=deque)


class Processes:
    """An engine: a context, within which `map` gives shards to `jobs` processes; one is this process itself.

    A process that dies takes the shards that it had with it: their outcome is "died". Raises the EmotoneError that a
    worker does.
    """

    def __init__(self, worker: Worker, jobs: int = 1) -> None:
        self._worker = worker
        self._jobs = jobs
        self._hands: list[_Hand] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self._hands:
            if kind is None and hand.jobs:
                with contextlib.suppress(OSError):
                    hand.pipe.send(None)
            else:  # one that is idle has nothing to lose, and to end by itself takes it a while
                hand.process.terminate()
            hand.pipe.close()
        for hand in self._hands:
            hand.process.join()
        self._hands = []

    def map(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """What became of each job, as they end."""
        if self._jobs <= 1:
            yield from map(self._worker.do, jobs)
            return
        from multiprocessing.connection import wait

        left = deque(jobs)
        while True:
            while left and (hand := self._idle(len(left))) is not None:
                yield from self._send(hand, left.popleft())
            busy = [hand for hand in self._hands if hand.jobs]
            if not busy:
                return
            ready = wait([hand.pipe for hand in busy])
            for hand in busy:
                if hand.pipe in ready:
                    yield from self._receive(hand)

    def _idle(self, num_left: int) -> _Hand | None:
        """The process that has least to do; None where all have enough."""
        if len(self._hands) < self._jobs:
            self._hands.append(_start(self._worker))
        hand = min(self._hands, key=lambda hand: len(hand.jobs))
        return hand if len(hand.jobs) < ahead(num_left, self._jobs) else None

    def _send(self, hand: _Hand, job: Job) -> Iterator[Outcome]:
        hand.jobs.append(job)
        try:
            hand.pipe.send(job)
        except OSError:
            yield from self._bury(hand)

    def _receive(self, hand: _Hand) -> Iterator[Outcome]:
        try:
            found = hand.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(hand)
            return
        if isinstance(found, BaseException):
            raise found
        hand.jobs.popleft()
        yield found

    def _bury(self, hand: _Hand) -> Iterator[Outcome]:
        """Take a dead process out of the hands; its jobs are to be done again."""
        self._hands.remove(hand)
        hand.pipe.close()
        hand.process.join()
        yield from (Outcome(job, "busy" if place else "died") for place, job in enumerate(hand.jobs))


def ahead(num_left: int, num_workers: int) -> int:
    """How many shards a worker may hold: the last ones go to whoever is free first, so that all end at once.

    >>> ahead(100, 8), ahead(8, 8)
    (2, 1)
    """
    return AHEAD if num_left > num_workers else 1


def _start(worker: Worker) -> _Hand:
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(worker, there), daemon=True)
    process.start()
    there.close()
    return _Hand(process, here)


def _serve(worker: Worker, pipe: Connection) -> None:
    """Do the jobs that come, until None does, or the pipe ends."""
    begin_worker()
    with contextlib.suppress(EOFError, OSError):
        while (job := pipe.recv()) is not None:
            pipe.send(_try(worker, job))


def _try(worker: Worker, job: Job) -> Any:
    try:
        return worker.do(job)
    except EmotoneError as error:
        return error
    except OSError as error:
        return EmotoneError(f"{worker.folder}: {error.strerror or error}")
