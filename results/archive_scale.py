"""Ten million hours by simulation: `python results/archive_scale.py > results/archive-scale.md`.

A discrete simulation (simpy) of `emotone archive` on many machines that share one folder: how shards, claims, listings,
restarts and slow machines add up, with the costs that were measured of one machine, and where that breaks.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import simpy

HOURS = 10_000_000
# Measured (results/benchmarks.md, benchmarks/bench_archive.py), on one core of an AMD EPYC.
AUDIO_S_PER_CPU_S = 318.0  # `small`
ROW_S = 0.0005  # opening a file, rows, a part's share of them
PART_S = 0.03  # writing a part of 500 rows and bringing it to the disk
START_S = 1.5  # of a worker: imports, the bundle
NAME_S = 3e-6  # of a listing, per name
PLAN_ROW_S = 5.6e-6
HEAD_S = 0.0015  # looking at a part that is there
# Assumed of the folder and the machines; not measured.
OPERATIONS_PER_SHARD = 12  # claim, rename, archive.json, plan, part, rename, claims away
OPERATIONS_PER_S = 5_000.0  # of the folder's server, all machines together
BYTES_PER_AUDIO_S = 16_000.0  # FLAC, or MP3 of 128 kbit/s
BYTES_PER_S = 10e9  # of the store of recordings, all machines together
CORES = 16  # of a machine, one worker each
DAYS_TO_DEATH = 30.0  # of a machine, on average
BACK_AFTER_S = 600.0
PATIENCE_S = 120.0  # until the claims of a dead machine are given up (`emotone.archive.claim`)
TOUCH_S = 5.0  # between two touches of a claim
SHARE_SLOW, SLOWER = 0.05, 2.0  # machines that take twice as long


@dataclass(frozen=True)
class Case:
    """Recordings of `recording_s` on average, `rows` a shard, on `machines`."""

    recording_s: float
    rows: int
    machines: int
    days_to_death: float = DAYS_TO_DEATH
    operations_per_s: float = OPERATIONS_PER_S

    @property
    def num_rows(self) -> int:
        """Of the manifest."""
        return int(HOURS * 3600 / self.recording_s)

    @property
    def num_shards(self) -> int:
        """Of the plan."""
        return max(1, self.num_rows // self.rows)

    @property
    def shard_s(self) -> float:
        """CPU seconds of a shard."""
        return self.rows * (self.recording_s / AUDIO_S_PER_CPU_S + ROW_S) + PART_S * self.rows / 500


class Simulation:
    """One case, from the first listing to the last part."""

    def __init__(self, case: Case, seed: int = 0) -> None:
        self.case = case
        self.lot = random.Random(seed)
        self.env: Any = simpy.Environment()
        self.folder = simpy.Resource(self.env, 1)
        self.store = simpy.Resource(self.env, 1)
        self.shards = deque(range(case.num_shards))
        self.num_left = case.num_shards
        self.lost_s = self.waited_s = 0.0
        self.num_deaths = 0
        self.is_done = self.env.event()

    def run(self) -> dict[str, float]:
        """Hours of wall time and what they were spent on."""
        for number in range(self.case.machines):
            pace = SLOWER if self.lot.random() < SHARE_SLOW else 1.0
            self.env.process(self.machine(number, pace))
        self.env.run(until=self.is_done)
        wall_s = self.env.now
        cores = self.case.machines * CORES
        ideal_s = self.case.num_shards * self.case.shard_s / cores
        return {
            "hours": wall_s / 3600,
            "efficiency": ideal_s / wall_s,
            "lost": self.lost_s / (wall_s * cores),
            "waited": self.waited_s / (wall_s * cores),
            "deaths": self.num_deaths,
            "touches": cores / TOUCH_S,
        }

    def machine(self, number: int, pace: float) -> Iterator[Any]:
        """A machine: it lists the folder, its workers do shards, it dies and comes back."""
        while self.num_left:
            yield self.env.timeout(NAME_S * self.case.num_shards + START_S)
            workers = [self.env.process(self.worker(pace)) for _ in range(CORES)]
            dies_s = self.lot.expovariate(1 / (self.case.days_to_death * 86_400))
            death = self.env.timeout(dies_s)
            yield death | self.env.all_of(workers)
            if not death.processed:
                return
            self.num_deaths += 1
            for worker in workers:
                if worker.is_alive:
                    worker.interrupt()
            yield self.env.timeout(BACK_AFTER_S)

    def worker(self, pace: float) -> Iterator[Any]:
        """Shards one after the other; one that a death interrupts is to be had again after the others' patience."""
        while self.shards:
            shard, began_s = self.shards.popleft(), self.env.now
            try:
                yield from self.take(self.folder, OPERATIONS_PER_SHARD / self.free_operations())
                audio_s = self.case.rows * self.case.recording_s
                yield from self.take(self.store, audio_s * BYTES_PER_AUDIO_S / BYTES_PER_S)
                spread = 1 + self.lot.gauss(0, 1) / self.case.rows**0.5  # lengths of recordings differ
                yield self.env.timeout(pace * self.case.shard_s * max(0.1, spread))
            except simpy.Interrupt:
                self.lost_s += self.env.now - began_s
                self.env.process(self.give_back(shard))
                return
            self.num_left -= 1
            if not self.num_left:
                self.is_done.succeed()

    def free_operations(self) -> float:
        """What touches of claims leave of the folder's operations a second."""
        return max(1.0, self.case.operations_per_s - self.case.machines * CORES / TOUCH_S)

    def take(self, resource: Any, seconds: float) -> Iterator[Any]:
        """Use what all share for so long, after those who came before."""
        asked_s = self.env.now
        with resource.request() as turn:
            yield turn
            self.waited_s += self.env.now - asked_s
            yield self.env.timeout(seconds)

    def give_back(self, shard: int) -> Iterator[Any]:
        yield self.env.timeout(PATIENCE_S)
        self.shards.append(shard)
        if self.num_left == len(self.shards):  # everybody had gone home
            self.env.process(self.worker(1.0))


