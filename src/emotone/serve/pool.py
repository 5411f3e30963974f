"""Worker processes that survive each other: one that dies costs the task that it had, and another takes its place.

A process is started when there is work for it and ended when it has had none for a while, but for the first, which
stays. Each has a thread of the server that waits for it, so that this works wherever Python does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from emotone.errors import EmotoneError
from emotone.serve.worker import Setup, work

IDLE_S = 60.0
DIED = "the process that read it died (damaged beyond what its decoder can take, or too large for its memory?)"


class WorkerDiedError(Exception):
    """A worker ended in the middle of a task."""


class TaskError(EmotoneError):
    """What a worker says cannot be done; `status` is what HTTP calls it."""

    def __init__(self, words: str, status: int = 422) -> None:
        super().__init__(words)
        self.status = status


class Member:
    """One process and the pipe to it."""

    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, setup), daemon=True)
        self._process.start()
        theirs.close()
        self.model = ""
        self.idle_since = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def call(self, task: Mapping[str, Any], payload: bytes, report: Callable[[float], None]) -> Any:
        """The answer to a task; raises TaskError where it cannot be done, WorkerDiedError where the process died."""
        try:
            self._pipe.send_bytes(json.dumps(dict(task) | {"bytes": len(payload)}).encode())
            if payload:
                self._pipe.send_bytes(payload)
            while True:
                message = json.loads(self._pipe.recv_bytes())
                if "progress" not in message:
                    break
                report(message["progress"])
        except (EOFError, OSError, ValueError):
            raise WorkerDiedError(DIED) from None
        if "error" in message:
            raise TaskError(message["error"], message["status"])
        return message["answer"]

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """Give the pipe back; a worker without work ends by that."""
        self._pipe.close()


class Pool:
    """Up to `size` workers, of which `least` stay though there is nothing to do; `run` waits for one that is free."""

    def __init__(self, setup: Setup, size: int, least: int = 1) -> None:
        self._setup = setup
        self._least = least
        self._threads = ThreadPoolExecutor(size + 1, "worker")
        self._free = asyncio.Semaphore(size)
        self._idle: list[Member] = []
        self._busy: set[Member] = set()
        self.num_died = 0

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return [member.pid for member in [*self._idle, *self._busy] if member.pid is not None]

    @property
    def is_busy(self) -> bool:
        """Whether a task would wait for a worker."""
        return self._free.locked()

    async def run(
        self,
        task: Mapping[str, Any],
        payload: bytes = b"",
        report: Callable[[float], None] = lambda progress: None,
        deadline_s: float | None = None,
    ) -> Any:
        """The answer to a task, within `deadline_s` seconds; whoever gives up waiting ends the work.

        Raises TaskError, WorkerDiedError, and TimeoutError after the deadline.
        """
        loop = asyncio.get_running_loop()
        async with self._free:
            member = self._take(task) or await self._start()

            def tell(progress: float) -> None:
                loop.call_soon_threadsafe(report, progress)

            answer = loop.run_in_executor(self._threads, member.call, task, payload, tell)
            self._busy.add(member)
            is_alive = False
            try:
                async with asyncio.timeout(deadline_s):
                    result = await asyncio.shield(answer)
                is_alive = True
                return result
            except TaskError:
                is_alive = True
                raise
            except WorkerDiedError:
                self.num_died += 1
                raise
            finally:
                self._busy.discard(member)
                if is_alive:
                    self._keep(member)
                else:
                    member.kill()  # which ends the thread's waiting
                    with contextlib.suppress(WorkerDiedError, TaskError):
                        await answer
                    member.close()

    def _take(self, task: Mapping[str, Any]) -> Member | None:
        """A worker without work, one that has the task's bundle if there is such; None where a new one is needed."""
        model = task.get("fields", {}).get("model", "")
        for member in [member for member in self._idle if not member.is_alive]:
            self._idle.remove(member)
            member.close()
        fitting = [member for member in self._idle if member.model == model] or self._idle
        if not fitting:
            return None
        member = fitting[-1]
        self._idle.remove(member)
        member.model = model
        return member

    async def _start(self) -> Member:
        """A new worker; where nobody waits for it any more, it waits for work."""
        starting = asyncio.get_running_loop().run_in_executor(self._threads, Member, self._setup)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(lambda future: self._keep(future.result()))
            raise

    def _keep(self, member: Member) -> None:
        member.idle_since = time.monotonic()
        self._idle.append(member)

    def shrink(self) -> None:
        """End workers that have had nothing to do for a while."""
        old = [member for member in self._idle if time.monotonic() - member.idle_since > IDLE_S]
        for member in old[: max(0, len(self._idle) - self._least)]:
            self._idle.remove(member)
            member.kill()
            member.close()

    def close(self) -> None:
        """End all workers."""
        for member in [*self._idle, *self._busy]:
            member.kill()
            member.close()
        self._idle = []
        self._threads.shutdown(wait=False, cancel_futures=True)
