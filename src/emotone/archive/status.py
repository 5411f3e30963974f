"""How far an archive is, from the names and footers of its parts alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from emotone.archive.folder import Archive
from emotone.archive.part import Count, read_count

THREADS = 8
"""That look at parts, most of whose time is that of the disk."""
RECENT_S = 600.0
"""The rate is that of the parts of so long, up to the newest."""


@dataclass(frozen=True)
class Status:
    """Rows of the manifest, those answered, those of them that failed, and what is known of the pace.

    num_damaged: parts that cannot be read, which the next run makes anew. audio_s: seconds that were heard. rate: rows
    a second of all workers together, lately; None: not known. left_s: what the rest takes at this rate.
    """

    num_rows: int
    num_done: int
    num_failed: int
    num_shards: int
    num_parts: int
    num_damaged: int
    audio_s: float
    rate: float | None

    @property
    def num_left(self) -> int:
        """Rows without an answer."""
        return self.num_rows - self.num_done

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take; None where no rate is known."""
        return None if not self.rate else self.num_left / self.rate

    @property
    def text(self) -> str:
        """For people, a line each.

        >>> print(Status(100, 60, 1, 10, 6, 0, 3600.0, 2.0).text)
        60 of 100 rows done (60.0%), 1 failed, 40 left; 6 of 10 parts; 1.0 hours of audio
        2.0 rows a second lately: about 0:00:20 left
        """
        share = self.num_done / max(1, self.num_rows)
        rows = f"{self.num_done} of {self.num_rows} rows done ({share:.1%}), {self.num_failed} failed"
        parts = f"{self.num_parts} of {self.num_shards} parts; {self.audio_s / 3600:.1f} hours of audio"
        lines = [f"{rows}, {self.num_left} left; {parts}"]
        if self.num_damaged:
            lines.append(f"{self.num_damaged} parts are damaged; the next run makes them anew")
        if self.num_left and self.rate and self.left_s is not None:
            left = timedelta(seconds=round(self.left_s))
            lines.append(f"{self.rate:.1f} rows a second lately: about {left} left")
        return "\n".join(lines)


def read_status(archive: Archive) -> Status:
    """How far an archive is.

    Parts whose inputs have changed since are counted as done here; the next run finds them.
    """
    plan = archive.plan
    there = {name for names in archive.parts().values() for name in names}
    counts, num_damaged, audio_s = [], 0, 0.0
    done: list[tuple[float, int]] = []
    shards = [shard for shard in plan.shards if shard.num_rows]
    made = [shard for shard in shards if shard.part in there]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(_look, [archive.part(shard.part) for shard in made])
    for shard, (count, time_s) in zip(made, found, strict=True):
        if count is None or count.num_rows != shard.num_rows:
            num_damaged += 1
            continue
        counts.append(count)
        audio_s += count.audio_s
        done.append((time_s, count.num_rows))
    return Status(
        plan.num_rows,
        sum(count.num_rows for count in counts),
        sum(count.num_failed for count in counts),
        len(shards),
        len(counts),
        num_damaged,
        audio_s,
        _rate(done),
    )


def _look(path: Path) -> tuple[Count | None, float]:
    """What the footer of a part says, and when it was put in place."""
    try:
        return read_count(path), path.stat().st_mtime
    except OSError:  # made anew at this moment
        return None, 0.0


def _rate(done: list[tuple[float, int]]) -> float | None:
    """Rows a second in the last `RECENT_S` before the newest part; None for fewer than two parts.

    >>> _rate([(10.0, 50), (20.0, 60), (30.0, 40)])
    5.0
    """
    done = sorted(done)
    recent = [(time_s, num) for time_s, num in done if done[-1][0] - time_s <= RECENT_S]
    if len(recent) < 2 or recent[-1][0] == recent[0][0]:
        return None
    return sum(num for _, num in recent[1:]) / (recent[-1][0] - recent[0][0])
