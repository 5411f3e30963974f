"""A comparison along curves that is made up, for tests of its text and its page."""

from __future__ import annotations

import copy

from made_runs import measured_curves
from pages import HOSTILE

from emotone.evaluate.compare.degraded import DegradationComparison, DropPair
from emotone.evaluate.compare.systems import ComparedSystem
from emotone.evaluate.numbers.interval import Interval

FIRST, SECOND = "both size=1", f"speech {HOSTILE}"


def made_comparison() -> DegradationComparison:
    """Two systems; the second alone has a curve of missing words, and its noise was not measured at 10 dB."""
    first = measured_curves()["curves"]
    second = copy.deepcopy(first)
    second["noise"]["points"][1]["metrics"]["arousal"] = None
    words = copy.deepcopy(first["noise"])
    words["title"], words["axis"] = "Missing words", "words deleted (%)"
    for point, severity in zip(words["points"], (0.0, 25.0, 100.0), strict=True):
        point["severity"], point["is_clean"] = severity, severity == 0
    second["words"] = words
    pair = DropPair(
        target="arousal",
        curve="noise",
        severity=-5.0,
        first=FIRST,
        second=SECOND,
        num_utterances=9,
        drops=[0.1, 0.25],
        difference=Interval(-0.3, -0.15, 0.0),
        p=0.0004,
        p_holm=0.04,
        effect_size=-1.5,
        there=Interval(0.05, 0.15, 0.25),
        p_there=0.02,
        p_there_holm=0.3,
    )
    return DegradationComparison(
        systems=[ComparedSystem(FIRST, ["runs/a", "runs/b"], [0, 1]), ComparedSystem(SECOND, ["runs/c"], [0, 1])],
        metrics={"arousal": "ccc"},
        curves={FIRST: first, SECOND: second},
        pairs=[pair],
        num_utterances=9,
        num_speakers=3,
        notes=["3 speakers are too few"],
        warnings=["leak"],
    )
