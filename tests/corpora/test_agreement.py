"""Krippendorff's alpha against the package of that name, by hand, at its edges, and in time."""

from __future__ import annotations

import math
import time
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.corpora.agreement import LEVELS, Level, alpha_of_votes, krippendorff_alpha
from emotone.corpora.readers.emotale import EmoTale
from emotone.errors import EmotoneError


def random_ratings(seed: int, num_raters: int, num_units: int, missing: float, steps: int) -> NDArray:
    random = np.random.default_rng(seed)
    truth = random.integers(1, steps + 1, num_units)
    ratings = np.clip(truth + random.integers(-1, 2, (num_raters, num_units)), 1, steps).astype(float)
    ratings[random.random(ratings.shape) < missing] = np.nan
    return ratings


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("num_raters", "num_units", "missing", "steps"), [(2, 30, 0, 5), (3, 200, 0.3, 9), (40, 80, 0.9, 4)]
)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_oracle(
    level: Level, num_raters: int, num_units: int, missing: float, steps: int, seed: int
) -> None:
    ratings = random_ratings(seed, num_raters, num_units, missing, steps)
    expected = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
    assert krippendorff_alpha(ratings, level) == pytest.approx(expected, abs=1e-12)
    shifted = krippendorff_alpha(ratings + 1e6, level)  # no precision is lost to a common offset
    assert shifted == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("column", "level"), [("arousal", "interval"), ("valence", "ordinal"), ("emotion", "nominal")])
def test_equals_the_oracle_on_the_raters_of_emotale(shared: Path, column: str, level: Level) -> None:
    raters = EmoTale(part="danish").read(shared / "data" / "emotale-da").raters
    assert raters is not None
    found = alpha_of_votes(raters["id"], raters[column], level)
    table = raters.pivot(index="rater", columns="id", values=column)
    if level == "nominal":
        table = table.apply(lambda votes: votes.map({name: k for k, name in enumerate(sorted(set(raters[column])))}))
    matrix = table.to_numpy(dtype=float)
    expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement=level)
    assert found == pytest.approx(expected, abs=1e-12)
    assert krippendorff_alpha(matrix, level) == pytest.approx(found, abs=1e-12)
    assert 0.3 < found < 1


def test_the_published_example() -> None:
    """Krippendorff 2011, section C: four observers, twelve units; section D gives the other levels of the same."""
    nan = math.nan
    ratings = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    found = [round(krippendorff_alpha(ratings, level), 3) for level in LEVELS]
    assert found == [0.743, 0.815, 0.849]


@pytest.mark.parametrize("level", LEVELS)
def test_what_cannot_be_told_from_chance_is_nan(level: Level) -> None:
    assert math.isnan(krippendorff_alpha([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]], level))
    assert math.isnan(alpha_of_votes(["a", "b"], [1.0, 2.0], level))  # no unit has two votes
    assert math.isnan(alpha_of_votes([], [], level))
    assert krippendorff_alpha([[1, 2, 5], [1, 2, math.nan]], level) == 1.0


def test_perfect_disagreement_is_below_chance() -> None:
    assert krippendorff_alpha([[1, 2], [2, 1]], "nominal") == pytest.approx(-0.5)


def test_missing_votes_do_not_count() -> None:
    ids, votes = ["a", "a", "b", "b", "b"], ["x", "x", "y", None, "x"]
    assert alpha_of_votes(ids, votes, "nominal") == alpha_of_votes(
        ["a", "a", "b", "b"], ["x", "x", "y", "x"], "nominal"
    )


def test_errors() -> None:
    with pytest.raises(EmotoneError, match="unknown level 'ratio'"):
        alpha_of_votes(["a"], [1.0], "ratio")  # type: ignore[arg-type]
    with pytest.raises(EmotoneError, match="2 ids but 1 values"):
        alpha_of_votes(["a", "a"], [1.0])
    with pytest.raises(EmotoneError, match="1 of 2 are for no unit"):
        alpha_of_votes(["a", None], [1.0, 2.0])
    with pytest.raises(EmotoneError, match="needs numbers"):
        alpha_of_votes(["a", "a"], ["joy", "anger"])
    with pytest.raises(EmotoneError, match=r"\[raters, units\]"):
        krippendorff_alpha([1.0, 2.0])


@pytest.mark.parametrize("level", LEVELS)
def test_a_large_sparse_table_takes_a_moment(level: Level) -> None:
    """100,000 utterances with 6 votes each, by 6,000 raters."""
    random = np.random.default_rng(0)
    ids = np.repeat([f"utterance-{n:06d}" for n in range(100_000)], 6)
    values = random.integers(1, 8, len(ids)).astype(float)
    began_s = time.process_time()
    assert abs(alpha_of_votes(ids, values, level)) < 0.01
    assert time.process_time() - began_s < 5
