"""Machines of products against scikit-learn on the features themselves, whole and in part, few rows and many."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.svm import SVC, SVR, LinearSVC

from emotone.models.pairs import signs_of
from emotone.training import linear_machines as module
from emotone.training.linear_machines import LinearMachines, Machine

ROWS = np.arange(80) % 3 > 0


def data(num_features: int, num_classes: int = 4) -> tuple[Any, Any, Any]:
    """Vectors [N, D], places of categories [N], numbers [N]."""
    random = np.random.default_rng(num_features)
    vectors = random.normal(size=(80, num_features)).astype(np.float32)
    scores = vectors @ random.normal(size=(num_features, num_classes)) + 2 * random.normal(size=(80, num_classes))
    return vectors, scores.argmax(axis=1), scores[:, 0]


def assert_is_linear(machine: Machine, vectors: Any, atol: float = 1e-9) -> None:
    """What it says of rows is what its weights say of their features."""
    weight, bias = machine.of_features()
    np.testing.assert_allclose(machine.outputs(np.arange(len(vectors))), vectors @ weight.T + bias, atol=atol)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(("num_features", "num_classes"), [(300, 4), (5, 4), (300, 2)])
def test_pairs_are_those_of_svc(num_features: int, num_classes: int, balanced: bool) -> None:
    vectors, labels, _ = data(num_features, num_classes)
    rows = np.flatnonzero(ROWS)
    machine = LinearMachines(vectors).pairs(rows, labels[rows], num_classes, 0.02, balanced)
    weight = "balanced" if balanced else None
    svc = SVC(kernel="linear", C=0.02, class_weight=weight, decision_function_shape="ovo")
    svc.fit(vectors[rows].astype(float), labels[rows])
    expected = svc.decision_function(vectors.astype(float)).reshape(80, -1)
    sign = -1 if num_classes == 2 else 1  # scikit-learn turns that of two round
    np.testing.assert_allclose(machine.outputs(np.arange(80)), sign * expected, atol=1e-6)
    assert_is_linear(machine, vectors)


def test_pairs_without_rows_do_not_vote() -> None:
    vectors, labels, _ = data(20)
    rows = np.flatnonzero(labels != 1)
    machine = LinearMachines(vectors).pairs(rows, labels[rows], 4, 0.1)
    margins = machine.outputs(rows)
    for place, pair in enumerate(itertools.combinations(range(4), 2)):
        assert (margins[:, place] != 0).any() == (1 not in pair)
    rows = np.flatnonzero(labels == 2)  # one category alone
    assert not LinearMachines(vectors).pairs(rows, labels[rows], 4, 0.1).outputs(rows).any()


def test_one_against_the_rest_as_margins_of_pairs() -> None:
    vectors, labels, _ = data(30)
    rows = np.flatnonzero(ROWS)
    machine = LinearMachines(vectors).rest(rows, labels[rows], 4, 0.05)
    alone = [SVC(kernel="linear", C=0.05).fit(vectors[rows].astype(float), labels[rows] == k) for k in range(4)]
    distances = np.stack([one.decision_function(vectors.astype(float)) for one in alone], axis=1)
    sums = machine.outputs(np.arange(80)) @ signs_of(4)
    np.testing.assert_allclose(sums, distances - distances.mean(axis=1, keepdims=True), atol=5e-3)
    assert_is_linear(machine, vectors)


@pytest.mark.parametrize("num_features", [300, 5])
def test_regressions_are_scikit_learns(num_features: int) -> None:
    vectors, _, numbers = data(num_features)
    rows = np.flatnonzero(ROWS)
    machines = LinearMachines(vectors)
    ridge = Ridge(alpha=1 / (2 * 0.01)).fit(vectors[rows].astype(float), numbers[rows])
    found = machines.ridge(rows, numbers[rows], 0.01)
    np.testing.assert_allclose(found.outputs(np.arange(80))[:, 0], ridge.predict(vectors.astype(float)), atol=1e-8)
    assert_is_linear(found, vectors)
    svr = SVR(kernel="linear", C=0.01, epsilon=0.0).fit(vectors[rows].astype(float), numbers[rows])
    found = machines.svr(rows, numbers[rows], 0.01, 100, 0)
    np.testing.assert_allclose(found.outputs(np.arange(80))[:, 0], svr.predict(vectors.astype(float)), atol=1e-6)
    assert_is_linear(found, vectors)


def test_many_rows_are_solved_without_their_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same problems; the intercept, which LIBLINEAR regularises, is near 0 of centred data with even classes."""
    vectors, labels, numbers = data(5)
    rows = np.arange(80)
    by_products = LinearMachines(vectors)
    monkeypatch.setattr(module, "MOST_ROWS", 79)
    by_features = LinearMachines(vectors)
    assert by_features.gram is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, settings in {"pairs": (labels, 4, 0.1), "rest": (labels, 4, 0.1), "ridge": (numbers, 0.1)}.items():
            first, second = (getattr(one, name)(rows, *settings) for one in (by_products, by_features))
            outputs = [one.outputs(rows) for one in (first, second)]
            assert np.corrcoef(outputs[0].ravel(), outputs[1].ravel())[0, 1] > 0.95, name
            assert_is_linear(second, vectors)
        machine = by_features.svr(rows, numbers, 0.1, 1000, 0)
        assert (
            np.corrcoef(machine.outputs(rows)[:, 0], by_products.svr(rows, numbers, 0.1, 1000, 0).outputs(rows)[:, 0])[
                0, 1
            ]
            > 0.99
        )
        chosen = np.isin(labels, (0, 1))
        svc = LinearSVC(C=0.1, loss="hinge", dual=True, random_state=0, max_iter=10_000).fit(
            vectors[chosen], labels[chosen]
        )
        pairs = by_features.pairs(rows, labels, 4, 0.1)
    np.testing.assert_allclose(pairs.outputs(rows)[:, 0], -svc.decision_function(vectors), atol=1e-5)


def test_memory_is_that_of_one_matrix() -> None:
    import tracemalloc

    vectors = np.random.default_rng(0).normal(size=(300, 20_000)).astype(np.float32)
    tracemalloc.start()
    LinearMachines(vectors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 8 * 300 * max(300, module.BLOCK_COLUMNS) < vectors.nbytes
