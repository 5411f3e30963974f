"""DeepMI against the published values, scikit-learn and a loop; its files; the curriculum that follows from them."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from emotone.data.labels.deep_mi import (
    PUBLISHED_CUTS,
    cut_points,
    deep_mi,
    information_table,
    read_values,
    to_levels,
    write_values,
)
from emotone.errors import EmotoneError
from emotone.training.curriculum import Curriculum

codes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60)
NUM_FILES = 44_879
NUM_DISTINCT = {"Act": 176, "Dom": 172, "Val": 319}


def published(shared: Path, attribute: str) -> Path:
    return shared / f"published/DeepMI-Curriculum-Metric/curriculum_metric_v1.8/DeepMI_50clusters@_{attribute}.json"


# ---- values -----------------------------------------------------------------------------------------------------


def test_values_equal_the_published_ones(shared: Path) -> None:
    cases = json.loads((shared / "golden/functions.json").read_text())["deep_mi"]
    assert len(cases) > 1
    for case in cases:
        values = deep_mi(case["cluster"], case["score"], case["predicted_score"], case["alpha"])
        assert values.tolist() == case["deep_mi"]


@given(codes)
def test_tables_equal_a_loop_and_sum_to_mutual_information(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs).T
    table = information_table(x, y)
    joint, of_x, of_y, N = Counter(pairs), Counter(x.tolist()), Counter(y.tolist()), len(pairs)
    for cell in np.ndindex(table.shape):
        share = joint[cell] / N
        expected = share * math.log(share / (of_x[cell[0]] / N * of_y[cell[1]] / N)) if share else 0.0
        assert table[cell] == pytest.approx(expected, abs=1e-12)
    assert table.sum() == pytest.approx(mutual_info_score(x, y), abs=1e-12)


def test_levels_are_those_published() -> None:
    scores = [1.0, 1.99, 2.0, 2.99, 3.0, 4.0, 4.99, 5.0, 5.99, 6.0, 7.0, 0.2, 9.9]
    assert to_levels(scores).tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 0, 5]


def test_other_ranges_map_linearly() -> None:
    assert cut_points(1, 7) == PUBLISHED_CUTS
    np.testing.assert_allclose(cut_points(1, 5), [5 / 3, 7 / 3, 3, 11 / 3, 13 / 3])
    random = np.random.default_rng(0)
    clusters, scores = random.integers(5, size=200), random.uniform(1, 7, 200)
    mapped = deep_mi(clusters, -1 + (scores - 1) / 3, cuts=cut_points(-1, 1))
    np.testing.assert_array_equal(mapped, deep_mi(clusters, scores))


def test_without_alpha_predictions_do_not_matter() -> None:
    clusters, scores = [0, 1, 1, 2], [1.0, 4.5, 6.5, 3.2]
    np.testing.assert_array_equal(deep_mi(clusters, scores), deep_mi(clusters, scores, [np.nan] * 4))
    assert deep_mi([0] * 3, [4.0] * 3, [4.0] * 3, 0.5).tolist() == [0.0, 0.0, 0.0]  # nothing told, nothing broken
    assert not np.signbit(deep_mi([0] * 3, [4.0] * 3)).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 1.5}, "alpha must be from 0 to 1, not 1.5"),
        ({"alpha": 0.5}, "alpha 0.5 needs predicted scores"),
        ({"alpha": 0.5, "predicted_scores": [1.0, np.nan]}, "1 of 2 utterances have no score"),
        ({"scores": [np.nan, np.nan]}, "2 of 2 utterances have no score"),
        ({"scores": [1.0]}, "as many clusters as levels, and at least one, not 2 and 1"),
        ({"clusters": [], "scores": []}, "at least one, not 0 and 0"),
        ({"cuts": [2.0, 2.0]}, "cut points must rise"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(EmotoneError, match=message):
        deep_mi(**({"clusters": [0, 1], "scores": [2.0, 3.0]} | settings))


# ---- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", NUM_DISTINCT)
def test_published_files_and_the_levels_that_follow(shared: Path, tmp_path: Path, attribute: str) -> None:
    path = published(shared, attribute)
    values = read_values(path)
    assert len(values) == NUM_FILES and len(set(values.values())) == NUM_DISTINCT[attribute]
    write_values(tmp_path / "values.json", values)
    assert (tmp_path / "values.json").read_bytes() == path.read_bytes()

    files = sorted(values, key=lambda name: name[::-1])  # any order in, the same order out
    schedule = Curriculum().schedule(np.array([values[file] for file in files]), files)
    expected = sorted(values, key=lambda name: (-values[name], name))
    for level in range(1, 11):
        rows = schedule.rows(5 * (level - 1))
        assert [files[row] for row in rows] == expected[: int(level / 10 * NUM_FILES)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[0.1]", "must be one JSON object"),
        ("{}", "must be one JSON object"),
        ("{", "cannot be read as JSON"),
        ('{"a.wav": 0.1, "b.wav": "x", "c.wav": NaN, "d.wav": true}', "3 of 4 values are no finite numbers.*'b.wav'"),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "values.json"
    path.write_text(text)
    with pytest.raises(EmotoneError, match=message):
        read_values(path)
    with pytest.raises(EmotoneError, match="none.json is missing"):
        read_values(tmp_path / "none.json")
