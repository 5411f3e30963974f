"""What is written of found moments: read back by other code, whole or not there, and never outside its folder."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.audio.read import AudioError
from emotone.audio.words.alignment import read_words
from emotone.errors import EmotoneError
from emotone.predict.retrieve import output as retrieve_output
from emotone.predict.retrieve.findings import Findings, Moment, Recording, Search
from emotone.predict.retrieve.output import COLUMNS, FILES, OUTPUTS, check_output, json_text, safe_stem, write_findings

RATE_HZ = 44_100
Write = Callable[[str, float], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(name, duration_s): a stereo recording of noise at 44.1 kHz."""

    def write_noise(name: str, duration_s: float) -> str:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(len(name)).normal(0, 0.1, (round(duration_s * RATE_HZ), 2))
        soundfile.write(path, samples, RATE_HZ)
        return str(path)

    return write_noise


def findings_of(places: dict[str, list[tuple[float, float]]], num: int = 10) -> Findings:
    """Moments at places of recordings of 12.5 s, ranked from the last to the first; one more file has failed."""
    moments = []
    for file, pairs in places.items():
        for start, end in pairs:
            confidence = math.nan if not moments else 1.23456789
            moments.insert(0, Moment(file, start, end, 4 + len(moments) / 3, confidence, 0.75))
    moments = [Moment(**{**vars(moment), "rank": rank}) for rank, moment in enumerate(moments, start=1)]
    recordings = {
        file: Recording(
            file,
            12.5,
            6.0,
            10,
            [moment for moment in moments if moment.file == file],
            np.array([4.0, np.nan, 5.0]),
            4.5,
        )
        for file in dict.fromkeys(moment.file for moment in moments)
    }
    failed = [Recording("no\nwhere,\r.wav", error="does not exist")]
    return Findings(Search("arousal", num), "default", moments, recordings, failed, [], 1 + len(places), 60.0, 20.0)


@pytest.fixture
def some(write: Write) -> Findings:
    return findings_of(
        {write("a.wav", 12.5): [(0.0, 3.0), (9.5, 12.5), (3.0, 6.0)], write("b.wav", 12.5): [(1.25, 4.25)]}
    )


# ---- tables -----------------------------------------------------------------------------------------------------


def test_csv_is_read_back(some: Findings, tmp_path: Path) -> None:
    write_findings(some, "table", tmp_path / "x.csv")
    numbers = set(COLUMNS) - {"file", "error"}
    table = pd.read_csv(tmp_path / "x.csv", keep_default_na=False, na_values={name: [""] for name in numbers})
    assert tuple(table) == COLUMNS and table["rank"].tolist()[:4] == [1, 2, 3, 4]
    assert table["score"].iloc[:4].tolist() == pytest.approx([5.0, 4 + 2 / 3, 4 + 1 / 3, 4.0], abs=1e-5)
    assert table["file"].iloc[-1] == "no\nwhere,\r.wav" and table["error"].iloc[-1] == "does not exist"
    assert math.isnan(table["confidence"].iloc[3]) and math.isnan(table["start_s"].iloc[-1])


