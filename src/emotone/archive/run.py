"""Going through an archive: shards to an engine, in an order of this run's own, until every one is answered.

Any number of runs may go through one archive at once, on one machine or many. What others have done counts; what they
are at is left to them, and taken over where they die.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from emotone.archive.folder import Archive
from emotone.archive.plan import Plan
from emotone.archive.worker import Job, Outcome
from emotone.base.files import writing
from emotone.base.progress import track
from emotone.errors import EmotoneError, counted

WAIT_S = 0.5
"""Between two looks at shards that others have."""
LEFT_S = 3 * 86_400
MOST_DEATHS = 30
"""Of workers in a row, without a shard done between: more than any row could be to blame for."""


class Engine(Protocol):
    """What does jobs; see `emotone.archive.engines`."""

    def map(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """What became of each, in any order."""


class Done(NamedTuple):
    """What a run found at its end: rows answered, by itself in this run, and failed."""

    num_rows: int
    num_new: int
    num_failed: int


def go_through(
    archive: Archive,
    engine: Engine,
    share: tuple[int, int] = (0, 1),
    retries: bool = False,
    asks: bool = False,
    quiet: bool = True,
) -> Done:
    """Answer every row; returns when nothing is left, whoever did it.

    share: (i, n): the shards of which this run does first, those whose number leaves i when divided by n; then it helps
    with the others. retries, asks: as of `Job`. Raises EmotoneError as workers do.
    """
    plan, parts = archive.plan, archive.parts()
    order = _order(plan, parts, share)
    jobs = [Job(number, names, retries, asks) for number, names in order]
    work = track(_all_outcomes(archive, engine, jobs), len(order), "archive", quiet)
    num_rows = num_new = num_failed = num_refused = 0
    for outcome in work:
        num_rows += outcome.num_rows
        num_failed += outcome.num_failed
        num_new += outcome.num_new
        num_refused += outcome.num_refused
    with writing(archive.folder):
        _tidy(archive, plan)
    if num_refused:
        files = counted(num_refused, "file")
        say(quiet, f"{files} cannot be asked for changes (permission denied); what was answered stays")
    return Done(num_rows, num_new, num_failed)


def _order(plan: Plan, parts: dict[int, list[str]], share: tuple[int, int]) -> list[tuple[int, list[str]]]:
    """The shards with rows, and the parts of each to look at: own ones first, those without a part before others.

    Runs that are at the same archive begin at different places. Whether inputs of parts that are there have changed is
    looked at by the run whose share they are: done by each of many runs, it would be more than folders bear.
    """
    own, num_shares = share
    shards = [shard for shard in plan.shards if shard.num_rows]
    lot = random.Random(f"{os.getpid()} {time.time_ns()}")
    turn = lot.randrange(len(shards)) if len(shards) else 0
    order = []
    for shard in shards[turn:] + shards[:turn]:
        names, is_own = parts.get(shard.number, []), shard.number % num_shares == own
        to_see = names if is_own else [name for name in names if name != shard.part]
        order.append((not is_own, shard.part in names, shard.number, to_see))
    return [(number, names) for _, _, number, names in sorted(order, key=lambda one: one[:2])]


def _all_outcomes(archive: Archive, engine: Engine, waiting: list[Job]) -> Iterator[Outcome]:
    """The last outcome of each shard, done or kept; those that died or are with others come round again."""
    num_deaths = 0
    while waiting:
        again: list[Job] = []
        is_stuck = True
        for outcome in engine.map(waiting):
            if outcome.state in ("done", "kept"):
                num_deaths, is_stuck = 0, False
                yield outcome
                continue
            num_deaths += outcome.state == "died"
            if num_deaths > MOST_DEATHS:
                raise EmotoneError(f"{archive.folder}: {num_deaths} workers died one after the other; is memory short?")
            again.append(outcome.job)
        waiting = again
        if waiting and is_stuck:
            time.sleep(WAIT_S)


def _tidy(archive: Archive, plan: Plan) -> None:
    """Remove plans and parts of earlier manifests, and what dead workers left; other runs may be at it, too."""
    if Archive.read(archive.folder).plan_name != archive.plan_name:
        return
    known = {shard.part for shard in plan.shards if shard.num_rows}
    for names in archive.parts().values():
        for name in names:
            if name not in known:
                archive.part(name).unlink(missing_ok=True)
    for path in archive.folder.glob("plan-*"):
        if path.name != archive.plan_name:
            shutil.rmtree(path, ignore_errors=True)
    now_s = _clock_of(archive.claims)
    for path in archive.folder.glob(".plan-*"):
        if _is_left(path, now_s):
            shutil.rmtree(path, ignore_errors=True)
    for path in archive.claims.iterdir():
        if path.name in known and archive.part(path.name).exists() or (path.suffix == ".tmp" and _is_left(path, now_s)):
            path.unlink(missing_ok=True)


def _clock_of(folder: Path) -> float:
    """The time that new files there get, in seconds: that of this machine may be another, or jump."""
    with tempfile.NamedTemporaryFile(prefix=".", suffix=".tmp", dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def _is_left(path: Path, now_s: float) -> bool:
    """Whether something temporary is older than any shard or plan takes, so that its run must be dead."""
    try:
        return now_s - path.stat().st_mtime > LEFT_S
    except OSError:
        return False


def say(quiet: bool, note: str) -> None:
    """A note for people, on stderr."""
    if not quiet:
        print(f"note: {note}", file=sys.stderr)