def table(title: str, cases: list[Case]) -> None:
    """A table of cases, one a row."""
    print(f"\n## {title}\n")
    print("| recordings | rows a shard | machines | parts | CPU a shard | wall time | efficiency | waiting | lost |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in cases:
        found = Simulation(case).run()
        print(
            f"| {length(case.recording_s)} | {case.rows:,} | {case.machines:,} | {case.num_shards:,} "
            f"| {length(case.shard_s)} | {found['hours']:.1f} h | {found['efficiency']:.3f} "
            f"| {found['waited']:.3f} | {found['lost']:.4f} |",
            flush=True,
        )


def length(seconds: float) -> str:
    """A time for people."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def main() -> None:
    print("# Ten million hours, simulated\n")
    print(
        "Made by `python results/archive_scale.py`. What the work costs was measured on one core; what the folder and\n"
        f"the store of recordings bear is assumed: {OPERATIONS_PER_S:,.0f} operations and {BYTES_PER_S / 1e9:.0f} GB a "
        f"second for all together,\nmachines of {CORES} cores that die every {DAYS_TO_DEATH:.0f} days, 5% half as "
        "fast. Efficiency is against cores\nthat do nothing but score; waiting and lost are shares of all core time."
    )
    long, short = Case(600.0, 1_000, 125), Case(5.0, 50_000, 125)
    table("Recordings of ten minutes", [replace(long, rows=rows) for rows in (200, 1_000, 5_000, 20_000)])
    table("Recordings of five seconds", [replace(short, rows=rows) for rows in (20_000, 50_000, 200_000)])
    table("More machines", [replace(long, machines=num, rows=500) for num in (10, 125, 500, 1_000)])
    table("Machines that die every day", [replace(long, days_to_death=1.0, rows=rows) for rows in (500, 1_000, 5_000)])
    few = [replace(long, rows=500, operations_per_s=num) for num in (500.0, 1_000.0, 5_000.0)]
    table("A folder of 500, 1,000 and 5,000 operations a second", few)
    print("\n## Around it\n")
    print("| | ten minutes, 500 rows a shard | five seconds, 50,000 rows a shard | five seconds, 500 rows a shard |")
    print("|---|---|---|---|")
    cases = [replace(long, rows=500), short, replace(short, rows=500)]
    for what, cost in (
        ("rows", lambda case: f"{case.num_rows:,}"),
        ("planning, one process", lambda case: length(case.num_rows * PLAN_ROW_S)),
        ("parts in the folder", lambda case: f"{case.num_shards:,}"),
        ("listing them, each machine once", lambda case: length(case.num_shards * NAME_S)),
        ("looking at all parts again, 16 processes", lambda case: length(case.num_shards * HEAD_S / 16)),
        ("operations of the folder, without touches", lambda case: f"{case.num_shards * OPERATIONS_PER_SHARD:,}"),
        ("these at the assumed rate", lambda case: length(case.num_shards * OPERATIONS_PER_SHARD / OPERATIONS_PER_S)),
    ):
        print(f"| {what} | {' | '.join(cost(case) for case in cases)} |")


if __name__ == "__main__":
    main()
