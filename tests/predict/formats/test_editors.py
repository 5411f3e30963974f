"""Files of editors as other programs read them: Praat itself, pympi (ELAN), pysrt, webvtt-py."""

from __future__ import annotations

import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import parselmouth
import pympi
import pysrt
import pytest
import textgrid as textgrids
import webvtt
from parselmouth.praat import call

from emotone.predict.formats.editors import EDITORS, NO_MARKUP, textgrid
from emotone.predict.formats.segments import Interval, Recording


def write(recording: Recording, name: str, folder: Path) -> str:
    path = folder / f"x{EDITORS[name].suffix}"
    path.write_text(EDITORS[name].text(recording), encoding="utf-8")
    return str(path)


def test_subrip(odd: Recording, tmp_path: Path) -> None:
    read = pysrt.open(write(odd, "srt", tmp_path), encoding="utf-8", error_handling=pysrt.ERROR_RAISE)
    assert [(one.start.ordinal, one.end.ordinal) for one in read] == [
        (round(1000 * piece.start_s), round(1000 * piece.end_s)) for piece in odd.segments
    ]
    assert [one.text for one in read] == [piece.spoken.text.translate(NO_MARKUP) for piece in odd.segments]
    assert [one.text_without_tags for one in read] == [one.text for one in read]
    assert [one.index for one in read] == list(range(1, len(read) + 1))


def test_webvtt(odd: Recording, tmp_path: Path) -> None:
    path = write(odd, "vtt", tmp_path)
    read = webvtt.read(path)
    assert [(one.start_in_seconds, one.end_in_seconds) for one in read] == [
        (int(piece.start_s), int(piece.end_s)) for piece in odd.segments
    ]
    assert [one.start for one in read][:2] == ["00:00:00.250", "00:00:00.500"]
    for one, piece in zip(read, odd.segments, strict=True):  # what it is to a browser: an element with an annotation
        head, _, text = one.raw_text.partition(">")
        assert head.startswith("<v ") and text.endswith("</v>")
        assert ElementTree.fromstring(f"<v>{head[3:]}</v>").text == piece.who
        assert ElementTree.fromstring(f"<v>{text}").text == piece.text


def test_praat_reads_textgrids(odd: Recording, tmp_path: Path) -> None:
    read = parselmouth.Data.read(write(odd, "textgrid", tmp_path))
    assert (read.xmin, read.xmax) == (0, 12.5)
    for number, (name, pieces) in enumerate(odd.tiers.items(), start=1):
        assert call(read, "Get tier name...", number) == name
        found = []
        for place in range(1, call(read, "Get number of intervals...", number) + 1):
            label = call(read, "Get label of interval...", number, place)
            times = [call(read, f"Get {which} time of interval...", number, place) for which in ("start", "end")]
            found += [Interval(*times, label)] if label else []
        assert found == pieces
    assert call(read, "Get number of tiers") == len(odd.tiers)


def test_others_read_textgrids(odd: Recording, tmp_path: Path) -> None:
    read = textgrids.TextGrid.fromFile(write(odd, "textgrid", tmp_path))
    assert [tier.name.replace('""', '"') for tier in read.tiers] == list(odd.tiers)  # it leaves those of names
    for tier, pieces in zip(read.tiers, odd.tiers.values(), strict=True):
        assert tier[0].minTime == 0 and tier[-1].maxTime == 12.5  # they fill the recording
        assert all(one.maxTime == other.minTime for one, other in zip(tier, tier[1:], strict=False))
        assert [Interval(one.minTime, one.maxTime, one.mark) for one in tier if one.mark] == pieces


def test_pieces_that_are_shorter_than_a_textgrid_can_say() -> None:
    pieces = [Interval(0.0, 1.0000004, "a"), Interval(1.0000001, 1.0000003, "b"), Interval(1.0000002, 2.0, "c")]
    assert textgrid(2.0, {"t": pieces}).count("intervals [") == 2


def test_elan(odd: Recording, tmp_path: Path) -> None:
    read = pympi.Elan.Eaf(write(odd, "eaf", tmp_path))
    assert set(read.get_tier_names()) == set(odd.tiers)
    for name, pieces in odd.tiers.items():
        assert [one[:3] for one in read.get_annotation_data_for_tier(name)] == [
            (round(1000 * piece.start_s), round(1000 * piece.end_s), piece.text) for piece in pieces
        ]
    [media] = read.media_descriptors
    assert urllib.parse.unquote(urllib.parse.urlsplit(media["MEDIA_URL"]).path) == odd.file
    assert read.adocument["DATE"] == "1970-01-01T00:00:00+00:00"  # of a file that is not there


def test_elan_names_a_recording_that_was_scored_elsewhere_beside_it(odd: Recording, tmp_path: Path) -> None:
    read = pympi.Elan.Eaf(write(replace(odd, file="my talk.wav"), "eaf", tmp_path))
    assert read.media_descriptors[0]["MEDIA_URL"] == "./my%20talk.wav" and not read.adocument["DATE"].startswith("1970")


def test_audacity_labels(odd: Recording, tmp_path: Path) -> None:
    with open(write(odd, "audacity", tmp_path), encoding="utf-8", newline="\n") as file:
        rows = [line.removesuffix("\n").split("\t") for line in file]
    assert [(float(start), float(end), text) for start, end, text in rows] == [piece.spoken for piece in odd.segments]


@pytest.mark.parametrize("name", EDITORS)
def test_a_recording_without_segments_is_a_file(name: str, tmp_path: Path) -> None:
    path = write(Recording("a.wav", 2.0, []), name, tmp_path)
    if name == "vtt":
        assert len(webvtt.read(path)) == 0
    if name == "textgrid":
        assert parselmouth.Data.read(write(Recording("a.wav", 2.0, []), name, tmp_path)).xmax == 2.0
    if name == "eaf":
        assert list(pympi.Elan.Eaf(path).get_tier_names()) == []
