"""Pictures of curves: a panel for each, one scale, severities as people write them."""

from __future__ import annotations

import copy
import re

from made_runs import measured_curves

from emotone.evaluate.report.degraded_pictures import plot_degradation, plot_targets


def test_severities_titles_and_targets_are_named() -> None:
    found = measured_curves()
    found["curves"]["codec"] = copy.deepcopy(found["curves"]["noise"])
    found["curves"]["codec"] |= {"title": "Codec", "axis": "codec, about kbit/s"}
    found["curves"]["codec"]["points"][1]["severity"] = "Opus 60"
    svg = plot_targets(found)
    texts = re.findall(r">([^<>]+)</t(?:ext|span)>", svg)
    for text in ("clean", "10", "-5", "Opus", "60", "SNR (dB)", "codec, about kbit/s", "Codec", "emotion UAR"):
        assert text in texts, text
    assert texts.count("arousal CCC") == 1  # one legend for all panels


def test_what_was_not_measured_leaves_a_gap_and_labels_are_wrapped() -> None:
    (curve,) = measured_curves()["curves"].values()
    value = curve["points"][0]["metrics"]["arousal"]
    label = "A  a system whose name is so long that it does not fit the legend"
    svg = plot_degradation([(curve, {label: [value, None, value], "B  other": [value, value, None]})])
    assert svg.startswith("<svg") and label not in svg and "A  a system whose name" in svg
