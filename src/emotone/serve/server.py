"""What the routes of a server share: workers, jobs, streams, and what workers say there is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from emotone.errors import unknown
from emotone.serve.jobs import Job, Jobs, Kind
from emotone.serve.live import Live
from emotone.serve.metrics import Metrics
from emotone.serve.pool import Pool, TaskError, WorkerDiedError
from emotone.serve.refusal import RefusalError
from emotone.serve.settings import ServeSettings
from emotone.serve.spool import Spool

SWEEP_EVERY_S = 5.0
ABOUT_S = 20.0
EXPORT_S = 120.0
FINISH_S = 60.0
"""In which what runs at the end is finished."""


class Server:
    """The workers: `pool` scores recordings, the listener hears streams, the clerk does what takes no time.

    So formats and the list of bundles wait neither for an hour that is scored nor for streams.
    """

    def __init__(self, settings: ServeSettings, token: str, spool: Spool, pool: Pool) -> None:
        self.settings = settings
        self.token = token
        self.spool = spool
        self.metrics = Metrics()
        self.pool = pool
        self.listener, self.clerk = (Pool(settings.setup(spool.folder), 1, least=0) for _ in range(2))
        self.jobs = Jobs(self.pool, self.spool, settings.limits, settings.workers, self.metrics)
        self.live = Live(self.listener, settings.limits, self.metrics)
        self._known: dict[str, Any] = {}
        self._ends = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While it lasts jobs are swept; at the end what runs is finished, and nothing is left over."""
        background = [asyncio.create_task(self._sweep()), asyncio.create_task(self.about())]
        yield
        self.close()
        await self.jobs.finish(max(0.0, self._ends - time.monotonic()))
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        for pool in (self.pool, self.listener, self.clerk):
            pool.close()
        self.spool.close()

    def close(self) -> None:
        """Take nothing more: whoever waits in the queue is told."""
        self._ends = self._ends or time.monotonic() + FINISH_S
        self.jobs.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self.jobs.forget()
            self.pool.shrink()
            self.clerk.shrink()
            if not self.live.num_open:
                self.listener.shrink()

    async def about(self) -> dict[str, Any]:
        """Version, bundles and formats, and the limits; as they last were where they cannot be asked for now."""
        limits = self.settings.limits
        pool = self.clerk if self.pool.is_busy else self.pool
        try:
            self._known = await pool.run({"do": "about"}, deadline_s=ABOUT_S)
        except (TaskError, WorkerDiedError, OSError) as error:
            if not self._known:
                raise RefusalError(503, "server.fault", str(error) or "no worker answers") from None
        return self._known | {
            "is_local": self.settings.is_local,
            "limits": {"upload_bytes": limits.upload_bytes, "hours": limits.hours, "keep_s": limits.keep_s},
        }

    async def check_format(self, kind: Kind, form_name: str) -> None:
        """Raise RefusalError, before any work, for a format that there is none of."""
        about = self._known or await self.about()
        formats = about["formats"] if kind == "predict" else about["moment_formats"]
        if form_name not in formats:
            raise RefusalError(422, "request.option", str(unknown("format", form_name, formats)))

    async def export(self, job: Job, form_name: str) -> Path:
        """A file with the rows of a job, in a folder of its own; raises RefusalError where that cannot be."""
        pool = self.clerk if self.pool.is_busy else self.pool
        try:
            answer = await pool.run(job.task("export", form_name), deadline_s=EXPORT_S)
        except (TaskError, WorkerDiedError, OSError) as error:
            if not job.folder.exists():
                raise RefusalError(410, "job.cancelled", "the job was removed") from None
            status = error.status if isinstance(error, TaskError) else 503
            raise RefusalError(status, "job.format", str(error) or "took too long") from None
        return job.folder / answer["file"]

    def gauges(self) -> dict[str, float]:
        """What is now, for /metrics."""
        pools = (self.pool, self.listener, self.clerk)
        return {
            "jobs_waiting": len(self.jobs.in_state("queued")),
            "jobs_running": len(self.jobs.in_state("running")),
            "streams_open": self.live.num_open,
            "workers_died": sum(pool.num_died for pool in pools),
        }
