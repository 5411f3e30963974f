"""The classical baseline against scikit-learn, the closed form and a choice of C by hand."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.base.processes import OVER
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
from emotone.models.pairs import signs_of, sum_votes
from emotone.training.system import Arrays
from emotone.training.systems.functionals_svm import SPEAKER, FunctionalsSvm

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


def solved_by(one: FunctionalsSvm, targets: list[Target], train: Arrays, validation: Arrays | None = None) -> Any:
    network = one.build(train[0].shape[2], targets)
    solved = one.solve(network, targets, train, validation, 0)
    return network.eval(), solved


def solve(one: FunctionalsSvm, targets: list[Target], train: Arrays, validation: Arrays | None = None) -> Any:
    network, solved = solved_by(one, targets, train, validation)
    return network, solved.chosen


def outputs(network: Any, arrays: Arrays, name: str) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(arrays[0]))[name].numpy()


def plain(arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    return arrays[0][:, 0].astype(float), arrays[1]["emotion"].argmax(axis=1)


def oracle(c: float, **settings: Any) -> SVC:
    return SVC(kernel="linear", C=c, decision_function_shape="ovo", **settings)


def votes(fitted: SVC, vectors: NDArray[np.float64], num_classes: int = 3) -> NDArray[np.float64]:
    """What the margins of scikit-learn's pairs say of each category."""
    margins = fitted.decision_function(vectors).reshape(len(vectors), -1)
    if num_classes == 2:
        return sum_votes(-margins, signs_of(2), np.inf)  # which scikit-learn turns round
    return sum_votes(margins, signs_of(num_classes), 1.0)


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
@pytest.mark.parametrize(("target", "num_classes"), [(EMOTION, 3), (TWO, 2)])
def test_outputs_are_the_votes_of_scikit_learns_pairs(target: Target, num_classes: int, class_weight: Any) -> None:
    train, test = data(80, num_classes=num_classes), data(200, num_classes=num_classes, seed=1)
    network, chosen = solve(system(c=0.01, class_weight=class_weight), [target], train)
    fitted = oracle(0.01, class_weight="balanced" if class_weight == "balanced" else None).fit(*plain(train))
    found, vectors = outputs(network, test, "emotion"), plain(test)[0]
    np.testing.assert_allclose(found, votes(fitted, vectors, num_classes), atol=1e-5)
    decision = {"decision": "one-against-one"} if num_classes > 2 else {}
    assert chosen["emotion"] == {"c": 0.01, **decision, "inner_folds": {}}


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
    fitted = SVR(kernel="linear", C=0.1, epsilon=0).fit(plain(train)[0], train[1]["arousal"])
    np.testing.assert_allclose(outputs(network, train, "arousal"), fitted.predict(plain(train)[0]), atol=1e-5)


def joined(first: Arrays, second: Arrays) -> Arrays:
    return np.concatenate([first[0], second[0]]), {
        name: np.concatenate([label, second[1][name]]) for name, label in first[1].items()
    }


def with_speakers(arrays: Arrays, first: int, num: int) -> Arrays:
    """The same, spoken by so many speakers in turn."""
    numbers = first + np.arange(len(arrays[0])) % num
    return arrays[0], arrays[1] | {SPEAKER: numbers.astype(np.float32)}


def test_c_is_the_best_on_speakers_left_out_and_all_are_fitted_with_it() -> None:
    train, validation = (with_speakers(data(60, 40, seed=seed, noise=3.0), 4 * seed, 4) for seed in (0, 1))
    both, grid = joined(train, validation), (1e-4, 1e-2, 1.0)
    network, solved = solved_by(system(c_grid=grid, num_folds=3), [EMOTION, AROUSAL], train, validation)
    (x, y), fold = plain(both), both[1][SPEAKER] % 3
    found: dict[float, Any] = {c: np.zeros((120, 3)) for c in grid}
    numbers = {c: np.zeros(120) for c in grid}
    for c, k in itertools.product(grid, range(3)):
        inner, outer = fold != k, fold == k
        found[c][outer] = votes(oracle(c).fit(x[inner], y[inner]), x[outer])
        numbers[c][outer] = Ridge(alpha=1 / (2 * c)).fit(x[inner], both[1]["arousal"][inner]).predict(x[outer])
    scores = {c: metrics.uar(found[c].argmax(axis=1), y) for c in grid}
    best = max(grid, key=lambda c: (scores[c], -c))
    inner_folds = {f"one-against-one {c:g}": pytest.approx(score) for c, score in scores.items()}
    assert solved.chosen["emotion"] == {"c": best, "decision": "one-against-one", "inner_folds": inner_folds}
    best_ridge = max(grid, key=lambda c: metrics.ccc(numbers[c], both[1]["arousal"]))
    assert solved.chosen["arousal"]["c"] == best_ridge
    expected = votes(oracle(best).fit(x, y), x)
    np.testing.assert_allclose(outputs(network, both, "emotion"), expected, atol=1e-4)
    # What is held out was said by machines that do not know the speaker.
    np.testing.assert_allclose(solved.held_out["emotion"], found[best], atol=1e-4)
    np.testing.assert_allclose(solved.held_out["arousal"], numbers[best_ridge], atol=1e-4)


def test_without_refit_the_validation_speakers_are_not_seen() -> None:
    train, validation = (with_speakers(data(60, 40, seed=seed, noise=3.0), 4 * seed, 4) for seed in (0, 1))
    alone, solved = solved_by(system(refit=False), [EMOTION], train, validation)
    never, again = solved_by(system(refit=False), [EMOTION], train)
    assert solved == again and solved.held_out is None
    np.testing.assert_array_equal(outputs(alone, validation, "emotion"), outputs(never, validation, "emotion"))


