"""Utterances scored along curves: who is chosen, which curves there are, and what cannot be scored."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_edits import change
from made_runs import AROUSAL, EMOTION, TARGETS, make_run, predictions

from emotone.audio.change import degrade
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import UNBOUNDED
from emotone.bundle.view.streams import Utterance
from emotone.errors import EmotoneError
from emotone.evaluate.degraded import missing
from emotone.evaluate.degraded.scoring import (
    ALL_CURVES,
    DegradedScores,
    check_scorable,
    choose_curves,
    choose_utterances,
    score_utterances,
    with_scores,
)

AXES = {
    "noise": ("SNR (dB)", "20 dB"),
    "babble": ("SNR (dB)", "20 dB"),
    "reverberation": ("decay by 60 dB (s)", "0.2 s"),
    "gain": ("gain (dB), clipped at full scale", "-20 dB"),
    "bandwidth": ("highest frequency (kHz)", "4 kHz"),
    "codec": ("codec, about kbit/s", "Opus 60"),
    "clipping": ("samples clipped (%)", "1 %"),
    "shortening": ("only the first (s)", "4 s"),
    "words": ("words deleted (%)", "10 %"),
    "transcript": ("transcript", "absent"),
    "recognised": ("transcript", "recognised"),
    "frames": ("audio frames dropped (%)", "10 %"),
    "bursts": ("audio lost (%), 0.25 s at a time", "10 %"),
    "audio": ("audio", "absent"),
}


def test_every_severity_is_named_as_in_committed_results() -> None:
    """Results hold the label of the axis alone, and are read again by the name of the curve."""
    found = {name: (curve.axis, curve.with_unit(curve.severities[1])) for name, curve in ALL_CURVES.items()}
    assert found == AXES and set(ALL_CURVES) == set(degrade.CURVES) | set(missing.CURVES)
    for curve in ALL_CURVES.values():
        for severity in curve.severities:
            named = isinstance(severity, str)
            assert curve.on_axis(severity) == (severity if named else f"{curve.axis}: {severity:g}")


def test_curves_are_chosen_in_their_own_order() -> None:
    assert choose_curves(missing.CURVES, None) == list(missing.CURVES)
    assert choose_curves(missing.CURVES, ["audio", "words"]) == ["words", "audio"]
    with pytest.raises(EmotoneError, match="unknown curve 'noise'"):
        choose_curves(missing.CURVES, ["noise"])


def test_speakers_take_turns() -> None:
    table = pd.DataFrame({"id": [f"u{n}" for n in range(100)], "speaker": ["a"] * 80 + ["b"] * 17 + [None] * 3})
    counts = choose_utterances(table, 20, 0)["speaker"].value_counts(dropna=False)
    assert counts["a"] in (8, 9) and counts["b"] in (8, 9) and counts[None] == 3
    mixed = table.sample(frac=1, random_state=1)
    assert set(choose_utterances(table, 20, 0)["id"]) == set(choose_utterances(mixed, 20, 0)["id"])
    assert set(choose_utterances(table, 20, 0)["id"]) != set(choose_utterances(table, 20, 1)["id"])
    assert len(choose_utterances(table, 1000, 0)) == 100


def test_scores_are_on_the_ranges_of_the_targets(tiny_bundle: Path) -> None:
    bundle = Bundle.load(str(tiny_bundle))
    batch = [Utterance(np.full((30, 16), value, np.float32)) for value in (-4.0, -6.0)]
    own = next(target for target in bundle.targets if target.name == "arousal")
    narrow = replace(own, range=(0.0, 1.0))
    one, two = (score_utterances(bundle, batch, [target]) for target in (own, narrow))
    np.testing.assert_allclose(two["predicted_arousal"], (one["predicted_arousal"] - 1) / 6)
    np.testing.assert_allclose(one.filter(like="p_").sum(axis=1), 1, atol=1e-6)
    assert "predicted_valence" not in one  # no target asks for it


def test_rows_without_scores_are_nan() -> None:
    clean = predictions(4)
    scores = clean.loc[[2, 0]].assign(predicted_arousal=[9.0, 8.0])
    found = with_scores(clean, scores, TARGETS)
    np.testing.assert_array_equal(found["predicted_arousal"], [8.0, np.nan, 9.0, np.nan])
    assert found["p_calm"].isna().tolist() == [False, True, False, True]
    assert found["true_arousal"].tolist() == clean["true_arousal"].tolist()


def test_clean_rows_of_all_curves_count_once() -> None:
    table = predictions(6)
    table.loc[5, "predicted_valence"] = np.nan  # could not be scored
    curves = {name: ALL_CURVES[name] for name in ("noise", "babble")}
    tables = {"noise": {"clean": table, 20.0: table[:0]}, "babble": {"clean": table[2:], 20.0: table[:0]}}
    assert DegradedScores(curves, tables).clean(TARGETS)["id"].tolist() == table["id"][:5].tolist()
    twice = pd.concat([table, table.assign(repeat=1)], ignore_index=True)
    assert len(DegradedScores(curves, {"noise": {"clean": twice}}).clean([EMOTION])) == 12
    assert list(DegradedScores({}, {}).clean([AROUSAL])) == ["id", "speaker", "predicted_arousal"]


def test_what_cannot_be_scored_alone_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    run = make_run(predictions())
    run.folder = tiny_bundle
    check_scorable(run, "robustness")
    with pytest.raises(EmotoneError, match="scores of arousal are relative, .* missing data needs scores on a range"):
        check_scorable(replace(run, targets=[replace(AROUSAL, range=UNBOUNDED)]), "missing data")
    run.folder = shutil.copytree(tiny_bundle, tmp_path / "by-speaker")
    change(run.folder, lambda about: about["normalise"].update(by="speaker"))
    with pytest.raises(EmotoneError, match="normalises by speaker, so it cannot score single degraded files"):
        check_scorable(run, "robustness")
