"""Processes: every job once, those of the dead given back, errors handed on, killed at any moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from archives import MakeArchive, finish

from emotone.archive.engines.processes import Processes
from emotone.archive.merge import merge
from emotone.archive.run import go_through
from emotone.archive.worker import Job, Worker
from emotone.errors import EmotoneError


def jobs_of(archive: object) -> list[Job]:
    return [Job(shard.number) for shard in archive.plan.shards if shard.num_rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize("num", [1, 2])
def test_every_job_is_done_once(make_archive: MakeArchive, num: int) -> None:
    archive = make_archive(rows_per_shard=2)
    with Processes(Worker(archive.folder), num) as engine:
        found = list(engine.map(jobs_of(archive)))
        again = list(engine.map(jobs_of(archive)))
    assert sorted(outcome.job.shard for outcome in found) == [job.shard for job in jobs_of(archive)]
    assert {outcome.state for outcome in found} == {"done"} and {outcome.state for outcome in again} == {"kept"}


def test_an_error_of_a_worker_is_that_of_the_run(make_archive: MakeArchive) -> None:
    archive = make_archive()
    (archive.folder / archive.plan_name / "rows-00000.parquet").unlink()
    with pytest.raises(EmotoneError, match="the plan cannot be read"), Processes(Worker(archive.folder), 2) as engine:
        list(engine.map(jobs_of(archive)))


def test_workers_that_are_killed_lose_and_repeat_nothing(make_archive: MakeArchive, tmp_path: Path) -> None:
    """SIGKILL again and again; `benchmarks/bench_archive_kills.py` does it to many runs at once."""
    archive = make_archive(rows_per_shard=1)
    num_killed = 0
    is_done = threading.Event()

    def kill(engine: Processes) -> None:
        nonlocal num_killed
        while not is_done.wait(0.05) and num_killed < 5:
            alive = [hand.process.pid for hand in list(engine._hands) if hand.jobs and list(archive.claims.iterdir())]
            if alive and alive[-1]:
                os.kill(alive[-1], signal.SIGKILL)
                num_killed += 1
                time.sleep(0.3)

    with Processes(Worker(archive.folder), 2) as engine:
        killer = threading.Thread(target=kill, args=(engine,))
        killer.start()
        assert go_through(archive, engine).num_rows == 24
        is_done.set()
        killer.join()
    assert num_killed > 0 and merge(archive, tmp_path / "killed.csv") == 1
    for part in archive.folder.glob("part-*"):
        part.unlink()
    finish(archive)
    merge(archive, tmp_path / "undisturbed.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "killed.csv"), pd.read_csv(tmp_path / "undisturbed.csv"))
    assert list(archive.claims.iterdir()) == []
