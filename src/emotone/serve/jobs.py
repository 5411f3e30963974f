"""Jobs: what clients have asked for, in a bounded queue, until they are answered, given up or forgotten.

Who has least under way comes first, so that a folder of one client does not hold up a question of another; and of
several workers one is kept for short recordings.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from emotone.serve.metrics import Metrics
from emotone.serve.pool import Pool, TaskError, WorkerDiedError
from emotone.serve.refusal import RefusalError
from emotone.serve.settings import Limits
from emotone.serve.spool import Spool
from emotone.serve.upload import Form

Kind = Literal["predict", "moments"]
State = Literal["uploading", "queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
SHORT_BYTES = 1_000_000
"""A file of so many bytes is half a minute of plain samples; compressed, up to ten minutes, which take seconds."""


@dataclass(eq=False)
class Job:
    """A recording that a client has sent, and what has become of it.

    declared: bytes that are to come. error: why it failed; error_status: what HTTP calls that.
    """

    owner: str
    kind: Kind
    folder: Path
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "uploading"
    form: Form = field(default_factory=Form)
    declared: int = 0
    progress: float = 0.0
    error: str = ""
    error_name: str = ""
    error_status: int = 500
    answer: Mapping[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    ended: float = math.inf
    runner: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """The client's name for its recording."""
        return self.form.names.get("file", "")

    @property
    def is_short(self) -> bool:
        """Whether it may take the place that is kept for short ones."""
        return self.form.num_bytes <= SHORT_BYTES

    @property
    def has_page(self) -> bool:
        """Whether its page was made."""
        return self.state == "done" and (self.folder / "page.html").is_file()

    def task(self, do: str, form_name: str = "") -> dict[str, Any]:
        """What a worker is to do for it."""
        files = self.form.files
        fields = {name: value for name, value in self.form.fields.items() if name not in ("as", "wait", "page")}
        return {
            "do": do,
            "kind": self.kind,
            "folder": str(self.folder),
            "path": str(files["file"]),
            "name": self.name,
            "speakers": str(files["speakers"]) if "speakers" in files else None,
            "fields": fields,
            "page": self.form.fields.get("page", "false").lower() == "true",
            "as": form_name,
        }

    def change(self, **values: Any) -> None:
        """Set attributes and wake whoever waits for that."""
        for name, value in values.items():
            setattr(self, name, value)
        if self.state in ENDED and self.ended == math.inf:
            self.ended = time.monotonic()
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    async def wait_for_change(self) -> None:
        """Until something of it changes."""
        await self._changed.wait()

    async def wait_for_end(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.state not in ENDED:
                    await self.wait_for_change()
        return self.state in ENDED


class Jobs:
    """The queue: it begins jobs as workers become free, and forgets what has ended a while ago."""

    def __init__(self, pool: Pool, spool: Spool, limits: Limits, workers: int, metrics: Metrics) -> None:
        self._pool = pool
        self._spool = spool
        self._limits = limits
        self._workers = workers
        self._metrics = metrics
        self._jobs: dict[str, Job] = {}
        self.is_closing = False

    # ---- what there is ----------------------------------------------------------------------------------------------

    def of(self, owner: str) -> list[Job]:
        """A client's jobs, the first first."""
        return [job for job in self._jobs.values() if job.owner == owner]

    def find(self, number: str, owner: str) -> Job:
        """A client's job; raises RefusalError for one that is none, or not theirs: there is no difference."""
        job = self._jobs.get(number)
        if job is None or job.owner != owner:
            raise RefusalError(
                404, "job.unknown", "there is no such job; jobs are forgotten a while after they have ended"
            )
        return job

    def in_state(self, *states: State) -> list[Job]:
        """All jobs in one of these states."""
        return [job for job in self._jobs.values() if job.state in states]

    def about(self, job: Job) -> dict[str, Any]:
        """A job as clients see it."""
        waiting = self.in_state("queued")
        return {
            "id": job.id,
            "kind": job.kind,
            "name": job.name,
            "model": job.form.fields.get("model", ""),
            "state": job.state,
            "progress": round(job.progress, 3),
            "place": waiting.index(job) + 1 if job in waiting else None,
            "error": job.error,
            "has_page": job.has_page,
        }

    # ---- from the first byte to the last ----------------------------------------------------------------------------

    def open(self, owner: str, kind: Kind, declared: int) -> Job:
        """A place for a job whose `declared` bytes are to come; raises RefusalError where there is none."""
        waiting = self.in_state("uploading", "queued", "running")
        later = {"Retry-After": "5"}
        if self.is_closing:
            raise RefusalError(503, "server.closing", "the server is about to end", later)
        if sum(job.owner == owner for job in waiting) >= self._limits.waiting_of_one:
            raise RefusalError(429, "client.full", f"you have {self._limits.waiting_of_one} jobs under way", later)
        if len(waiting) >= self._limits.waiting:
            raise RefusalError(503, "queue.full", f"{len(waiting)} jobs are under way; try again in a while", later)
        coming = declared + sum(job.declared for job in self.in_state("uploading"))
        if self._spool.num_bytes() + coming > self._limits.spool_bytes:
            raise RefusalError(503, "disk.full", "there is no room for uploads; try again in a while", later)
        job = Job(owner, kind, self._spool.new_folder(), declared=declared)
        self._jobs[job.id] = job
        return job

    def enqueue(self, job: Job, form: Form) -> None:
        """Its recording is there: it waits for a worker; raises RefusalError where it was cancelled meanwhile."""
        if job.state in ENDED:
            raise RefusalError(job.error_status, job.error_name, job.error)
        job.change(form=form, state="queued")
        self._begin()

    def remove(self, job: Job) -> None:
        """Cancel a job and forget it, with all that is left of it."""
        if job.runner is None:
            shutil.rmtree(job.folder, ignore_errors=True)
        else:  # its worker writes into the folder until it is ended
            job.runner.add_done_callback(lambda _: shutil.rmtree(job.folder, ignore_errors=True))
            job.runner.cancel()
        if job.state not in ENDED:
            if job.state != "uploading":
                self._metrics.count("jobs", state="cancelled")
            job.change(state="cancelled", error="was cancelled", error_name="job.cancelled", error_status=410)
        self._jobs.pop(job.id, None)
        self._begin()

    def _begin(self) -> None:
        """Begin jobs that wait, as many as there are workers; the last worker takes short ones."""
        while not self.is_closing:
            running = self.in_state("running")
            num_long = sum(not job.is_short for job in running)
            takes_long = num_long < max(1, self._workers - 1)
            waiting = [job for job in self.in_state("queued") if job.is_short or takes_long]
            if len(running) >= self._workers or not waiting:
                return
            busy = [job.owner for job in running]
            job = min(waiting, key=lambda job: busy.count(job.owner))
            job.change(state="running")
            job.runner = asyncio.get_running_loop().create_task(self._run(job))

    async def _run(self, job: Job) -> None:
        form_name = "" if job.form.fields.get("wait") == "0" else job.form.fields.get("as", "json")
        task = job.task(job.kind, form_name)
        try:
            answer = await self._pool.run(
                task, report=lambda progress: job.change(progress=progress), deadline_s=self._limits.deadline_s
            )
        except TaskError as error:
            job.change(state="failed", error=str(error), error_name="job.refused", error_status=error.status)
        except WorkerDiedError as error:
            job.change(state="failed", error=str(error), error_name="worker.died", error_status=500)
        except TimeoutError:
            words = f"took longer than the {self._limits.deadline_s:g} s that a job may take"
            job.change(state="failed", error=words, error_name="job.deadline", error_status=504)
        except OSError as error:  # no process, no place
            words = f"the server could not do it: {error.strerror or error}"
            job.change(state="failed", error=words, error_name="server.fault", error_status=503)
        else:
            self._metrics.add_seconds(answer["seconds"])
            words = answer["error"]
            job.change(
                state="failed" if words else "done",
                answer=answer,
                error=words,
                error_name="recording.unusable",
                error_status=422,
                progress=1.0,
            )
        finally:
            for path in job.form.files.values():
                path.unlink(missing_ok=True)
            job.runner = None
        self._metrics.count("jobs", state=job.state)
        self._begin()

    # ---- in the background ------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Remove jobs that have ended a while ago."""
        oldest = time.monotonic() - self._limits.keep_s
        for job in [job for job in self._jobs.values() if job.ended < oldest]:
            self.remove(job)

    def close(self) -> None:
        """No more jobs: what waits is cancelled, so that whoever waits for it hears of it; what runs goes on."""
        self.is_closing = True
        for job in self.in_state("uploading", "queued"):
            self.remove(job)

    async def finish(self, seconds: float) -> None:
        """Wait for what runs, so many seconds at most."""
        self.close()
        running = [job.runner for job in self.in_state("running") if job.runner]
        if running:
            await asyncio.wait(running, timeout=seconds)
