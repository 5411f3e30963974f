"""The classical baseline against scikit-learn, the closed form and a choice of C by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.moments import Moments
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Whole
from emotone.corpora.readers.emodb import EmoDB
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models.export import write_bundle
from emotone.training.system import Arrays
from emotone.training.systems.functionals_svm import FunctionalsSvm

AROUSAL = Target("arousal", "attribute", (1.0, 7.0))
EMOTION = Target("emotion", "category", labels=("anger", "fear", "neutral"))
TWO = Target("emotion", "category", labels=("no", "yes"))


def system(**settings: Any) -> FunctionalsSvm:
    return plugins.create("systems", "functionals-svm", settings)


def data(num_rows: int, num_features: int = 12, num_classes: int = 3, seed: int = 0, noise: float = 1.0) -> Arrays:
    """Vectors [N, 1, D] with a linear attribute and as many categories."""
    truth = np.random.default_rng(99).normal(size=(num_features, num_classes))  # the same for every part
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(num_rows, num_features))
    scores = vectors @ truth + noise * random.normal(size=(num_rows, num_classes))
    hot = np.eye(num_classes, dtype=np.float32)[scores.argmax(axis=1)]
    arousal = vectors @ truth[:, 0] + noise * random.normal(size=num_rows)
    return vectors[:, None].astype(np.float32), {"arousal": arousal.astype(np.float32), "emotion": hot}


def solve(one: FunctionalsSvm, targets: list[Target], train: Arrays, validation: Arrays | None = None) -> Any:
    network = one.build(train[0].shape[2], targets)
    chosen = one.solve(network, targets, train, validation, 0)
    return network.eval(), chosen


def outputs(network: Any, arrays: Arrays, name: str) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(arrays[0]))[name].numpy()


def plain(arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    return arrays[0][:, 0].astype(float), arrays[1]["emotion"].argmax(axis=1)


def oracle(c: float, **settings: Any) -> LinearSVC:
    return LinearSVC(C=c, random_state=0, max_iter=10_000, dual="auto", **settings)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize(("target", "num_classes"), [(EMOTION, 3), (TWO, 2)])
def test_choices_are_those_of_linear_svc(target: Target, num_classes: int, class_weight: Any) -> None:
    train, test = data(80, num_classes=num_classes), data(200, num_classes=num_classes, seed=1)
    network, chosen = solve(system(c=0.01, class_weight=class_weight), [target], train)
    fitted = oracle(0.01, class_weight="balanced" if class_weight == "balanced" else None).fit(*plain(train))
    found, vectors = outputs(network, test, "emotion"), plain(test)[0]
    np.testing.assert_array_equal(found.argmax(axis=1), fitted.predict(vectors))
    margins = found if num_classes == 3 else found[:, 1] - found[:, 0]
    np.testing.assert_allclose(margins, fitted.decision_function(vectors), atol=1e-5)
    assert chosen["emotion"] == {"c": 0.01, "validation": {}}


def test_ridge_is_its_closed_form() -> None:
    train = data(30, 5)
    network, _ = solve(system(c=0.5), [AROUSAL], train)
    vectors, arousal = plain(train)[0], train[1]["arousal"].astype(float)
    centred = vectors - vectors.mean(axis=0)
    weight = np.linalg.solve(centred.T @ centred + np.eye(5) / (2 * 0.5), centred.T @ (arousal - arousal.mean()))
    np.testing.assert_allclose(outputs(network, train, "arousal"), centred @ weight + arousal.mean(), atol=1e-5)


def test_svr_is_scikit_learns() -> None:
    train = data(60, 5)
    network, _ = solve(system(c=0.1, regressor="svr"), [AROUSAL], train)
    fitted = LinearSVR(C=0.1, random_state=0, max_iter=10_000, dual="auto").fit(plain(train)[0], train[1]["arousal"])
    np.testing.assert_allclose(outputs(network, train, "arousal"), fitted.predict(plain(train)[0]), atol=1e-5)


def test_c_is_the_best_on_validation_speakers_and_both_parts_are_fitted_with_it() -> None:
    train, validation = data(60, 40, noise=3.0), data(60, 40, seed=1, noise=3.0)
    grid = (1e-4, 1e-2, 1.0)
    network, chosen = solve(system(c_grid=grid), [EMOTION, AROUSAL], train, validation)
    (x, y), (later_x, later_y) = plain(train), plain(validation)
    scores = {c: metrics.uar(oracle(c).fit(x, y).predict(later_x), later_y) for c in grid}
    best = max(grid, key=lambda c: (scores[c], -c))
    assert chosen["emotion"] == {"c": best, "validation": {f"{c:g}": score for c, score in scores.items()}}
    ridges = {c: Ridge(alpha=1 / (2 * c)).fit(x, train[1]["arousal"]).predict(later_x) for c in grid}
    assert chosen["arousal"]["c"] == max(grid, key=lambda c: metrics.ccc(ridges[c], validation[1]["arousal"]))
    both = oracle(best).fit(np.concatenate([x, later_x]), np.concatenate([y, later_y]))
    np.testing.assert_array_equal(outputs(network, validation, "emotion").argmax(axis=1), both.predict(later_x))
    alone, _ = solve(system(c_grid=grid, refit=False), [EMOTION], train, validation)
    expected = oracle(best).fit(x, y).predict(later_x)
    np.testing.assert_array_equal(outputs(alone, validation, "emotion").argmax(axis=1), expected)


@pytest.mark.parametrize("c", [1e-3, 1.0])
def test_more_features_than_utterances_change_nothing(c: float) -> None:
    train, test = data(40, 300), data(100, 300, seed=1)
    network, _ = solve(system(c=c), [EMOTION, AROUSAL], train)
    fitted = oracle(c, tol=1e-9).fit(*plain(train))
    np.testing.assert_allclose(outputs(network, test, "emotion"), fitted.decision_function(plain(test)[0]), atol=2e-3)
    ridge = Ridge(alpha=1 / (2 * c)).fit(plain(train)[0], train[1]["arousal"])
    np.testing.assert_allclose(outputs(network, test, "arousal"), ridge.predict(plain(test)[0]), atol=1e-4)


def test_the_smallest_of_equally_good_c_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.training.systems.functionals_svm._score", lambda *_: 0.5)
    _, chosen = solve(system(c_grid=(0.3, 0.1, 0.2)), [EMOTION], data(40), data(40, seed=1))
    assert chosen["emotion"]["c"] == 0.1


def test_rows_without_a_label_count_for_nothing() -> None:
    train, more = data(50), data(50, seed=2)
    more[1]["emotion"][:] = 0
    more[1]["arousal"][:] = np.nan
    labels = {name: np.concatenate([train[1][name], more[1][name]]) for name in train[1]}
    first, _ = solve(system(c=0.1), [EMOTION, AROUSAL], train)
    second, _ = solve(system(c=0.1), [EMOTION, AROUSAL], (np.concatenate([train[0], more[0]]), labels))
    for name in ("emotion", "arousal"):
        np.testing.assert_array_equal(outputs(first, more, name), outputs(second, more, name))


def test_what_cannot_be_solved_is_one_line() -> None:
    train = data(20)
    for validation, num_known in ((None, 0), ((train[0][:1], {"emotion": train[1]["emotion"][:1]}), 1)):
        with pytest.raises(EmotoneError, match=f"of whose utterances {num_known} have emotion .*; set c"):
            solve(system(), [EMOTION], train, validation)
    train[1]["emotion"][:, 1] = 0
    with pytest.raises(EmotoneError, match="no training utterance has the category fear"):
        solve(system(c=1.0), [EMOTION], train)
    train[1]["arousal"][:] = np.nan
    with pytest.raises(EmotoneError, match="no training utterance has arousal"):
        solve(system(c=1.0), [AROUSAL], train)
    with pytest.raises(EmotoneError, match="needs a feature with one vector per utterance.*has frames"):
        system().view(0.01, 3.0)


def test_features_that_never_change_leave_the_most_frequent_category() -> None:
    train = data(20, 30)
    hot = np.eye(3, dtype=np.float32)[[0] * 4 + [1] * 12 + [2] * 4]
    network, _ = solve(system(c=1.0), [EMOTION], (np.zeros_like(train[0]), {"emotion": hot}))
    assert set(outputs(network, train, "emotion").argmax(axis=1)) == {1}


@pytest.mark.parametrize(
    "settings",
    [
        {"c": 0.0},
        {"c": -1.0},
        {"c": float("inf")},
        {"c": float("nan")},
        {"c_grid": []},
        {"c_grid": [0.1, -1]},
        {"max_iter": 0},
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(EmotoneError, match="functionals-svm: (c|c_grid|max_iter) must"):
        system(**settings)


def test_a_bundle_says_what_scikit_learns_pipeline_does(shared: Path, tmp_path: Path) -> None:
    """Real speech, from audio to category: the bundle against StandardScaler and LinearSVC."""
    pytest.importorskip("opensmile")
    corpus = EmoDB().read(shared / "data/emodb")
    target = Target("emotion", "category", labels=("anger", "neutral", "sadness"))
    table = corpus.utterances[corpus.utterances["emotion"].isin(target.labels)]
    tests = table["speaker"] == "16"
    chosen = [table[~tests & table["speaker"].isin(["03", "08", "14"])].iloc[::3], table[tests].iloc[::3]]
    choice = Choice("functionals", {"feature_set": "eGeMAPSv02"})
    feature = plugins.create("features", choice.name, choice.settings)
    samples = [[load_audio(corpus.path_of(file)) for file in part["file"]] for part in chosen]
    train, test = (np.concatenate([feature(one) for one in part]) for part in samples)
    places = [target.labels.index(emotion) for emotion in chosen[0]["emotion"]]
    moments = Moments()
    moments.update(train)
    normaliser = Normaliser.of(moments, clip=None)
    vectors = normaliser(train)[:, None]
    network, _ = solve(system(c=0.01), [target], (vectors, {"emotion": np.eye(3, dtype=np.float32)[places]}))
    about = BundleAbout(
        normalise={"clip": None}, name="svm", max_utterance_s=60.0, feature=choice, view=Whole(), targets=[target]
    )
    write_bundle(tmp_path / "bundle", network, about, StreamNormalisers(normaliser), "# svm\n")
    bundle = Bundle.load(str(tmp_path / "bundle"))
    pipeline = make_pipeline(StandardScaler(), oracle(0.01)).fit(train.astype(float), places)
    found = bundle.score_samples(samples[1]).outputs["emotion"]
    np.testing.assert_allclose(found, pipeline.decision_function(test.astype(float)), atol=1e-4)
    np.testing.assert_array_equal(found.argmax(axis=1), pipeline.predict(test.astype(float)))
    assert (found.argmax(axis=1) == [target.labels.index(emotion) for emotion in chosen[1]["emotion"]]).mean() > 0.7
