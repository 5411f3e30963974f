"""What is searched for and what is found: searches that make no sense, what the user is told."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import Whole
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor
from emotone.predict.retrieve.findings import Findings, Moment, Recording, Search, shortest_s
from emotone.predict.retrieve.moments import find_moments


@pytest.fixture(scope="module")
def default() -> Predictor:
    return Predictor.load("default", threads=1)


# ---- searches ---------------------------------------------------------------------------------------------------


def test_windows_start_every_third_of_their_length_unless_said() -> None:
    assert [Search("arousal", length_s=length_s).step_s for length_s in (3.0, 1.5)] == [1.0, 0.5]
    assert Search("arousal", length_s=3.0, hop_s=0.25).step_s == 0.25


def test_a_search_has_a_direction() -> None:
    assert [Search("arousal", lowest=lowest).direction for lowest in (False, True)] == ["highest", "lowest"]


def test_searches_at_their_limits(default: Predictor) -> None:
    for settings in ({"length_s": 0.26}, {"length_s": 12.0}, {"hop_s": 3.0}, {"min_gap_s": 1e6}, {"min_speech": 1.0}):
        Search("arousal", **settings).check(default)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"attribute": "arousl"}, "bundle default: unknown attribute 'arousl'; did you mean 'arousal'?"),
        ({"attribute": "angr"}, "bundle default: unknown attribute 'angr'; did you mean 'anger'?"),
        ({"num": 0}, "the number of moments must be at least 1, not 0"),
        ({"length_s": 0.01}, "length must be from 0.05 to 20 with bundle default, not 0.01"),
        ({"length_s": 21.0}, "length must be from 0.05 to 20 with bundle default, not 21"),
        ({"length_s": float("nan")}, "not nan"),
        ({"hop_s": 4.0}, "hop must be from 0.05 to 3 with bundle default, not 4"),
        ({"min_gap_s": -1.0}, "min-gap must be from 0"),
        ({"min_gap_s": float("inf")}, "not inf"),
        ({"min_speech": 1.5}, "speech must be from 0 to 1"),
        ({"model": "defalt"}, "did you mean 'default'?"),
    ],
)
def test_searches_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as raised:
        find_moments([], Search(**{"attribute": "arousal", **settings}))
    assert words in str(raised.value)


def test_bundles_without_attributes(default: Predictor) -> None:
    targets = [target for target in default.bundle.targets if target.kind == "category"]
    about = dataclasses.replace(default.bundle.about, targets=targets)
    predictor = Predictor(dataclasses.replace(default.bundle, about=about))
    with pytest.raises(EmotoneError, match="unknown attribute 'arousal'"):
        Search("arousal").check(predictor)
    Search("anger").check(predictor)


def test_a_chunk_is_what_a_bundle_of_chunks_sees(pulled: dict[str, Path]) -> None:
    assert shortest_s(Predictor.load(str(pulled["chunk-attention-self"])).bundle) == pytest.approx(62 * 0.016)


def test_a_bundle_sees_no_less_than_its_feature_and_its_view(default: Predictor, tiny_bundle: Path) -> None:
    tiny = Bundle.load(str(tiny_bundle))
    assert shortest_s(tiny) == max(tiny.feature.min_duration_s, 4 * tiny.feature.hop_s)
    about = dataclasses.replace(tiny.about, view=Whole(min_frames=100))
    whole = dataclasses.replace(tiny, about=about)
    assert shortest_s(whole) == 100 * tiny.feature.hop_s


# ---- notes ------------------------------------------------------------------------------------------------------


def findings(num_moments: int, noted: list[Recording], num_recordings: int) -> Findings:
    """Of a search for three moments."""
    moments = [Moment("a.wav", 3.0 * rank, 3.0 * rank + 3.0, 4.0, math.nan, 1.0, rank) for rank in range(num_moments)]
    return Findings(Search("arousal", 3), "default", moments, {}, [], noted, num_recordings, 60.0, 20.0)


def test_nothing_to_say() -> None:
    assert findings(3, [], 1).notes == [] == findings(0, [], 1).notes


def test_recordings_are_noted_by_the_first() -> None:
    short, music = Recording("b.wav", note="is shorter"), Recording("c.wav", note="holds no speech")
    assert findings(3, [short], 1).notes == ["b.wav is shorter"]
    assert findings(3, [short], 4).notes == ["1 of 4 recordings: b.wav is shorter"]
    assert findings(3, [short, music], 4).notes == ["2 of 4 recordings: e.g. b.wav is shorter"]


def test_fewer_moments_than_asked_for() -> None:
    assert findings(1, [], 1).notes == ["1 of the 3 moments asked for: there are no more"]
