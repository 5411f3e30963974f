"""What a worker does with a shard: the rows of `emotone predict`, kept where they fit, made anew where they do not."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archives import MakeArchive, finish

from emotone.archive.claim import Claim
from emotone.archive.folder import Archive
from emotone.archive.worker import Job, Worker, check_usable
from emotone.base.processes import DIED
from emotone.base.table_format import Row
from emotone.errors import EmotoneError
from emotone.predict.files import Input, predict_file
from emotone.predict.predictor import Predictor
from emotone.predict.settings import PredictSettings
from emotone.predict.table import Table


def rows_of(archive: Archive) -> list[Row]:
    found = []
    for shard in archive.plan.shards:
        for answer in archive.form.read(archive.part(shard.part)).values():
            found += answer.rows
    return sorted(found, key=lambda row: (row["file"], row["start_s"]))


def test_rows_are_those_of_predict(
    make_archive: MakeArchive, tones_folder: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(settings={"window_s": 0.25})
    finish(archive)
    monkeypatch.chdir(tones_folder)
    settings = PredictSettings(model=str(tiny_bundle), window_s=0.25)
    table = Table.of(Predictor.load(str(tiny_bundle)), "windows")
    files = [f"audio/{number:02d}.wav" for number in range(24)]
    assert rows_of(archive) == [
        row for file in files for one in predict_file(settings, Input(file)) for row in table.rows(one)
    ]


def test_parts_of_files_and_channels_have_the_times_of_the_file(
    make_archive: MakeArchive, tones_folder: Path, tiny_bundle: Path
) -> None:
    samples = 0.3 * np.random.default_rng(0).normal(size=(48_000, 2)).clip(-3, 3)
    soundfile.write(tones_folder / "audio" / "two.wav", samples, 16_000)
    manifest = tones_folder / "segments.csv"
    manifest.write_text(
        "file,start,end,channel\naudio/two.wav,1,2.5,2\naudio/two.wav,,,1\naudio/two.wav,2,,\naudio/two.wav,5,6,2\n"
        "audio/two.wav,0,1,3\n"
    )
    archive = make_archive(manifest)
    finish(archive)
    found = {(row["start_s"], row["channel"]): row for row in rows_of(archive)}
    assert {key: row["end_s"] for key, row in found.items()} == {
        (1.0, "2"): 2.5, (0.0, "1"): 3.0, (2.0, None): 3.0, (5.0, "2"): 6.0, (0.0, "3"): 1.0,
    }  # fmt: skip
    predictor = Predictor.load(str(tiny_bundle))
    part = predictor.predict(samples[16_000:40_000, 1], 16_000)
    assert found[1.0, "2"]["arousal"] == pytest.approx(part.scores["arousal"], abs=1e-3)  # 16 bits
    assert "ends before 5 s" in found[5.0, "2"]["error"] and "channel" in found[0.0, "3"]["error"]


def test_answers_that_fit_are_kept(make_archive: MakeArchive, tones_folder: Path) -> None:
    archive = make_archive()
    assert finish(archive) == (24, 24, 1)
    expected = rows_of(archive)
    stamps = {path.name: path.stat().st_mtime_ns for path in archive.folder.glob("part-*")}
    assert finish(archive) == (24, 0, 1)
    assert {path.name: path.stat().st_mtime_ns for path in archive.folder.glob("part-*")} == stamps
    os.utime(tones_folder / "audio" / "07.wav", ns=(1, 1))
    assert finish(archive) == (24, 1, 1)
    soundfile.write(tones_folder / "audio" / "03.wav", 0.4 * np.sin(np.arange(8_300) / 6), 16_000)
    assert finish(archive) == (24, 1, 0)
    changed = rows_of(archive)
    assert changed[3]["arousal"] and changed[:3] + changed[4:] == expected[:3] + expected[4:]


def test_errors_are_tried_again_where_that_is_asked_for(make_archive: MakeArchive, tones_folder: Path) -> None:
    archive = make_archive()
    finish(archive)
    assert finish(archive, retries=True) == (24, 1, 1)
    assert finish(archive) == (24, 0, 1)


def test_parts_that_are_damaged_or_of_others_are_made_anew(make_archive: MakeArchive) -> None:
    archive = make_archive()
    finish(archive)
    expected = rows_of(archive)
    first, second, third, *_ = sorted(archive.folder.glob("part-*"))
    first.write_bytes(first.read_bytes()[:-100])
    second.write_bytes(third.read_bytes())  # of another shard
    third.unlink()
    assert finish(archive).num_rows == 24 and rows_of(archive) == expected


def test_rows_that_stay_in_a_changed_manifest_are_not_done_again(make_archive: MakeArchive, tones_folder: Path) -> None:
    finish(make_archive())
    manifest = tones_folder / "calls.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], *reversed(lines[3:]), "audio/gone.wav"]) + "\n")
    archive = make_archive()
    assert finish(archive) == (23, 1, 2)
    assert [row["file"] for row in rows_of(archive)] == [f"audio/{k:02d}.wav" for k in range(2, 24)] + [
        "audio/gone.wav"
    ]
    names = {shard.part for shard in archive.plan.shards if shard.num_rows}
    assert {path.name for path in archive.folder.glob("part-*")} == names
    assert [path.name for path in archive.folder.glob("plan-*")] == [archive.plan_name]


def test_a_row_that_workers_die_of_is_an_error(make_archive: MakeArchive) -> None:
    archive = make_archive()
    shard = archive.plan.shards[0]
    worker = Worker(archive.folder)
    with Claim(archive.claims / shard.part, Counter({1: 3, 0: 2})) as held:
        outcome = worker._answer(Job(0), shard, archive.part(shard.part), {}, held)
    found = list(archive.form.read(archive.part(shard.part)).values())
    assert outcome.state == "done" and found[1].error == DIED and found[0].error != DIED


def test_a_shard_that_is_somebody_else_s_is_left(make_archive: MakeArchive) -> None:
    archive = make_archive()
    with Claim(archive.claims / archive.plan.shards[0].part, Counter()):
        assert Worker(archive.folder).do(Job(0)).state == "busy"
    assert Worker(archive.folder).do(Job(0)).state == "done"
    assert Worker(archive.folder).do(Job(0)).state == "kept"  # though this job did not know


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("what", ["open", "replace"])
def test_a_folder_that_fails_is_one_line_and_the_next_run_goes_on(
    make_archive: MakeArchive, number: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive()
    with monkeypatch.context() as patch:
        patch.setattr(os, what, _failing(number))
        with pytest.raises(EmotoneError, match="out: cannot be written"):
            Worker(archive.folder).do(Job(0))
    assert finish(archive).num_rows == 24


def test_a_folder_that_turns_read_only_is_one_line_of_the_run(
    make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive()
    finish(archive)
    (archive.claims / archive.plan.shards[0].part).touch()  # for the run to tidy
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _failing(errno.EROFS))
        with pytest.raises(EmotoneError, match="out: cannot be written"):
            finish(archive)
    assert finish(archive) == (24, 0, 1) and not list(archive.claims.iterdir())


def _failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_file_system_without_locks_will_do(make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", _failing(errno.ENOLCK))
    archive = make_archive()
    assert finish(archive) == (24, 24, 1) and finish(archive) == (24, 0, 1)


def test_parts_of_other_shares_are_taken_as_they_are(make_archive: MakeArchive, tones_folder: Path) -> None:
    archive = make_archive()
    finish(archive)
    for number in range(24):
        os.utime(tones_folder / "audio" / f"{number:02d}.wav", ns=(1, 1))
    own = sum(shard.num_rows for shard in archive.plan.shards if shard.number % 3 == 1)
    assert finish(archive, share=(1, 3)).num_new == own and finish(archive).num_new == 24 - own


def test_a_full_disk_leaves_nothing_and_is_one_line(make_archive: MakeArchive, full_disk: object) -> None:
    archive = make_archive()
    worker = Worker(archive.folder)
    check_usable(worker)
    before = sorted(path.name for path in archive.folder.iterdir())
    with full_disk(500), pytest.raises(EmotoneError, match="out: cannot be written"):  # type: ignore[operator]
        worker.do(Job(0))
    assert sorted(path.name for path in archive.folder.iterdir()) == before and not list(archive.claims.iterdir())
    assert finish(archive).num_rows == 24
