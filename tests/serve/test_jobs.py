"""The queue: bounded, fair, with a place for short recordings; jobs are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emotone.serve.jobs import Job, Jobs
from emotone.serve.metrics import Metrics
from emotone.serve.refusal import RefusalError
from emotone.serve.settings import Limits
from emotone.serve.spool import Spool
from emotone.serve.upload import Form


class Slow:
    """Workers that do nothing until they are let go; `begun` are the names of recordings in the order they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()

    async def run(self, task: Mapping[str, Any], **_: Any) -> Any:
        self.begun.append(task["name"])
        await self.go.wait()
        return {"seconds": 1.0, "error": "", "file": "x"}


def send(jobs: Jobs, owner: str, name: str, num_bytes: int = 10) -> Job:
    job = jobs.open(owner, "predict", 10)
    path = job.folder / "sound"
    path.write_bytes(b"x")
    jobs.enqueue(job, Form({"wait": "0"}, {"file": path}, {"file": name}, num_bytes))
    return job


def make(tmp_path: Path, workers: int = 2, **limits: Any) -> tuple[Jobs, Slow]:
    pool = Slow()
    return Jobs(pool, Spool(tmp_path), Limits(**limits), workers, Metrics()), pool  # type: ignore[arg-type]


def test_who_has_least_under_way_comes_first(tmp_path: Path) -> None:
    async def check() -> None:
        jobs, pool = make(tmp_path)
        first = [send(jobs, "ada", f"a{number}") for number in range(4)]
        send(jobs, "bo", "b0")
        await asyncio.sleep(0)
        assert pool.begun == ["a0", "a1"]
        assert [jobs.about(job)["place"] for job in first] == [None, None, 1, 2]
        jobs.remove(first[0])
        await asyncio.sleep(0.01)
        assert pool.begun == ["a0", "a1", "b0"]
        pool.go.set()
        await asyncio.sleep(0.05)
        assert pool.begun[3:] == ["a2", "a3"] and {job.state for job in first[1:]} == {"done"}
        assert not any(path.name == "sound" for path in tmp_path.rglob("*"))

    asyncio.run(check())


@pytest.mark.parametrize(("workers", "begun"), [(1, ["l0"]), (2, ["l0", "s"]), (3, ["l0", "l1", "s"])])
def test_one_worker_is_kept_for_short_recordings(tmp_path: Path, workers: int, begun: list[str]) -> None:
    async def check() -> None:
        jobs, pool = make(tmp_path, workers)
        for number in range(3):
            send(jobs, "ada", f"l{number}", 5_000_000)
        send(jobs, "ada", "s")
        await asyncio.sleep(0)
        assert pool.begun == begun

    asyncio.run(check())


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    async def check() -> None:
        jobs, _ = make(tmp_path, waiting=5, waiting_of_one=3)
        for number in range(3):
            send(jobs, "ada", str(number))
        with pytest.raises(RefusalError) as of_one:
            jobs.open("ada", "predict", 10)
        assert of_one.value.status == 429 and of_one.value.headers["Retry-After"] == "5"
        jobs.open("bo", "predict", 10)
        jobs.open("cy", "predict", 10)
        with pytest.raises(RefusalError) as of_all:
            jobs.open("di", "predict", 10)
        assert of_all.value.status == 503 and of_all.value.name == "queue.full"
        full, _ = make(tmp_path, spool_bytes=100)
        full.open("ada", "predict", 60)  # which are still to come
        with pytest.raises(RefusalError, match="no room"):
            full.open("bo", "predict", 60)

    asyncio.run(check())


def test_jobs_are_their_client_s_and_forgotten(tmp_path: Path) -> None:
    async def check() -> None:
        jobs, pool = make(tmp_path, keep_s=0.0)
        job = send(jobs, "ada", "a")
        assert jobs.find(job.id, "ada") is job and jobs.of("bo") == []
        with pytest.raises(RefusalError, match="no such job"):
            jobs.find(job.id, "bo")
        jobs.forget()
        assert jobs.of("ada") == [job]  # it runs
        pool.go.set()
        assert await job.wait_for_end(5)
        await asyncio.sleep(0.01)
        jobs.forget()
        assert jobs.of("ada") == [] and not job.folder.exists()

    asyncio.run(check())


def test_at_the_end_what_runs_is_finished_and_what_waits_is_not(tmp_path: Path) -> None:
    async def check() -> None:
        jobs, pool = make(tmp_path, 1)
        running, waiting = send(jobs, "ada", "a"), send(jobs, "ada", "b")
        await asyncio.sleep(0)
        ending = asyncio.create_task(jobs.finish(5.0))
        await asyncio.sleep(0.01)
        with pytest.raises(RefusalError, match="about to end"):
            jobs.open("bo", "predict", 10)
        pool.go.set()
        await ending
        assert running.state == "done" and waiting.state == "cancelled"

    asyncio.run(check())


def test_work_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    async def check() -> None:
        jobs, _ = make(tmp_path)
        send(jobs, "ada", "a")
        await asyncio.sleep(0)
        await asyncio.wait_for(jobs.finish(0.1), 5)

    asyncio.run(check())


def test_a_job_that_is_cancelled_as_it_comes_stays_so(tmp_path: Path) -> None:
    async def check() -> None:
        jobs, pool = make(tmp_path)
        job = jobs.open("ada", "predict", 10)
        jobs.remove(job)
        with pytest.raises(RefusalError, match="was cancelled"):
            jobs.enqueue(job, Form({}, {}, {"file": "a"}, 1))
        assert pool.begun == [] and job.state == "cancelled" and jobs.of("ada") == []

    asyncio.run(check())


def test_a_worker_that_cannot_be_started_fails_its_job_alone(tmp_path: Path) -> None:
    class Broken(Slow):
        async def run(self, task: Mapping[str, Any], **_: Any) -> Any:
            if task["name"] == "a":
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return {"seconds": 1.0, "error": "", "file": "x"}

    async def check() -> None:
        jobs = Jobs(Broken(), Spool(tmp_path), Limits(), 1, Metrics())  # type: ignore[arg-type]
        first, second = send(jobs, "ada", "a"), send(jobs, "ada", "b")
        assert await first.wait_for_end(5) and await second.wait_for_end(5)
        assert (first.state, first.error_status, second.state) == ("failed", 503, "done")
        assert "Resource temporarily unavailable" in first.error

    asyncio.run(check())
