"""Going through an archive: several runs at once, those that die, shares; the rows of an undisturbed run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from archives import MakeArchive, finish

from emotone.archive.engines.processes import Processes
from emotone.archive.merge import merge
from emotone.archive.run import go_through
from emotone.archive.worker import Job, Outcome, Worker
from emotone.errors import EmotoneError


class Flaky:
    """An engine whose workers die at every other job, or find it busy, before they do it."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.seen: dict[int, int] = {}
        self.order: list[int] = []

    def map(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        for job in jobs:
            self.order.append(job.shard)
            turn = self.seen[job.shard] = self.seen.get(job.shard, 0) + 1
            if turn <= job.shard % 3:
                yield Outcome(job, "died" if turn == 1 else "busy")
            else:
                yield self.worker.do(job)


def test_shards_come_round_until_they_are_done(make_archive: MakeArchive, tmp_path: Path) -> None:
    archive = make_archive(rows_per_shard=2)
    engine = Flaky(Worker(archive.folder))
    assert go_through(archive, engine) == (24, 24, 1)
    assert max(engine.seen.values()) == 3 and merge(archive, tmp_path / "all.csv") == 1


def test_a_share_comes_first_and_then_the_rest(make_archive: MakeArchive) -> None:
    archive = make_archive(rows_per_shard=2)
    engine = Flaky(Worker(archive.folder))
    go_through(archive, engine, share=(1, 3))
    numbers = [shard.number for shard in archive.plan.shards if shard.num_rows]
    own = [number for number in numbers if number % 3 == 1]
    assert set(engine.order[: len(own)]) == set(own) and set(engine.order) == set(numbers)


def test_workers_that_always_die_are_said(make_archive: MakeArchive) -> None:
    class Deadly:
        def map(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
            return (Outcome(job, "died") for job in jobs)

    with pytest.raises(EmotoneError, match="31 workers died one after the other; is memory short"):
        go_through(make_archive(), Deadly())


def test_runs_at_once_do_no_row_twice(make_archive: MakeArchive, tmp_path: Path) -> None:
    archive = make_archive(rows_per_shard=2)
    first = Processes(Worker(archive.folder)).map(
        [Job(shard.number) for shard in archive.plan.shards if shard.num_rows]
    )
    done = [next(first), next(first)]
    second = finish(archive)
    rest = list(first)
    assert second.num_rows == 24 and second.num_new == 24 - sum(one.num_new for one in done)
    assert all(outcome.state == "kept" for outcome in rest)
    assert list(archive.claims.iterdir()) == []


@pytest.mark.parametrize("years", [0, -30, 30])
def test_what_earlier_plans_left_is_tidied_and_others_files_are_not(
    make_archive: MakeArchive, years: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive()
    now_s = time.time() + years * 365 * 86_400  # the clock of this machine jumps, not that of the folder
    monkeypatch.setattr(time, "time", lambda: now_s)
    for name in ("part-000000-0123456789abcdef.parquet", "notes.txt", "part-of-mine.parquet"):
        (archive.folder / name).write_text("x")
    temporary = [archive.folder / ".plan-dead", archive.claims / ".dead.tmp", archive.claims / ".alive.tmp"]
    temporary[0].mkdir()
    for path in temporary:
        path.is_dir() or path.touch()
    for path in temporary[:2]:
        os.utime(path, (1, 1))
    finish(archive)
    assert [path.name for path in temporary if path.exists()] == [".alive.tmp"]
    left = {path.name for path in archive.folder.iterdir()}
    assert {"notes.txt", "part-of-mine.parquet"} <= left and "part-000000-0123456789abcdef.parquet" not in left
