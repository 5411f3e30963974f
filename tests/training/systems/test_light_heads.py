"""Light heads: what each setting changes, against the closed forms that they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Whole
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models.export import write_bundle
from emotone.training.closed_form import bias_for, discriminant, ridge
from emotone.training.system import Arrays
from emotone.training.systems.light_heads import ORIGINAL, LightHeads

AROUSAL = Target("arousal", "attribute", (1.0, 7.0), mean=4.0, std=2.0)
VALENCE = Target("valence", "attribute", (1.0, 7.0), mean=4.0, std=2.0)
EMOTION = Target("emotion", "category", labels=("anger", "fear", "neutral"))
ALL = [AROUSAL, VALENCE, EMOTION]
FIXED = {"arousal": 1.0, "valence": 2.0, "emotion": 0.5}
NORMS = {
    "valence": {"anger": -1.0, "fear": -0.5, "neutral": 0.0},
    "arousal": {"anger": 1.0, "fear": 0.0, "neutral": -1.0, "calm": -2.0},
}


def system(**settings: Any) -> LightHeads:
    return plugins.create("systems", "light-heads", settings)


def data(num_rows: int = 90, num_features: int = 8, seed: int = 0, num_free: int = 0) -> Arrays:
    """Vectors [N, 1, D] with labels, the last `num_free` without a category; every third row is a changed copy."""
    truth = np.random.default_rng(99).normal(size=(num_features, 3))
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(num_rows, num_features))
    scores = vectors @ truth + random.normal(size=(num_rows, 3))
    hot = np.eye(3, dtype=np.float32)[scores.argmax(axis=1)]
    hot[num_rows - num_free :] = 0
    arousal, valence = (scores[:, :2] / 3).T.astype(np.float32)
    original = (np.arange(num_rows) % 3 > 0).astype(np.float32)
    labels = {"arousal": arousal, "valence": valence, "emotion": hot, ORIGINAL: original}
    return vectors[:, None].astype(np.float32), labels


def solve(one: LightHeads, train: Arrays, validation: Arrays | None = None, targets: Any = ALL) -> Any:
    network = one.build(train[0].shape[2], targets)
    return network.eval(), one.solve(network, targets, train, validation, 0).chosen


def outputs(network: Any, arrays: Arrays, name: str) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(arrays[0]))[name].numpy()


def plain(arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    hot = arrays[1]["emotion"]
    return arrays[0][:, 0].astype(float), np.where(hot.any(axis=1), hot.argmax(axis=1), -1)


def test_without_more_settings_it_is_ridge_and_discriminant_of_all_rows() -> None:
    train, test = data(), data(seed=1)
    network, chosen = solve(system(penalty=FIXED), train)
    (vectors, places), later = plain(train), plain(test)[0]
    [(weight, bias)] = ridge(vectors, train[1]["arousal"][:, None].astype(float), np.ones(90), [1.0])
    np.testing.assert_allclose(outputs(network, test, "arousal"), later @ weight[0] + bias, atol=1e-5)
    [(weight, bias)] = discriminant(vectors, places, 3, [0.5])
    np.testing.assert_allclose(outputs(network, test, "emotion"), later @ weight.T + bias, atol=1e-4)
    assert chosen["emotion"] == {"penalty": 0.5, "validation": {}}


def test_penalties_are_the_best_on_validation_speakers_and_both_parts_are_fitted_with_them() -> None:
    train, held, grid = data(30, 25), data(30, 25, seed=1), (0.1, 2.0, 100.0)
    network, chosen = solve(system(penalty_grid=grid, penalty={"valence": 1.0}), train, held)
    (vectors, places), (later, later_places) = plain(train), plain(held)
    found = zip(grid, discriminant(vectors, places, 3, grid), strict=True)
    scores = {one: metrics.uar((later @ weight.T + bias).argmax(axis=1), later_places) for one, (weight, bias) in found}
    best = max(grid, key=lambda one: (scores[one], one))
    assert chosen["emotion"] == {"penalty": best, "validation": {f"{one:g}": scores[one] for one in grid}}
    labels = np.concatenate([train[1]["arousal"], held[1]["arousal"]])[:, None].astype(float)
    [(weight, bias)] = ridge(np.concatenate([vectors, later]), labels, np.ones(60), [chosen["arousal"]["penalty"]])
    np.testing.assert_allclose(outputs(network, held, "arousal"), later @ weight[0] + bias, atol=1e-5)
    alone, _ = solve(system(penalty_grid=grid, penalty={"valence": 1.0}, refit=False), train, held)
    assert not np.allclose(outputs(alone, held, "arousal"), outputs(network, held, "arousal"), atol=1e-3)


@pytest.mark.parametrize("expected", [(), ("arousal",)])
def test_what_is_held_out_was_said_before_the_validation_part_trained(expected: tuple[str, ...]) -> None:
    train, held = data(40), data(30, seed=1)
    settings: dict[str, Any] = {"penalty": FIXED, "norms": NORMS, "expected": expected}
    one = system(**settings)
    network = one.build(8, ALL)
    solved = one.solve(network, ALL, train, held, 0)
    alone, _ = solve(system(**settings, refit=False), train, held)
    assert solved.held_out is not None
    for target in ALL:
        found = solved.held_out[target.name]
        assert np.isnan(found[:40]).all()
        np.testing.assert_allclose(found[40:], outputs(alone, held, target.name), atol=1e-6)
        assert not np.allclose(found[40:], outputs(network, held, target.name), atol=1e-3)
    assert system(**settings, refit=False).solve(network, ALL, train, held, 0).held_out is None
    assert one.solve(network, ALL, train, None, 0).held_out is None


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_norms_take_their_share_of_the_labels(share: float) -> None:
    train = data(num_free=30)
    settings = {"norms": NORMS, "norm_share": {"arousal": share}, "penalty": FIXED, "unlabelled_weight": 0.5}
    network, _ = solve(system(**settings), train)
    vectors, places = plain(train)
    labels = share * np.array([1.0, 0.0, -1.0, 0.0])[places] + (1 - share) * train[1]["arousal"]
    counts = np.bincount(places[places >= 0])
    weights = np.where(places >= 0, 1 / (3 * counts[places]), 0.5 / 30)
    [(weight, bias)] = ridge(vectors, labels[:, None], weights, [1.0])
    np.testing.assert_allclose(outputs(network, train, "arousal"), vectors @ weight[0] + bias, atol=1e-5)


def test_an_expected_norm_counts_as_much_as_the_regression() -> None:
    train = data()
    network, _ = solve(system(penalty=FIXED, norms=NORMS, expected=["valence"]), train)
    (vectors, places), original = plain(train), train[1][ORIGINAL] > 0
    counts = np.bincount(places)
    values = np.array([-1.0, -0.5, 0.0])
    [(weight, bias)] = ridge(vectors, values[places][:, None], 1 / counts[places], [2.0])
    [(logit_weight, logit_bias)] = discriminant(vectors, places, 3, [0.5])
    odds = np.exp((vectors @ logit_weight.T + logit_bias) / 4)
    parts = [vectors @ weight[0] + bias, odds @ values / odds.sum(axis=1)]
    total = sum((part - part[original].mean()) / part[original].std() for part in parts)
    expected = (total - total[original].mean()) / total[original].std()
    np.testing.assert_allclose(outputs(network, train, "valence"), expected, atol=1e-4)


def test_balance_gives_speech_without_a_category_even_probabilities() -> None:
    train = data(num_free=40)
    train[0][50:] += 0.7
    free = train[0][50:][train[1][ORIGINAL][50:] > 0], {}
    means = {}
    for share in (0.0, 0.5, 1.0):
        logits = outputs(solve(system(penalty=FIXED, balance={}, balance_share=share), train)[0], free, "emotion")
        odds = np.exp(logits)
        means[share] = (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0)
        if not share:
            half = bias_for(logits, np.full(3, 1 / 3)) / 2
            shifted = np.exp(logits + half)
    np.testing.assert_allclose(means[1.0], 1 / 3, atol=1e-4)
    np.testing.assert_allclose(means[0.5], (shifted / shifted.sum(axis=1, keepdims=True)).mean(axis=0), atol=1e-4)
    assert np.abs(means[0.0] - 1 / 3).max() > 0.02


def test_categories_may_see_the_last_values_and_originals_alone() -> None:
    train = data(num_free=30)
    settings = {"category_values": 3, "category_copies": False, "unlabelled_spread": 0.5, "temperature": 2.0}
    network, _ = solve(system(penalty=FIXED, **settings), train)
    (vectors, places), original = plain(train), train[1][ORIGINAL] > 0
    known, free = original & (places >= 0), original & (places < 0)
    [(weight, bias)] = discriminant(vectors[known, -3:], places[known], 3, [0.5], vectors[free, -3:], 0.5)
    found = outputs(network, train, "emotion")
    np.testing.assert_allclose(found, (vectors[:, -3:] @ weight.T + bias) / 2, atol=1e-4)
    assert not network.outputs["emotion"].weight[:, :-3].any()


def test_scores_of_the_labelled_utterances_have_the_scale() -> None:
    train = data(num_free=30)
    one = system(
        penalty=FIXED, norms=NORMS, expected=["valence"], scale={"arousal": [3.5, 1.25], "valence": [4.5, 0.5]}
    )
    network, _ = solve(one, train)
    used = (train[1][ORIGINAL] > 0) & (train[1]["emotion"].any(axis=1))
    for target, (mean, std) in zip(one.scored(ALL)[:2], [(3.5, 1.25), (4.5, 0.5)], strict=True):
        scores = outputs(network, train, target.name)[used] * target.std + target.mean
        assert scores.mean() == pytest.approx(mean, abs=1e-4) and scores.std() == pytest.approx(std, abs=1e-4)
    assert one.scored(ALL)[2] == EMOTION and system().scored(ALL) == ALL


def test_a_bundle_scores_as_its_network_does(tmp_path: Path) -> None:
    train = data(num_free=30)
    one = system(penalty=FIXED, norms=NORMS, expected=["valence"], scale={"valence": [4.5, 0.5]}, balance={"fear": 0.5})
    network, _ = solve(one, train)
    normaliser = Normaliser(np.zeros(8, np.float32), np.ones(8, np.float32))
    about = BundleAbout(
        name="heads",
        max_utterance_s=12.0,
        feature=Choice("mel", {"num_mels": 8}),
        view=Whole(1),
        targets=one.scored(ALL),
    )
    write_bundle(tmp_path / "bundle", network, about, StreamNormalisers(normaliser), "# heads\n")
    found = Bundle.load(str(tmp_path / "bundle")).score_features(list(train[0]))
    clipped = np.clip(train[0], -3, 3), {}
    np.testing.assert_allclose(found.attributes["valence"], outputs(network, clipped, "valence") * 0.5 + 4.5, atol=1e-5)
    odds = np.exp(outputs(network, clipped, "emotion"))
    np.testing.assert_allclose(found.probabilities["fear"], odds[:, 1] / odds.sum(axis=1), atol=1e-5)


def test_what_cannot_be_solved_is_one_line() -> None:
    train = data()
    with pytest.raises(EmotoneError, match=r"of whose utterances 0 have arousal .*; set penalty\.arousal"):
        solve(system(), train)
    with pytest.raises(EmotoneError, match="has frames"):
        system().view(0.02, 3.0)
    with pytest.raises(EmotoneError, match="norms.valence does not say where anger, neutral lies"):
        system(norms={"valence": {"fear": 1.0, "anegr": 1.0}}).build(8, ALL)
    with pytest.raises(EmotoneError, match="balance must leave every category a share, together 1"):
        system(balance={"anger": 1.0}).build(8, ALL)
    train[1]["arousal"][:] = np.nan
    with pytest.raises(EmotoneError, match="no training utterance has arousal"):
        solve(system(penalty=FIXED), train)
    train[1]["arousal"][:] = 0.0
    train[1]["emotion"][:, 1] = 0
    with pytest.raises(EmotoneError, match="no training utterance has the category fear"):
        solve(system(penalty=FIXED), train)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"penalty": {"arousal": 0.0}}, "penalty.arousal"),
        ({"penalty_grid": []}, "penalty_grid"),
        ({"penalty_grid": [1.0, -1.0]}, "penalty_grid"),
        ({"temperature": 0.0}, "temperature"),
        ({"scale": {"arousal": [4.0, 0.0]}}, "scale.arousal"),
        ({"norms": NORMS, "norm_share": {"arousal": 1.5}}, "norm_share.arousal"),
        ({"balance_share": -0.1}, "balance_share"),
        ({"unlabelled_spread": float("nan")}, "unlabelled_spread"),
        ({"unlabelled_weight": -1.0}, "unlabelled_weight"),
        ({"category_values": 0}, "category_values"),
        ({"max_utterance_s": 0.0}, "max_utterance_s"),
        ({"expected": ["arousal"]}, "unknown attribute 'arousal'"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(EmotoneError, match=f"light-heads: .*{name}"):
        system(**settings)