def test_both_decisions_are_tried_where_asked() -> None:
    train = with_speakers(data(90, 40, noise=2.0), 0, 5)
    network, solved = solved_by(system(decision="chosen", c_grid=(0.01, 1.0)), [EMOTION, AROUSAL], train)
    scores = solved.chosen["emotion"]["inner_folds"]
    names = [f"{decision} {c}" for c in ("0.01", "1") for decision in ("one-against-one", "one-against-rest")]
    assert list(scores) == names and list(solved.chosen["arousal"]["inner_folds"]) == ["0.01", "1"]
    best = max(scores, key=scores.get)
    assert f"{solved.chosen['emotion']['decision']} {solved.chosen['emotion']['c']:g}" == best
    rest, _ = solve(system(decision="one-against-rest", c=0.01), [EMOTION], train)
    x, y = plain(train)
    distances = np.stack([SVC(kernel="linear", C=0.01).fit(x, y == k).decision_function(x) for k in range(3)], axis=1)
    expected = distances - distances.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs(rest, train, "emotion"), expected, atol=5e-3)


def test_a_fixed_c_is_held_out_too() -> None:
    train = with_speakers(data(60), 0, 5)
    network, solved = solved_by(system(c=0.1), [EMOTION], train)
    assert list(solved.chosen["emotion"]["inner_folds"]) == ["one-against-one 0.1"]
    assert np.isfinite(solved.held_out["emotion"]).all()
    assert (solved.held_out["emotion"] != outputs(network, train, "emotion")).any()
    _, of_one_speaker = solved_by(system(c=0.1), [EMOTION], data(60))
    assert np.isnan(of_one_speaker.held_out["emotion"]).all()


def test_a_category_of_one_speaker_alone_does_not_stop_the_choice() -> None:
    train = with_speakers(data(60), 0, 5)
    train[1]["emotion"][train[1][SPEAKER] == 2] = [0, 1, 0]
    train[1]["emotion"][train[1][SPEAKER] != 2] = np.eye(3, dtype=np.float32)[np.arange(48) % 2 * 2]
    _, chosen = solve(system(), [EMOTION], train)
    assert chosen["emotion"]["c"] in system().c_grid


@pytest.mark.parametrize("c", [1e-3, 1.0])
def test_more_features_than_utterances_change_nothing(c: float) -> None:
    train, test = data(40, 300), data(100, 300, seed=1)
    network, _ = solve(system(c=c), [EMOTION, AROUSAL], train)
    expected = votes(oracle(c).fit(*plain(train)), plain(test)[0])
    np.testing.assert_allclose(outputs(network, test, "emotion"), expected, atol=1e-4)
    ridge = Ridge(alpha=1 / (2 * c)).fit(plain(train)[0], train[1]["arousal"])
    np.testing.assert_allclose(outputs(network, test, "arousal"), ridge.predict(plain(test)[0]), atol=1e-4)


def test_the_smallest_of_equally_good_c_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.training.systems.functionals_svm._score", lambda *_: 0.5)
    _, chosen = solve(system(c_grid=(0.3, 0.1, 0.2)), [EMOTION], with_speakers(data(40), 0, 4))
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
    with pytest.raises(EmotoneError, match="of 1 with emotion on 20 utterances .2 are needed.; set both"):
        solve(system(), [EMOTION], train)
    one = with_speakers(data(20), 0, 4)
    one[1]["arousal"][1:] = np.nan
    with pytest.raises(EmotoneError, match="of 4 with arousal on 1 utterances"):
        solve(system(), [AROUSAL], one)
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
        {"num_folds": 1},
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(EmotoneError, match="functionals-svm: (c|c_grid|max_iter|num_folds) must"):
        system(**settings)


def test_a_bundle_says_what_scikit_learns_pipeline_does(shared: Path, tmp_path: Path) -> None:
    """Real speech, from audio to category: the bundle against StandardScaler and SVC."""
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
    expected = votes(pipeline[1], pipeline[0].transform(test.astype(float)))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (found.argmax(axis=1) == [target.labels.index(emotion) for emotion in chosen[1]["emotion"]]).mean() > 0.7


def test_what_is_chosen_from_may_be_fitted_elsewhere() -> None:
    train = with_speakers(data(60), 0, 10)
    (here, expected), num_tried = solved_by(system(), [EMOTION], train), []

    def elsewhere(function: Any, items: Any, died: Any) -> Any:
        num_tried.append(len(items))
        return [pickle.loads(pickle.dumps(function))(item) for item in items]

    token = OVER.set(elsewhere)
    try:
        there, found = solved_by(system(), [EMOTION], train)
    finally:
        OVER.reset(token)
    assert num_tried == [5 * 6] and found.chosen == expected.chosen
    np.testing.assert_array_equal(outputs(there, train, "emotion"), outputs(here, train, "emotion"))


@pytest.mark.parametrize(("settings", "num_fits"), [({"c": 1.0, "refit": False}, 1), ({"c": 1.0}, 6), ({}, 6 * 5 + 1)])
def test_inner_folds_are_fitted_only_where_they_are_asked_for(
    settings: dict[str, Any], num_fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotone.training.linear_machines import LinearMachines

    fits: list[int] = []
    pairs = LinearMachines.pairs

    def counted(self: LinearMachines, rows: Any, *rest: Any) -> Any:
        fits.append(len(rows))
        return pairs(self, rows, *rest)

    monkeypatch.setattr(LinearMachines, "pairs", counted)
    train = with_speakers(data(60, num_classes=2), 0, 10)
    solve(system(**settings), [TWO], train)
    assert len(fits) == num_fits and fits[-1] == 60
