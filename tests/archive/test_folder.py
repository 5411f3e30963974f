"""An archive's folder: begun, gone on with as it was, and nothing of others touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from archives import MakeArchive, finish

from emotone.archive.folder import Archive, is_archive
from emotone.audio.utterances import UtteranceRules
from emotone.errors import EmotoneError
from emotone.predict.retrieve.findings import Search


def test_an_archive_is_read_as_it_was_written(make_archive: MakeArchive, tones_folder: Path) -> None:
    settings = {"utterances": UtteranceRules(pause_s=0.5), "channels": (1, 2), "device": "cpu"}
    archive = make_archive(settings=settings, search=Search("arousal"))
    assert Archive.read(tones_folder / "out") == archive and is_archive(tones_folder / "out")
    assert archive.settings.utterances == UtteranceRules(pause_s=0.5) and archive.settings.channels == (1, 2)
    assert archive.root == str(tones_folder) and archive.num_shards == 6 and archive.plan.num_rows == 24
    assert archive.table["columns"][:4] == ["file", "start_s", "end_s", "channel"]
    assert archive.form.moments == archive.bundle["columns"] and archive.search == {
        "length_s": 3.0,
        "hop_s": 1.0,
        "min_speech": 0.4,
    }


def test_it_goes_on_where_the_settings_are_the_same(make_archive: MakeArchive, tones_folder: Path) -> None:
    first, notes = make_archive(), []
    stamp = (tones_folder / "out" / "archive.json").stat().st_mtime_ns
    assert make_archive(notes=notes) == first and notes == []
    assert (tones_folder / "out" / "archive.json").stat().st_mtime_ns == stamp
    with pytest.raises(EmotoneError, match="out: was begun with another setting of over, utterances; choose"):
        make_archive(settings={"utterances": UtteranceRules()})
    with pytest.raises(EmotoneError, match="another setting of --retrieve-features"):
        make_archive(search=Search("arousal"))


def test_a_manifest_that_changed_keeps_its_shards(make_archive: MakeArchive, tones_folder: Path) -> None:
    before, notes = make_archive(), []
    manifest = tones_folder / "calls.csv"
    manifest.write_text(manifest.read_text() + "audio/new.wav\naudio/00.wav\n")
    after = make_archive(notes=notes)
    assert after.num_shards == before.num_shards and after.plan_name != before.plan_name
    assert notes == [
        f"{manifest} has changed: 24 rows before, 25 now",
        f"1 rows of {manifest} repeat another, and are answered once",
    ]
    with pytest.raises(EmotoneError, match="another run goes on with a changed manifest; start again"):
        before.check_plan()


def test_a_system_without_posix_is_told(make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.pwrite")
    with pytest.raises(EmotoneError, match="archives need Linux or macOS"):
        make_archive()


def test_a_full_disk_is_one_line_and_leaves_nothing(
    make_archive: MakeArchive, tones_folder: Path, full_disk: Any
) -> None:
    with full_disk(500), pytest.raises(EmotoneError, match="out: cannot be written"):
        make_archive()
    assert [path.name for path in (tones_folder / "out").iterdir()] == ["claims"]
    assert finish(make_archive()).num_rows == 24


@pytest.mark.parametrize("name", ["talk.wav", "part-000000-0123456789abcdef.parquet", "results.db"])
def test_a_folder_of_others_is_left_alone(make_archive: MakeArchive, tones_folder: Path, name: str) -> None:
    (tones_folder / "out").mkdir()
    (tones_folder / "out" / name).write_text("theirs")
    with pytest.raises(EmotoneError, match=f"out: holds something else \\({name}\\)"):
        make_archive()
    assert [path.name for path in (tones_folder / "out").iterdir()] == [name]


def test_what_is_no_archive_is_one_line(make_archive: MakeArchive, tones_folder: Path) -> None:
    with pytest.raises(EmotoneError, match="audio: is no archive"):
        Archive.read(tones_folder / "audio")
    for text in ("file\n", "file\n" + "\n" * 1_000_000):
        (tones_folder / "empty.csv").write_text(text)
        with pytest.raises(EmotoneError, match=r"empty.csv: has no rows"):
            make_archive(tones_folder / "empty.csv")
    assert not (tones_folder / "out" / "archive.json").exists()
    make_archive()
    path = tones_folder / "out" / "archive.json"
    about = json.loads(path.read_text())
    for changed, said in (("{", "cannot be read"), (json.dumps(about | {"format": 9}), "format 9 is newer")):
        path.write_text(changed)
        with pytest.raises(EmotoneError, match=said):
            Archive.read(path.parent)
    (tones_folder / "file").touch()
    (tones_folder / "out").rename(tones_folder / "away")
    (tones_folder / "file").rename(tones_folder / "out")
    with pytest.raises(EmotoneError, match="out: is a file, not a folder"):
        make_archive()
