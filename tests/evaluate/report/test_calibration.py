"""Calibration: what is over-confident is found and put right by the validation part alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
from scipy.special import log_softmax, softmax

from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.report.calibration import (
    attribute_calibration,
    calibrate,
    category_calibration,
    fit_temperature,
    scale,
)

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
    assert about["after"]["ece"] < 0.03 and about["after"]["log_loss"] <= about["before"]["log_loss"] + 1e-3
    if sharpness != 1:
        assert about["before"]["ece"] > 2 * about["after"]["ece"]


def test_the_temperature_minimises_the_loss() -> None:
    table = predictions(2, 2.0, 400)
    p = table[[f"p_{label}" for label in LABELS]].to_numpy()
    t = table["true_emotion"].map({label: k for k, label in enumerate(LABELS)}).to_numpy()

    def loss(temperature: float) -> float:
        return -np.mean(log_softmax(np.log(p) / temperature, axis=1)[np.arange(len(t)), t])

    best = scipy.optimize.minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(p, t) == pytest.approx(best, rel=1e-3)
    np.testing.assert_allclose(scale(p, 1.7), softmax(np.log(p) / 1.7, axis=1), rtol=0, atol=1e-12)
    assert (scale(p, 5.0).argmax(axis=1) == p.argmax(axis=1)).all()  # no decision changes


def test_every_fold_has_its_own_temperature() -> None:
    test = pd.concat([predictions(0, 1.0, fold=0), predictions(1, 3.0, fold=1)], ignore_index=True)
    validation = pd.concat([predictions(2, 1.0, fold=0), predictions(3, 3.0, fold=1)], ignore_index=True)
    about = category_calibration(test, validation, EMOTION)
    found = [fitted["temperature"] for fitted in about["temperatures"]]
    assert [fitted["fold"] for fitted in about["temperatures"]] == [0, 1]
    assert found == pytest.approx([1.0, 3.0], rel=0.1) and about["after"]["ece"] < 0.03


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


def test_probabilities_of_zero_stay_finite() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(EmotoneError, match="of which 2 are right, lies at a limit"):  # not an overflow
        fit_temperature(p, np.array([0, 1, 1]))
    assert np.isfinite(scale(p, 0.5)).all()


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
    constant = attribute_calibration(table.assign(predicted_arousal=3.0), AROUSAL)
    assert np.isnan(constant["slope"]) and np.isnan(constant["pearson"])
