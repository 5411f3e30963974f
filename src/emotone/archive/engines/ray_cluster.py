"""Shards over a Ray cluster, of this machine or many: actors that have the bundle loaded, replaced where they die."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from emotone.archive.engines.processes import ahead
from emotone.archive.worker import Job, Outcome, Worker
from emotone.base.ray_session import import_ray, ray_session
from emotone.errors import EmotoneError

MOST_FAILED = 10
"""Actors in a row that could not begin."""


class RayCluster:
    """An engine as `Processes` is, whose workers are actors of a Ray cluster, `jobs` of them, of one core each.

    address: of a cluster, or "auto" for the one that this machine is in; None: one for this run alone. The archive's
    folder and the audio must lie at the same paths on all nodes, and Emotone be installed there.

    Raises EmotoneError where ray is not installed, or no cluster answers.
    """

    def __init__(self, worker: Worker, jobs: int = 1, address: str | None = None) -> None:
        self._worker = Worker(worker.folder.absolute(), worker.device)
        self._jobs = jobs
        self._session = ray_session(jobs, address)
        self._ray = import_ray()
        self._actors: list[Any] = []
        self._beginning: dict[Any, Any] = {}
        self._num_failed = 0

    def __enter__(self) -> RayCluster:
        self._ray = self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in [*self._actors, *self._beginning.values()]:
            self._ray.kill(actor)
        self._actors, self._beginning = [], {}
        self._session.__exit__(kind, error, trace)

    def map(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """What became of each job, as they end.

        Jobs go to actors that have begun: where there are fewer cores than actors, the rest wait without any.
        """
        left = deque(jobs)
        waiting: dict[Any, tuple[Any, Job]] = {}
        while True:
            self._replace()
            for actor in self._actors:
                num_held = sum(other is actor for other, _ in waiting.values())
                while left and num_held < ahead(len(left), self._jobs):
                    job = left.popleft()
                    waiting[actor.do.remote(tuple(job))] = actor, job
                    num_held += 1
            if not waiting and self._actors:
                return
            [ended], _ = self._ray.wait([*waiting, *self._beginning])
            if ended in self._beginning:
                self._welcome(ended)
            else:
                yield self._outcome(ended, *waiting.pop(ended))

    def _replace(self) -> None:
        """Begin as many actors as are missing."""
        for _ in range(self._jobs - len(self._actors) - len(self._beginning)):
            actor = _actor(self._ray, self._worker)
            self._beginning[actor.begin.remote()] = actor

    def _welcome(self, ended: Any) -> None:
        """Count an actor that has begun among those that work; raises EmotoneError where none ever does."""
        actor = self._beginning.pop(ended)
        try:
            self._ray.get(ended)
        except self._ray.exceptions.RayError as error:
            self._num_failed += 1
            if self._num_failed > MOST_FAILED and not self._actors:
                raise EmotoneError(f"Ray: no actor can begin ({str(error).strip().splitlines()[-1]})") from None
            return
        self._num_failed = 0
        self._actors.append(actor)

    def _outcome(self, ended: Any, actor: Any, job: Job) -> Outcome:
        try:
            found = self._ray.get(ended)
        except self._ray.exceptions.RayError:
            if actor in self._actors:  # with it go all its jobs, each by its own turn
                self._actors.remove(actor)
                self._ray.kill(actor)  # it may only be out of reach
                return Outcome(job, "died")
            return Outcome(job, "busy")
        if isinstance(found, str):
            raise EmotoneError(found)
        return Outcome(job, *found)


def _actor(ray: Any, worker: Worker) -> Any:
    options = {"num_cpus": 1, **({"num_gpus": 1} if worker.device == "cuda" else {})}
    return ray.remote(**options)(_Actor).remote(str(worker.folder), worker.device)


class _Actor:
    """A worker in an actor; what it is given and gives back is plain, so that versions need not be the same."""

    def __init__(self, folder: str, device: str) -> None:
        from pathlib import Path

        os.environ["OMP_NUM_THREADS"] = "1"
        self._worker = Worker(Path(folder), device)

    def begin(self) -> None:
        """Say that it is there."""

    def do(self, job: tuple[Any, ...]) -> tuple[Any, ...] | str:
        """What stands in an `Outcome` after its job, or the line of an error."""
        try:
            found = self._worker.do(Job(*job))
        except EmotoneError as error:
            return str(error)
        except OSError as error:
            return f"{self._worker.folder}: {error.strerror or error}"
        return tuple(found)[1:]
