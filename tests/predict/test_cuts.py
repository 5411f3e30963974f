"""What of a recording is scored: windows, utterances, turns; and what is known of it afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from voices import spoken

from emotone.audio.turns import Turn
from emotone.audio.utterances import UtteranceRules
from emotone.errors import EmotoneError
from emotone.predict.cuts import Parts, Windows, cut

SAID = np.concatenate([spoken(6.0), np.zeros(32_000, np.float32), spoken(4.0, 1)])


@pytest.mark.parametrize(
    "parts", [Windows(), Windows(2.0), UtteranceRules(), [Turn(0.5, 1.5, "Ada"), Turn(2, 9, "Bo")]]
)
@pytest.mark.parametrize("is_heard", [True, False])
def test_pieces_are_of_the_recording(parts: Windows | Parts, is_heard: bool) -> None:
    cuts = cut(iter([SAID[:50_000], SAID[50_000:]]), parts, 8.0, is_heard)
    pieces = list(cuts)
    assert len(pieces) >= 2 and cuts.duration_s == len(SAID) / 16_000
    for start, samples in pieces:
        np.testing.assert_array_equal(samples, SAID[start : start + len(samples)])
        assert len(samples) <= 8.2 * 16_000
    assert (cuts.track is not None) == is_heard
    if cuts.track is not None:
        assert cuts.track.speech_s > 5
    assert cuts.speakers == (["Ada", "Bo"] if isinstance(parts, list) else [])


def test_where_there_is_nothing_it_says_why() -> None:
    cuts = cut([SAID], [Turn(60, 61, "Ada")], 8.0, False)
    assert list(cuts) == [] and cuts.nothing == "ends before the first turn"
    cuts = cut([np.zeros(16_000, np.float32)], UtteranceRules(), 8.0, False)
    assert list(cuts) == [] and cuts.nothing == "no speech found"


@pytest.mark.parametrize("parts", ["utterances", [(0.0, 1.0)], UtteranceRules])
def test_parts_are_rules_or_turns(parts: Any) -> None:
    with pytest.raises(EmotoneError, match="parts are utterances .* or a list of turns"):
        cut([SAID], parts, 8.0, False)
