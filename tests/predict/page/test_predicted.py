"""Rows as a page: what is drawn where, in which colour, with what words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from voices import JFK

from emotone.predict.page.predicted import Scale, show_rows

SCALE = Scale("tiny", {"arousal": (1.0, 7.0)}, {"emotion": {"anger": "anger", "calm": "calm"}}, ["arousal: weak"])


def row(start_s: float, end_s: float, anger: float = 0.75, file: str = str(JFK), **more: Any) -> dict[str, Any]:
    label = "anger" if anger > 0.5 else "calm"
    scores = {"emotion": label, "arousal": 4.0, "anger": anger, "calm": 1 - anger}
    heard = {"speech_share": 0.5, "note": "", "error": ""}
    return {"file": file, "start_s": start_s, "end_s": end_s, **scores, **heard} | more


def failure(file: str) -> dict[str, Any]:
    return dict.fromkeys(row(0, 1)) | {"file": file, "start_s": 0.0, "end_s": 0.0, "note": "", "error": "is empty"}


def test_utterances_are_level_strokes_in_their_colours() -> None:
    page = show_rows([row(0, 2), row(3, 4, 0.25)], SCALE, "utterances")
    assert page.title == "Emotion in jfk.wav" and page.summary == "0:11, 2 utterances, scored by tiny."
    assert [(piece.recording, piece.kind, piece.lane) for piece in page.pieces] == [(0, 0, 0), (0, 1, 0)]
    names = [column.name for column in page.columns]
    assert names == ["start", "end", "emotion", "arousal", "anger", "calm", "speech"]
    assert page.pieces[1].cells == ["0:03.0", "0:04.0", "calm", "4.00", "0.25", "0.75", "50%"]
    [shown] = page.recordings
    assert list(shown.tracks[0].points[:3]) == [(0, 4), (2, 4), (2, None)] and not shown.lanes
    assert [(kind.name, round(kind.share or 0, 3)) for kind in page.legend] == [("anger", 0.667), ("calm", 0.333)]
    assert list(page.warnings) == ["arousal: weak"]


def test_windows_that_overlap_are_a_line() -> None:
    page = show_rows([row(place, place + 3) for place in range(4)], SCALE, "windows")
    assert page.recordings[0].tracks[0].points == [(1.5, 4), (2.5, 4), (3.5, 4), (4.5, 4)]


def test_speakers_have_lanes() -> None:
    rows = [row(0, 2, speaker="agent", channel="1"), row(1, 3, speaker="", channel="2")]
    page = show_rows(rows, SCALE, "utterances")
    assert page.recordings[0].lanes == ["channel 1 agent", "channel 2"]
    assert [piece.lane for piece in page.pieces] == [0, 1]
    assert [column.name for column in page.columns][2:4] == ["channel", "speaker"]


def test_files_that_failed_stand_above() -> None:
    rows = [row(0, 2), *(failure(f"{number}.wav") for number in range(12))]
    page = show_rows(rows, SCALE, "utterances")
    assert len(page.pieces) == 1 and page.warnings[1] == "0.wav: is empty"
    assert page.warnings[-1] == "and 2 more that could not be used"
    assert not show_rows([failure("a.wav")], SCALE, "utterances").recordings


def test_texts_are_in_the_table_alone() -> None:
    text = row(0, 0, file="said.txt", inputs="text") | {"start_s": None, "end_s": None, "speech_share": None}
    page = show_rows([row(0, 2, inputs="speech"), text], SCALE, "recording")
    assert [piece.recording for piece in page.pieces] == [0, None] and page.pieces[1].cells[:2] == ["", ""]
    assert [column.name for column in page.columns][-1] == "recording"


def test_a_file_that_has_gone_is_in_the_table_alone() -> None:
    page = show_rows([row(0, 2), row(0, 2, file="gone.wav")], SCALE, "utterances")
    assert len(page.recordings) == 1 and page.pieces[1].recording is None
    assert list(page.notes[:2]) == ["gone.wav: does not exist", "1 of 2 recordings are in the table alone."]


@pytest.mark.parametrize("scores", [[None, 2.0], [None, None]])
def test_scores_without_a_range_have_their_own(scores: list[float | None]) -> None:
    scale = Scale("tiny", {"arousal": (-math.inf, math.inf)}, {})
    rows = [row(place, place + 1) | {"arousal": score} for place, score in enumerate(scores)]
    [track] = show_rows(rows, scale, "curve").recordings[0].tracks
    assert track.low < track.high and math.isfinite(track.low) and len(track.points) == 3 * sum(map(bool, scores))


def test_scores_beyond_their_range_are_drawn() -> None:
    scale = Scale("tiny", {"arousal": (1.0, 7.0), "valence": (1.0, 7.0)}, {})
    rows = [row(0, 2) | {"valence": 8.5, "arousal": 2.0}, row(3, 4) | {"valence": 3.0, "arousal": 0.5}]
    tracks = show_rows(rows, scale, "utterances").recordings[0].tracks
    assert [(track.low, track.high) for track in tracks] == [(0.5, 8.5), (0.5, 8.5)]