def test_json_is_strict_and_holds_all(some: Findings, tmp_path: Path) -> None:
    write_findings(some, "json", tmp_path / "x.json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    about = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert about["search"]["attribute"] == "arousal" and about["search"]["hop_s"] == 1.0
    assert [moment["rank"] for moment in about["moments"]] == [1, 2, 3, 4] and about["moments"][3]["confidence"] is None
    assert [recording["error"] for recording in about["recordings"]] == ["", "", "does not exist"]


def test_table_on_stdout(some: Findings, capsys: pytest.CaptureFixture[str]) -> None:
    write_findings(some, "table", None)
    header, *lines = capsys.readouterr().out.splitlines()
    assert tuple(header.split()) == COLUMNS and len(lines) == 5
    assert lines[0].split()[0] == "1" and lines[-1].split()[:2] == ["-", "no\\nwhere,\\r.wav"]


# ---- folders ----------------------------------------------------------------------------------------------------


def test_textgrids_are_read_back(some: Findings, tmp_path: Path) -> None:
    write_findings(some, "textgrid", tmp_path / "grids")
    assert sorted(path.name for path in (tmp_path / "grids").iterdir()) == ["a.TextGrid", "b.TextGrid"]
    words = read_words(tmp_path / "grids" / "a.TextGrid")
    assert words == [("4: 4.000", 0.0, 3.0), ("2: 4.667", 3.0, 6.0), ("3: 4.333", 9.5, 12.5)]
    assert read_words(tmp_path / "grids" / "b.TextGrid") == [("1: 5.000", 1.25, 4.25)]


def test_textgrid_intervals_fill_the_recording(some: Findings, tmp_path: Path) -> None:
    write_findings(some, "textgrid", tmp_path / "grids")
    for path in (tmp_path / "grids").iterdir():
        text = path.read_text()
        starts, ends = (re.findall(rf"^ {{12}}{name} = (\S+)$", text, re.MULTILINE) for name in ("xmin", "xmax"))
        assert starts[1:] == ends[:-1] and float(starts[0]) == 0 and ends[-1] == "12.500000"
        assert all(float(start) < float(end) for start, end in zip(starts, ends, strict=True))
        assert f"size = {len(starts)}\n" in text and set(re.findall(r"^xmax = (\S+)$", text, re.M)) == {"12.500000"}


def test_audacity_labels(some: Findings, tmp_path: Path) -> None:
    write_findings(some, "audacity", tmp_path / "labels")
    lines = (tmp_path / "labels" / "a.txt").read_text().splitlines()
    assert lines == [
        "0.000000\t3.000000\t4: arousal 4.000",
        "3.000000\t6.000000\t2: arousal 4.667",
        "9.500000\t12.500000\t3: arousal 4.333",
    ]


def test_clips_are_parts_of_the_recordings(some: Findings, tmp_path: Path) -> None:
    write_findings(some, "clips", tmp_path / "clips")
    table = pd.read_csv(tmp_path / "clips" / "moments.csv")
    assert table["clip"].tolist()[:2] == ["1_b_1.25-4.25.wav", "2_a_3.00-6.00.wav"] and table["clip"].isna().sum() == 1
    assert len(list((tmp_path / "clips").iterdir())) == 5
    for row in table.iloc[:4].itertuples():
        clip, rate_hz = soundfile.read(tmp_path / "clips" / str(row.clip))
        source, _ = soundfile.read(row.file, start=round(row.start_s * RATE_HZ), stop=round(row.end_s * RATE_HZ))
        assert rate_hz == RATE_HZ and clip.shape == (3 * RATE_HZ,)
        np.testing.assert_allclose(clip, source.mean(axis=1), atol=2**-15)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_full_disk_is_one_line_that_names_what_was_asked_for(
    some: Findings, tmp_path: Path, full_disk: Callable[[int], Any], output: str
) -> None:
    to = tmp_path / f"out{FILES.get(output, '')}"
    before = list(tmp_path.iterdir())
    with full_disk(100), pytest.raises(EmotoneError) as caught:
        write_findings(some, output, to)
    assert str(caught.value) == f"{to}: cannot be written (File too large)" and list(tmp_path.iterdir()) == before


def test_no_name_of_a_recording_is_a_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("=1+1.wav", np.full(RATE_HZ, 0.1), RATE_HZ)
    write_findings(findings_of({"=1+1.wav": [(0.0, 1.0)]}), "clips", tmp_path / "clips")
    table = pd.read_csv(tmp_path / "clips" / "moments.csv")
    assert table["file"][0] == "'=1+1.wav" and table["clip"][0] == "1_1_1_0.00-1.00.wav"


@pytest.mark.parametrize("output", ["textgrid", "audacity"])
def test_names_that_collide(write: Write, tmp_path: Path, output: str) -> None:
    files = [write(name, 0.1) for name in ("x/talk.wav", "y/talk.wav", "TALK.flac", "talk-2.wav", "z/talk.flac")]
    write_findings(findings_of({file: [(0.0, 1.0)] for file in files}), output, tmp_path / "out")
    names = [path.stem for path in (tmp_path / "out").iterdir()]
    assert len(names) == 5 and len({name.casefold() for name in names}) == 5


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("../../etc/passwd", "passwd"),
        ("...", "recording"),
        ("a\\..\\b.wav", "a_.._b"),
        ("x\0y\n.wav", "x_y"),
        ("Žluťoučký kůň.mp3", "Žluťoučký_kůň"),
        ("\udcff\udcfe.wav", "recording"),
        ("n" * 300 + ".wav", "n" * 40),
    ],
)
def test_names_stay_in_their_folder(file: str, stem: str) -> None:
    assert safe_stem(file) == stem and len(f"100000_{stem}_36000.00-36003.00.wav".encode()) < 255


def test_an_interrupted_folder_is_not_there(some: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def interrupt(path: Path, moment: Moment) -> None:
        written.append(path.write_text("clip"))
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(retrieve_output, "_write_clip", interrupt)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write_findings(some, "clips", tmp_path / "clips")
    assert len(written) == 2 and sorted(tmp_path.iterdir()) == before


def test_a_recording_that_has_gone_leaves_nothing(some: Findings, tmp_path: Path) -> None:
    Path(some.moments[-1].file).unlink()
    with pytest.raises(AudioError, match="does not exist"):
        write_findings(some, "clips", tmp_path / "clips")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_empty_folder_is_used_and_open_to_all(some: Findings, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_findings(some, "audacity", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "in").stat().st_mode


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for output, to, words in (
        ("clip", None, "did you mean 'clips'?"),
        ("clips", None, "output clips needs a folder: --to FOLDER"),
        ("textgrid", "full", "exists already; textgrid needs a new folder, or an empty one"),
        ("audacity", "full/mine.txt", "exists already"),
        ("audacity", "link", "exists already"),
        ("audacity", "none/x", "does not exist"),
        ("table", "x.json", "must end in .csv"),
        ("json", "x.csv", "must end in .json"),
        ("table", "none/x.csv", "the folder does not exist"),
    ):
        with pytest.raises(EmotoneError, match=re.escape(words)):
            check_output(output, None if to is None else tmp_path / to)
    for output in OUTPUTS:
        check_output(output, tmp_path / "new.csv" if output == "table" else tmp_path / "new.json")


def test_numbers_are_tidy(write: Write) -> None:
    [row] = json.loads(json_text(findings_of({"a.wav": [(1 / 3, 1.0)]})))["moments"]
    assert row["start_s"] == 0.333333 and row["score"] == 4.0 and row["confidence"] is None
