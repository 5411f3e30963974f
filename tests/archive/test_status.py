"""How far an archive is, counted against what was done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from archives import MakeArchive, finish

from emotone.archive.status import Status, read_status
from emotone.archive.worker import Job, Worker


def test_rows_are_counted_from_footers(make_archive: MakeArchive) -> None:
    archive = make_archive()
    assert read_status(archive) == Status(24, 0, 0, 6, 0, 0, 0.0, None)
    shards = [shard for shard in archive.plan.shards if shard.num_rows]
    worker = Worker(archive.folder)
    for place, shard in enumerate(shards[:3]):
        worker.do(Job(shard.number))
        os.utime(archive.part(shard.part), (1_000 + 10 * place, 1_000 + 10 * place))
    status = read_status(archive)
    num_done = sum(shard.num_rows for shard in shards[:3])
    assert (status.num_done, status.num_parts, status.num_left) == (num_done, 3, 24 - num_done)
    assert status.rate == pytest.approx((num_done - shards[0].num_rows) / 20)
    assert status.left_s == pytest.approx(status.num_left / status.rate)
    finish(archive)
    status = read_status(archive)
    assert (status.num_done, status.num_failed, status.num_left) == (24, 1, 0) and "left" not in status.text[60:]
    assert status.audio_s == pytest.approx(sum(8_000 + 100 * k for k in range(24) if k != 3) / 16_000)


def test_a_damaged_part_is_named(make_archive: MakeArchive) -> None:
    archive = make_archive()
    finish(archive)
    part: Path = sorted(archive.folder.glob("part-*"))[1]
    part.write_bytes(part.read_bytes()[:300])
    status = read_status(archive)
    assert status.num_damaged == 1 and "1 parts are damaged; the next run makes them anew" in status.text
