"""Moments of an archive: those that a search of the recordings finds, from what the archive keeps alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from archives import finish
from voices import spoken

from emotone.archive.folder import Archive, open_archive
from emotone.archive.moments import find_in_archive
from emotone.errors import EmotoneError
from emotone.predict.retrieve.findings import Findings, Search
from emotone.predict.retrieve.moments import find_moments
from emotone.predict.settings import PredictSettings

SEARCH = Search("arousal", num=5, min_gap_s=0.5, model="small")


@pytest.fixture(scope="module")
def spoken_archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Seven recordings with speech at other places, one of noise, one that is no audio, one that is too short."""
    folder = tmp_path_factory.mktemp("spoken")
    names = []
    for number in range(7):
        names.append(f"{number}.wav")
        speech = spoken(4.0 + number, seed=number) * np.float32(0.3 + number / 10)
        soundfile.write(folder / names[-1], np.concatenate([np.zeros(8_000 * number, np.float32), speech]), 16_000)
    soundfile.write(folder / "noise.wav", np.random.default_rng(0).normal(0, 0.01, 64_000), 16_000)
    (folder / "none.wav").write_bytes(b"none")
    manifest = folder / "m.csv"
    manifest.write_text("\n".join(["file", *names, "noise.wav", "none.wav"]) + "\n")
    settings = PredictSettings(model="small", window_s=2.0)
    archive = open_archive(manifest, folder / "out", settings, SEARCH, rows_per_shard=3)
    finish(archive)
    return archive


def found(findings: Findings) -> list[Any]:
    return [repr(replace(moment, file=Path(moment.file).name)) for moment in findings.moments]


@pytest.mark.parametrize(
    "search",
    [
        SEARCH,
        replace(SEARCH, lowest=True, num=50),
        replace(SEARCH, attribute="anger", num=2, min_gap_s=3.0),
        replace(SEARCH, min_speech=0.8, num=9),
    ],
)
def test_moments_are_those_of_the_recordings(spoken_archive: Archive, search: Search) -> None:
    root = Path(spoken_archive.root)
    files = [*(f"{root}/{number}.wav" for number in range(7)), f"{root}/noise.wav", f"{root}/none.wav"]
    expected = find_moments(files, search)
    findings = find_in_archive(spoken_archive, search)
    assert found(findings) == found(expected) and findings.moments
    assert (findings.num_recordings, findings.num_failed) == (expected.num_recordings, expected.num_failed) == (9, 1)
    assert findings.duration_s == pytest.approx(expected.duration_s)
    assert findings.speech_s == pytest.approx(expected.speech_s)
    assert [Path(file).name for file in findings.recordings] == [Path(file).name for file in expected.recordings]
    for one, other in zip(findings.recordings.values(), expected.recordings.values(), strict=True):
        assert one.median == other.median and one.num_windows == other.num_windows
        np.testing.assert_array_equal(one.outline, other.outline)


def test_parts_of_files_have_the_times_of_the_file(spoken_archive: Archive, tmp_path: Path) -> None:
    manifest = Path(spoken_archive.root) / "parts.csv"
    manifest.write_text("file,start,end\n6.wav,4,9\n")
    archive = open_archive(manifest, tmp_path / "out", PredictSettings(model="small"), SEARCH)
    finish(archive)
    moments = find_in_archive(archive, SEARCH).moments
    assert moments and all(4 <= moment.start_s < moment.end_s <= 9 for moment in moments)


def test_what_is_not_kept_is_one_line(spoken_archive: Archive, tiny_bundle: Path, tmp_path: Path) -> None:
    for search, said in (
        (replace(SEARCH, attribute="arousel"), "unknown attribute 'arousel'; did you mean 'arousal'"),
        (replace(SEARCH, length_s=2.0), "keeps moments of length 3, not 2"),
        (replace(SEARCH, hop_s=0.5), "keeps moments of hop 1, not 0.5"),
        (replace(SEARCH, min_speech=0.1), "keeps moments with speech from 0.4 on, not 0.1"),
        (replace(SEARCH, model=str(tiny_bundle)), "was scored with small, not "),
    ):
        with pytest.raises(EmotoneError, match=said):
            find_in_archive(spoken_archive, search)
    bare = open_archive(Path(spoken_archive.root) / "m.csv", tmp_path / "out", PredictSettings(model=str(tiny_bundle)))
    with pytest.raises(EmotoneError, match="keeps no moments; begin it with --retrieve-features"):
        find_in_archive(bare, SEARCH)


def test_the_command_line_searches_an_archive(
    spoken_archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emotone.cli.main import main

    words = ["retrieve", str(spoken_archive.folder), "--attribute", "arousal", "--highest", "3", "--quiet"]
    assert main([*words, "--output", "json"]) == 1  # one recording has failed
    told = json.loads(capsys.readouterr().out)
    expected = find_in_archive(spoken_archive, replace(SEARCH, num=3, min_gap_s=0.0)).moments
    assert [moment["start_s"] for moment in told["moments"]] == [moment.start_s for moment in expected]
    assert main([*words, "--output", "clips", "--to", str(tmp_path / "clips")]) == 1
    assert len(list((tmp_path / "clips").glob("*.wav"))) == 3
    page = ["--page", str(tmp_path / "x.html")]
    more = [words[0], "x.wav", *words[1:]]
    for given, said in (([*words, *page], "--page is of recordings"), (more, "searched alone")):
        assert main(given) == 2
        assert said in capsys.readouterr().err
    part = next(spoken_archive.folder.glob("part-*"))
    content = part.read_bytes()
    part.write_bytes(content[:-80])
    assert main(words) == 2 and "is damaged; it is made anew by: emotone archive" in capsys.readouterr().err
    part.write_bytes(content)
