"""Workers that die, hang or fail: the task that they had fails in words, and the next one is done."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from emotone.serve.pool import Pool, TaskError, WorkerDiedError
from emotone.serve.worker import Setup

JFK = str(Path("examples/jfk.wav").absolute())


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup({"small": "small"}, 2, str(tmp_path))


def prediction(folder: Path, path: str = JFK) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return {
        "do": "predict",
        "kind": "predict",
        "folder": str(folder),
        "path": path,
        "name": "a.wav",
        "fields": {},
        "page": False,
        "as": "json",
    }


def test_a_worker_that_dies_costs_its_task_alone(setup: Setup, tmp_path: Path) -> None:
    async def check() -> None:
        pool = Pool(setup, 2)
        answers = [asyncio.create_task(pool.run(prediction(tmp_path / str(number)))) for number in range(3)]
        while not pool.pids:
            await asyncio.sleep(0.01)
        os.kill(pool.pids[0], signal.SIGKILL)
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert [type(one) for one in done].count(WorkerDiedError) == 1 and pool.num_died == 1
        assert all("file" in one for one in done if isinstance(one, dict)) and len(pool.pids) <= 2
        os.kill(pool.pids[0], signal.SIGKILL)  # without work, which costs nothing
        await asyncio.sleep(0.2)
        assert (await pool.run(prediction(tmp_path / "x")))["error"] == ""
        pool.close()
        assert pool.pids == []

    asyncio.run(check())


def test_work_that_takes_too_long_is_ended(setup: Setup, tmp_path: Path) -> None:
    """A named pipe that nobody writes to hangs whoever opens it."""
    os.mkfifo(tmp_path / "pipe")

    async def check() -> None:
        pool = Pool(setup, 1)
        await pool.run({"do": "about"})
        hanging = {"do": "export", "kind": "predict", "folder": str(tmp_path / "hang"), "as": "json", "fields": {}}
        (tmp_path / "hang").mkdir()
        os.mkfifo(tmp_path / "hang" / "rows.json")
        with pytest.raises(TimeoutError):
            await pool.run(hanging, deadline_s=0.5)
        waiting = asyncio.create_task(pool.run(hanging))
        await asyncio.sleep(0.5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await pool.run(prediction(tmp_path / "y")))["error"] == ""
        assert len(pool.pids) == 1
        pool.close()

    asyncio.run(check())


def test_what_a_worker_refuses_keeps_it(setup: Setup, tmp_path: Path) -> None:
    async def check() -> None:
        pool = Pool(setup, 1)
        with pytest.raises(TaskError, match="unknown model 'x'"):
            await pool.run({"do": "load", "fields": {"model": "x"}})
        before = pool.pids
        with pytest.raises(TaskError, match="could not do it") as failed:
            await pool.run(prediction(tmp_path / "z") | {"folder": str(tmp_path / "gone")})
        assert failed.value.status == 500
        with pytest.raises(TaskError, match="KeyError"):
            await pool.run({"do": "nothing"})
        assert pool.pids == before and pool.num_died == 0
        pool.close()

    asyncio.run(check())


def test_memory_is_bounded(tmp_path: Path) -> None:
    """The bundle alone takes more than 30 MB."""

    async def check() -> None:
        pool = Pool(Setup({"default": "default"}, 2, str(tmp_path), most_bytes=30_000_000), 1)
        with pytest.raises((TaskError, WorkerDiedError)):
            await pool.run(prediction(tmp_path / "m"))
        pool.close()

    asyncio.run(check())


def test_workers_without_work_end(setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        pool = Pool(setup, 3)
        await asyncio.gather(*[pool.run({"do": "about"}) for _ in range(3)])
        assert len(pool.pids) == 3
        pool.shrink()
        assert len(pool.pids) == 3
        monkeypatch.setattr("emotone.serve.pool.IDLE_S", 0.0)
        pool.shrink()
        assert len(pool.pids) == 1
        pool.close()

    asyncio.run(check())
