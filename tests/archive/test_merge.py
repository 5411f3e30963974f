"""One table of all parts: the rows of the manifest in its order, or one line that says what is missing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from archives import MakeArchive, finish, write_manifest

from emotone.archive import merge as merge_module
from emotone.archive.merge import merge
from emotone.archive.worker import Job, Worker
from emotone.errors import EmotoneError


@pytest.mark.parametrize("heap", [3, 1_000])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_rows_stand_in_the_order_of_the_manifest(
    make_archive: MakeArchive, tones_folder: Path, suffix: str, heap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "ROWS_PER_HEAP", heap)
    numbers = [*range(23, 5, -1), *range(6)]
    archive = make_archive(write_manifest(tones_folder / "m.csv", numbers), settings={"window_s": 0.25})
    finish(archive)
    output = tones_folder / f"all{suffix}"
    assert merge(archive, output) == 1
    table = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".jsonl": lambda p: pd.read_json(p, lines=True)}[suffix](
        output
    )
    assert list(dict.fromkeys(table["file"])) == [f"audio/{number:02d}.wav" for number in numbers]
    assert list(table) == archive.table["columns"] and len(table) > 24
    for _, rows in table.groupby("file"):
        assert rows["start_s"].is_monotonic_increasing
    assert not [path for path in tones_folder.iterdir() if path.name.startswith(".")]


def test_on_windows_an_archive_of_elsewhere_is_merged(
    make_archive: MakeArchive, tones_folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(merge_module, "ROWS_PER_HEAP", 3)
    archive = make_archive()
    finish(archive)
    request.getfixturevalue("windows")
    merge(archive, tones_folder / "all.csv")
    assert (tones_folder / "all.csv").exists()
    assert not [path for path in tones_folder.iterdir() if path.name.startswith(".")]


def test_a_merge_that_is_killed_leaves_nothing_for_long(make_archive: MakeArchive, tones_folder: Path) -> None:
    archive = make_archive()
    finish(archive)
    output = tones_folder / "all.csv"
    code = f"""
import os, signal
from pathlib import Path
from emotone.archive import merge
from emotone.archive.folder import Archive
merge._ordered = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
merge.merge(Archive.read(Path({str(archive.folder)!r})), Path({str(output)!r}))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert [path for path in tones_folder.iterdir() if path.name.startswith(".")] and not output.exists()
    merge(archive, output)
    assert output.exists() and not [path for path in tones_folder.iterdir() if path.name.startswith(".")]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    make_archive: MakeArchive, tones_folder: Path, full_disk: Any
) -> None:
    archive = make_archive()
    finish(archive)
    before = sorted(path.name for path in tones_folder.iterdir())
    with full_disk(1_000), pytest.raises(EmotoneError, match="all.csv: cannot be written"):
        merge(archive, tones_folder / "all.csv")
    assert sorted(path.name for path in tones_folder.iterdir()) == before
    assert merge(archive, tones_folder / "all.csv") == 1


def test_what_is_not_done_is_said(make_archive: MakeArchive, tones_folder: Path) -> None:
    archive = make_archive()
    shards = [shard for shard in archive.plan.shards if shard.num_rows]
    Worker(archive.folder).do(Job(shards[0].number))
    left = 24 - shards[0].num_rows
    with pytest.raises(EmotoneError, match=f"out: {left} of 24 rows are not answered; run: emotone archive"):
        merge(archive, tones_folder / "all.csv")
    finish(archive)
    part = archive.part(shards[1].part)
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(EmotoneError, match=f"{part.name}: is damaged; it is made anew by"):
        merge(archive, tones_folder / "all.csv")
    assert not (tones_folder / "all.csv").exists()
    (tones_folder / "all.csv").write_text("mine")
    with pytest.raises(EmotoneError, match="no table that Emotone wrote; --overwrite"):
        merge(archive, tones_folder / "all.csv")
