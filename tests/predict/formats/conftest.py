"""A recording with names that formats stumble over, and readers of their files that are not ours."""

from __future__ import annotations

import pytest

from emotone.predict.formats.segments import Recording, Segment, one_line

NAMES = ['Ann "A." O\'Neil', "two\nlines --> 00:00", "<b>Bo</b> & Co", "שרה כהן", "=1+1", "{\\an8}x", "tab\there"]


@pytest.fixture
def odd() -> Recording:
    """Turns of speakers with such names, touching and overlapping, with labels named alike."""
    segments = [
        Segment(place + 0.25, place + 1.25, one_line(name), {"emotion": (name, 0.5)}, {"arousal": 4.0}, 'שקט "?"')
        for place, name in enumerate(NAMES)
    ]
    segments += [Segment(0.5, 2.0, one_line(NAMES[0]), {"emotion": ("calm", 0.25)}, {})]
    segments.sort(key=lambda piece: (piece.start_s, piece.end_s))
    return Recording('/x/my "ü" <talk> & שיחה.wav', 12.5, segments)
