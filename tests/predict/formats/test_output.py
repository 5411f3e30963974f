"""Which form an output takes, what stays and what is replaced, and audformat's table as audformat reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import audformat
import pandas as pd
import pytest

from emotone.base.result_table import Done, ResultFile
from emotone.base.table_format import TABLES
from emotone.errors import EmotoneError
from emotone.predict.formats.editors import EDITORS
from emotone.predict.formats.output import SUFFIXES, OutputNames, Timed, form_of, format_of
from emotone.predict.table import Table

TABLE = Table("utterances", ["arousal", "anger", "calm"], False, {"emotion": {"anger": "anger", "calm": "calm"}})
FILES = ["a/talk.wav", "b/talk.wav", "silent.wav"]


def row(file: str, start_s: float, end_s: float) -> dict[str, Any]:
    scores = {"emotion": "calm", "arousal": 4.0, "anger": 0.25, "calm": 0.75}
    return {"file": file, "start_s": start_s, "end_s": end_s, **scores, "speech_share": 1.0, "note": "", "error": ""}


def failed(file: str, start_s: float = 0.0, end_s: float = 0.0) -> dict[str, Any]:
    return dict.fromkeys(TABLE.columns) | {"file": file, "start_s": start_s, "end_s": end_s, "error": "is silent"}


ROWS = {
    FILES[0]: [row(FILES[0], 0.0, 1.5), failed(FILES[0], 1.5, 2.0), row(FILES[0], 2.25, 3.0)],
    FILES[1]: [row(FILES[1], 0.5, 1.0)],
    FILES[2]: [failed(FILES[2])],
}


def write(output: Path, name: str | None = None, files: list[str] = FILES, overwrite: bool = False) -> Any:
    known = format_of(output, name, files)
    form = form_of(output, known, TABLE, "default")
    with ResultFile(output, TABLE.columns, {}, overwrite, form=form) as results:
        for file in results.remaining(files):
            results.add(file, ROWS[file], 4.0)
        results.finish(files, lambda rows: False)
    return form


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_format_has_a_suffix_or_a_name() -> None:
    assert {*SUFFIXES} == {name.removeprefix(".") for name in TABLES} | {*EDITORS} | {"label-studio", "audformat"}
    for name in ("csv", "xlsx", *EDITORS):
        assert format_of(Path(f"x{SUFFIXES[name]}"), None, ["a.wav"]) == name
        assert format_of(Path(f"x{SUFFIXES[name].upper()}"), None, ["a.wav"]) == name
    assert format_of(Path("x.json"), "label-studio", FILES) == "label-studio" and format_of(Path("x"), "srt", FILES)


@pytest.mark.parametrize("name", EDITORS)
def test_a_folder_has_a_file_per_recording_and_says_whose(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    form = write(folder, name)
    suffix = EDITORS[name].suffix
    assert sorted(content(folder)) == sorted([f"talk{suffix}", f"talk-2{suffix}", "recordings.csv"])
    index = pd.read_csv(folder / "recordings.csv", keep_default_na=False)
    assert index["file"].tolist() == FILES and index["error"].tolist() == ["", "", "is silent"]
    assert index["output"].tolist() == [f"talk{suffix}", f"talk-2{suffix}", ""]
    assert os.listdir(tmp_path) == ["out"] and form.num_left_out == 1 and form.lost == []
    one = tmp_path / f"one{suffix}"
    write(one, None, FILES[:1])
    assert one.read_bytes() == (folder / f"talk{suffix}").read_bytes()


def test_files_that_are_there_are_replaced_when_asked_and_others_kept(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    write(folder, "srt")  # an empty one is as good as none
    whole = content(folder)
    (folder / "talk.srt").write_text("corrected by hand")
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(EmotoneError, match="is no empty folder; --overwrite replaces files in it"):
        write(folder, "srt")
    write(folder, "srt", overwrite=True)
    assert content(folder) == whole | {"mine.txt": b"mine"} and os.listdir(tmp_path) == ["out"]
    (tmp_path / "x.vtt").write_text("corrected by hand")
    with pytest.raises(EmotoneError, match="somebody may have worked on it; --overwrite"):
        write(tmp_path / "x.vtt", None, FILES[:1])
    write(tmp_path / "x.vtt", None, FILES[:1], overwrite=True)
    assert (tmp_path / "x.vtt").read_text().startswith("WEBVTT")


def test_a_folder_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("emotone.predict.formats.output.write_csv", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "out", "eaf")
        assert os.listdir(tmp_path) == ["out.partial"]
    write(tmp_path / "out", "eaf")
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("output", ["out", "x.srt", "x.json"])
def test_a_run_that_was_killed_when_all_was_written_ends_the_next_time(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"out": "srt", "x.json": "label-studio"}.get(output)
    unlink = Path.unlink

    def interrupt(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".partial":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Path, "unlink", interrupt)
            write(tmp_path / output, name, FILES[:1])
        assert len(os.listdir(tmp_path)) == 2
        with (  # killed again, before the end
            pytest.raises(KeyError),
            ResultFile(
                tmp_path / output, TABLE.columns, {}, form=form_of(tmp_path / output, name or "srt", TABLE, "default")
            ) as results,
        ):
            assert results.remaining(FILES[:1]) == []
            results.finish(["never done"], lambda rows: False)
    write(tmp_path / output, name, FILES[:1])
    assert os.listdir(tmp_path) == [output]
    with pytest.raises(EmotoneError, match="--overwrite"):
        write(tmp_path / output, name, FILES[:1])


@pytest.mark.parametrize("output", ["out", "x.srt", "x.json"])
def test_a_full_disk_is_one_line_that_names_the_output(
    output: str, tmp_path: Path, full_disk: Callable[[int], Any]
) -> None:
    name = {"out": "textgrid", "x.json": "label-studio"}.get(output)
    form = form_of(tmp_path / output, name or "srt", TABLE, "default")
    with full_disk(10), pytest.raises(EmotoneError) as caught:
        form.write(tmp_path / output, TABLE.columns, set(), [Done(FILES[0], ROWS[FILES[0]], 4.0)])
    assert str(caught.value) == f"{tmp_path / output}: cannot be written (File too large)"
    assert os.listdir(tmp_path) == []


def test_of_a_single_recording_without_scores_there_is_no_file(tmp_path: Path) -> None:
    form = write(tmp_path / "x.TextGrid", None, FILES[2:])
    assert isinstance(form, Timed) and [(one.file, one.error) for one in form.lost] == [("silent.wav", "is silent")]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("output", "name", "files", "words"),
    [
        ("x.srt", None, FILES, "x.srt: is of one recording, and 3 are given; --output FOLDER --as srt writes a file"),
        ("x.srt", "vtt", FILES, "vtt is written as .vtt, or give a folder"),
        ("x.txt", "audformat", FILES, "audformat is written as .csv"),
        ("x", "label-studio", FILES, "label-studio is written as .json"),
        ("x", "textgird", FILES, "--as: unknown format 'textgird'; did you mean 'textgrid'?"),
        ("x", None, FILES, "x: has no suffix that says its format; --as srt|vtt|textgrid|eaf|audacity fills a folder"),
        ("x.textgird", None, FILES, "did you mean '.textgrid'?"),
        ("folder", None, FILES, "is a folder; --as srt|vtt|textgrid|eaf|audacity writes a file per recording into it"),
        ("x", "srt", ["a.wav", "said.txt"], "srt has times, and text has none: said.txt"),
    ],
)
def test_what_cannot_be_is_one_line(
    output: str, name: str | None, files: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(EmotoneError, match=re.escape(words)):
        format_of(tmp_path / output, name, files)


@pytest.mark.parametrize(
    ("output", "name", "words"),
    [
        ("none/x.srt", "srt", "the folder does not exist"),
        ("none/x", "srt", "the folder does not exist"),
        ("file", "srt", "is there already and no folder"),
        ("folder.json", "label-studio", "is a folder"),
        ("x.csv", "audformat", "is there already and no table that Emotone wrote"),
    ],
)
def test_places_that_cannot_be_are_refused_before_any_work(output: str, name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "x.csv").write_text("a,b\n")
    with pytest.raises(EmotoneError, match=words):
        form_of(tmp_path / output, name, TABLE, "default").check(tmp_path / output, False)


def test_audformat_reads_its_table(tmp_path: Path) -> None:
    names = ['=1 "a",\nb.wav', "שיחה.wav", "-x.wav"]
    files = {name: [row(name, 0.0, 1.5), row(name, 90_000.25, 90_001.0)] for name in names}
    files["gone.wav"] = [failed("gone.wav")]
    for _ in range(2):  # its own table is replaced
        form = form_of(tmp_path / "x.csv", "audformat", TABLE, "default")
        form.check(tmp_path / "x.csv", False)
        form.write(tmp_path / "x.csv", TABLE.columns, set(), [Done(name, rows) for name, rows in files.items()])
    read = audformat.utils.read_csv(tmp_path / "x.csv")
    assert audformat.is_segmented_index(read.index)
    expected = audformat.segmented_index(
        [name for name in names for _ in range(2)] + ["gone.wav"],
        starts=["0s", pd.Timedelta(90_000.25, "s")] * 3 + ["0s"],
        ends=["1.5s", pd.Timedelta(90_001, "s")] * 3 + [pd.NaT],
    )
    pd.testing.assert_index_equal(read.index, expected)
    assert read["calm"].tolist()[:6] == [0.75] * 6 and read["error"].tolist()[-1] == "is silent"
    assert list(read) == TABLE.columns[3:]


def test_names_fit_and_stay_beside_each_other() -> None:
    names = OutputNames(".TextGrid")
    long = ["ü" * 200 + ".wav", "x/" + "ü" * 200 + ".mp3", os.fsdecode(b"\xff.wav"), "../../up.wav", "a\nb.wav"]
    given = [names.of(file) for file in long]
    assert all(len(os.fsencode(name)) <= 255 - 14 and "/" not in name for name in given)
    assert len(set(given)) == 5 and given[1].endswith("ü-2.TextGrid")
    assert given[2:] == [os.fsdecode(b"\xff.TextGrid"), "up.TextGrid", "a\nb.TextGrid"]
