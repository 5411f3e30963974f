"""Calibration: what is over-confident is found and put right by the validation part alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from scipy.special import softmax

from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.temperature import fit_temperature, scale
from emotone.evaluate.report.calibration import attribute_calibration, calibrate, category_calibration

LABELS = ("anger", "calm", "fear")
EMOTION = Target("emotion", "category", labels=LABELS)
AROUSAL = Target("arousal", "attribute", (1, 7))


def predictions(seed: int, sharpness: float, num: int = 3000, fold: int = 0, repeat: int = 0) -> pd.DataFrame:
    """Labels drawn from softmax(z), predictions of softmax(sharpness * z): the temperature is `sharpness`."""
    random = np.random.default_rng(seed)
    z = random.normal(size=(num, 3)) * 2
    labels = [LABELS[random.choice(3, p=softmax(row))] for row in z]
    p = softmax(sharpness * z, axis=1)
    return pd.DataFrame(
        {
            "id": [f"{fold}-{seed}-{n}" for n in range(num)],
            "speaker": [str(n % 7) for n in range(num)],
            "fold": fold,
            "repeat": repeat,
            "true_emotion": labels,
            **{f"p_{name}": p[:, k] for k, name in enumerate(LABELS)},
        },
    )


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(sharpness: float) -> None:
    about = category_calibration(predictions(0, sharpness), predictions(1, sharpness), EMOTION)
    (fitted,) = about["temperatures"]
    assert fitted["temperature"] == pytest.approx(sharpness, rel=0.1) and fitted["num_utterances"] == 3000
    if sharpness == 1:  # nothing to gain: held-out speakers say so
        assert (
            fitted["temperature"] == 1 and fitted["fitted"] == pytest.approx(1, rel=0.1) and fitted["gain"]["low"] < 0
        )
        assert about["after"] is None and about["note"].startswith("kept is temperature 1: on validation speakers")
        return
    assert about["note"] == "" and fitted["temperature"] == fitted["fitted"] and fitted["gain"]["low"] > 0
    assert about["after"]["ece"] < 0.03 and about["after"]["log_loss"] < about["before"]["log_loss"]
    assert about["before"]["ece"] > 2 * about["after"]["ece"]


def test_every_fold_has_its_own_temperature() -> None:
    test = pd.concat([predictions(0, 1.0, fold=0), predictions(1, 3.0, fold=1)], ignore_index=True)
    validation = pd.concat([predictions(2, 1.0, fold=0), predictions(3, 3.0, fold=1)], ignore_index=True)
    about = category_calibration(test, validation, EMOTION)
    found = [fitted["temperature"] for fitted in about["temperatures"]]
    assert [fitted["fold"] for fitted in about["temperatures"]] == [0, 1]
    assert found[0] == 1 and found[1] == pytest.approx(3.0, rel=0.1) and about["after"]["ece"] < 0.03
    assert about["note"].startswith("1 of 2 folds keep temperature 1: ")


def test_a_temperature_that_helps_only_the_speakers_it_is_fitted_to_is_not_kept() -> None:
    """One speaker of seven is far too sure, the others are calibrated: what is gained there others would pay for."""
    validation = predictions(1, 1.0, 700)
    columns = [f"p_{name}" for name in LABELS]
    one = validation["speaker"] == "3"
    validation.loc[one, columns] = scale(validation.loc[one, columns].to_numpy(), 0.1)
    about = category_calibration(predictions(0, 1.0), validation, EMOTION)
    (fitted,) = about["temperatures"]
    assert fitted["fitted"] > 1.2 and fitted["temperature"] == 1 and about["after"] is None
    assert fitted["gain"]["value"] < 0


def test_one_validation_speaker_cannot_check_a_temperature() -> None:
    about = category_calibration(predictions(0, 3.0), predictions(1, 3.0).assign(speaker="a"), EMOTION)
    assert about["after"] is None and about["temperatures"][0]["temperature"] == 1
    assert about["note"] == "kept is temperature 1: one validation speaker cannot both give a temperature and check it"


def test_the_test_part_decides_nothing() -> None:
    validation = predictions(1, 2.0)
    first, second = (category_calibration(predictions(0, s), validation, EMOTION) for s in (2.0, 0.5))
    assert first["temperatures"] == second["temperatures"]


def test_without_validation_there_is_no_temperature() -> None:
    test = pd.concat([predictions(0, 2.0, fold=0), predictions(1, 2.0, fold=1)], ignore_index=True)
    about = category_calibration(test, pd.DataFrame(), EMOTION)
    assert about["temperatures"] == [] and about["after"] is None
    assert about["note"] == "no temperature was fitted: there are no validation predictions"
    about = category_calibration(test, predictions(2, 2.0, fold=1), EMOTION)
    assert about["after"] is None and about["note"].endswith("1 of 2 folds have none")


def test_scores_are_means_over_repeats_with_folds_pooled() -> None:
    parts = [predictions(n, 2.0, 200, fold=n % 2, repeat=n // 2) for n in range(4)]
    about = category_calibration(pd.concat(parts, ignore_index=True), pd.DataFrame(), EMOTION)
    expected = []
    for pooled in (pd.concat(parts[:2]), pd.concat(parts[2:])):
        p = pooled[[f"p_{label}" for label in LABELS]].to_numpy()
        expected.append(metrics.ece(p, pooled["true_emotion"].map({k: n for n, k in enumerate(LABELS)}).to_numpy()))
    assert about["before"]["ece"] == pytest.approx(np.mean(expected))
    assert sum(about["before"]["reliability"]["counts"]) == 800


def test_classes_that_the_test_part_lacks_do_not_count() -> None:
    test = predictions(0, 1.0)
    test = test[test["true_emotion"] != "fear"]
    about = category_calibration(test, predictions(1, 1.0), EMOTION)
    assert about["classes"] == ["anger", "calm"] and about["temperatures"][0]["num_utterances"] < 3000


@pytest.mark.parametrize(("right", "num_right"), [(True, 50), (False, 0)])
def test_a_temperature_at_its_limit_is_none(right: bool, num_right: int) -> None:
    """Validation predictions that are all right, as of speech that trained, or all wrong."""
    table = predictions(0, 1.0, 50)
    other = dict(zip(LABELS, LABELS[1:] + LABELS[:1], strict=True))
    said = table["true_emotion"] if right else table["true_emotion"].map(other)
    sure = table.assign(**{f"p_{name}": np.where(said == name, 0.9, 0.05) for name in LABELS})
    about = category_calibration(table, sure, EMOTION)
    line = f"for 50 validation predictions, of which {num_right} are right, lies at a limit (0.05 to 20)"
    assert about["note"] == f"no temperature was fitted: the best temperature {line}"
    assert about["after"] is None and about["temperatures"] == []
    known = table["true_emotion"].map({label: k for k, label in enumerate(LABELS)}).to_numpy()
    with pytest.raises(EmotoneError, match="lies at a limit"):
        fit_temperature(sure[[f"p_{name}" for name in LABELS]].to_numpy(), known)


def test_the_line_is_scipys_and_ccc_is_its_product() -> None:
    random = np.random.default_rng(0)
    t = random.normal(4, 1, 300)
    p = 0.5 * t + 1 + random.normal(0, 0.3, 300)
    table = pd.DataFrame({"id": range(300), "speaker": "1", "true_arousal": t, "predicted_arousal": p})
    about = calibrate(table, pd.DataFrame(), [AROUSAL])["arousal"]
    line = scipy.stats.linregress(p, t)
    assert (about["slope"], about["intercept"]) == pytest.approx((line.slope, line.intercept), abs=1e-12)
    assert about["pearson"] * about["bias_correction"] == pytest.approx(metrics.ccc(p, t), abs=1e-12)
    assert about["scale_shift"] == pytest.approx(p.std() / t.std())


@pytest.mark.parametrize("both", [False, True])
def test_constants_leave_nothing_infinite(both: bool) -> None:
    t = np.array([1.0, 2.0, 4.0, 6.0])
    table = pd.DataFrame({"id": range(4), "speaker": "1", "true_arousal": t, "predicted_arousal": 3.0})
    undefined = {"slope", "intercept", "pearson", "bias_correction", "location_shift"}
    if both:
        table, undefined = table.assign(true_arousal=3.0), undefined | {"scale_shift"}
    found = attribute_calibration(table, AROUSAL)
    assert {name for name, value in found.items() if np.isnan(value)} == undefined
    assert both or found["scale_shift"] == 0


def test_constant_labels_have_a_flat_line() -> None:
    table = pd.DataFrame({"id": range(3), "speaker": "1", "true_arousal": 2.5, "predicted_arousal": [1.0, 2.0, 4.0]})
    found = attribute_calibration(table, AROUSAL)
    assert (found["slope"], found["intercept"]) == (0, 2.5)
    undefined = {"pearson", "bias_correction", "scale_shift", "location_shift"}
    assert {name for name, value in found.items() if np.isnan(value)} == undefined
