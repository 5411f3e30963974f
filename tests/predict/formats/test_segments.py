"""Rows as segments: which are kept, who is heard, and tiers in which none overlap."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.base.result_table import Done
from emotone.predict.formats.segments import Recording, Segment, one_line, recording_of
from emotone.predict.table import Table

CHOICES = {"emotion": {"anger": "anger", "calm": "calm"}, "gender": {"f": "gender_f", "m": "gender_m"}}
TABLE = Table(
    "utterances", ["arousal", "anger", "calm", "gender_f", "gender_m"], False, CHOICES, ("channel", "speaker")
)
ROW = {"file": "a.wav", "start_s": 0.5, "end_s": 2.0, "channel": "2", "speaker": "Ann\n", "emotion": "anger"}
ROW |= {"gender": "m", "arousal": 5.125, "anger": 0.75, "calm": 0.25, "gender_f": 0.0, "gender_m": 1.0}
ROW |= {"speech_share": 1.0, "note": "", "error": ""}
FAILED: dict[str, Any] = {**dict.fromkeys(ROW), "file": "a.wav", "start_s": 2.0, "end_s": 3.0, "error": "is silent"}


def test_rows_with_scores_become_segments_by_time() -> None:
    early = ROW | {"start_s": 0.0, "end_s": 0.4, "channel": None, "speaker": None, "note": "no speech found"}
    recording = recording_of(Done("a.wav", [ROW, FAILED, early], 12.5), TABLE)
    assert recording.duration_s == 12.5 and recording.error == "" and recording.num_left_out == 1
    assert [piece.spoken for piece in recording.segments] == [
        (0.0, 0.4, "anger 0.75, m 1.00, arousal 5.12 (no speech found)"),
        (0.5, 2.0, "channel 2, Ann: anger 0.75, m 1.00, arousal 5.12"),
    ]
    assert recording.segments[1].channel == 2 and list(recording.tiers) == ["emotion", "channel 2, Ann"]


def test_a_recording_without_scores_has_an_error() -> None:
    assert recording_of(Done("a.wav", [FAILED], 3.0), TABLE).error == "is silent"
    without = FAILED | {"error": ""}
    assert recording_of(Done("a.wav", [without]), TABLE).error == "nothing could be scored"
    assert recording_of(Done("a.wav", [ROW]), TABLE).duration_s == 2.0  # of an earlier version's partial file


def test_a_curve_has_attributes_alone() -> None:
    row = {"file": "a.wav", "start_s": 0.0, "end_s": 1.0, "arousal": 4.0, "error": ""}
    recording = recording_of(Done("a.wav", [row], 1.0), Table("curve", ["arousal"], False))
    assert recording.tier == "scores" and recording.segments[0].text == "arousal 4.00"


times = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda pair: (pair[0] / 5, (pair[0] + pair[1]) / 5))


@given(st.lists(st.tuples(times, st.sampled_from(["", "A", "A 2", "emotion"])), max_size=15))
def test_no_tier_has_an_overlap_and_none_is_lost(places: list[tuple[tuple[float, float], str]]) -> None:
    segments = [Segment(start, end, who) for (start, end), who in sorted(places)]
    tiers = Recording("a.wav", 20.0, segments).tiers
    assert sorted((p.start_s, p.end_s) for tier in tiers.values() for p in tier) == sorted(place for place, _ in places)
    for pieces in tiers.values():
        assert all(one.end_s <= other.start_s + 1e-6 for one, other in zip(pieces, pieces[1:], strict=False))


@pytest.mark.parametrize(("text", "line"), [("a\u2028b\x85c\0d", "a b c d"), ("שלום", "שלום"), (" \n", "")])
def test_lines(text: str, line: str) -> None:
    assert one_line(text) == line
