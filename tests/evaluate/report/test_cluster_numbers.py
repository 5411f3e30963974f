"""Clusters in numbers: they are those of scikit-learn and pandas, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cluster_table import AROUSAL, EMOTION, clusters
from sklearn.manifold import trustworthiness
from sklearn.metrics import mutual_info_score

from emotone.errors import EmotoneError
from emotone.evaluate.report.cluster_numbers import draw_evenly, measure_clusters, project, read_clusters

TARGETS = [AROUSAL, EMOTION]
BORDERS = [1 + 4 * (cut - 1) / 6 for cut in (2, 3, 4, 5, 6)]
"""The published borders of levels on 1..7, on a range from 1 to 5."""


def test_information_is_that_of_scikit_learn() -> None:
    table = clusters(90)
    about = measure_clusters(table, TARGETS)
    found = {(row["target"], row["part"]): row for row in about["information"]}
    assert set(found) == {(target.name, part) for target in TARGETS for part in ("train", "test", "all")}
    for (target, part), row in found.items():
        own = table[table[target].notna() & ((table["part"] == part) | (part == "all"))]
        level = np.digitize(own["arousal"], BORDERS) if target == "arousal" else own["emotion"].to_numpy()
        assert row["information"] == pytest.approx(mutual_info_score(own["cluster"], level), abs=1e-12)
        assert row["entropy"] == pytest.approx(mutual_info_score(level, level), abs=1e-12)
        assert row["num_utterances"] == len(own)
    for target in TARGETS:  # what clusters add is the whole
        added = sum(row["labels"][target.name]["information"] for row in about["clusters"])
        assert added == pytest.approx(found[target.name, "all"]["information"], abs=1e-12)


def test_information_by_chance_is_that_of_shuffled_clusters() -> None:
    table = clusters(120)
    row = next(row for row in measure_clusters(table, [EMOTION])["information"] if row["part"] == "all")
    known, random = table[table["emotion"].notna()], np.random.default_rng(1)
    shuffled = [mutual_info_score(random.permutation(known["cluster"]), known["emotion"]) for _ in range(500)]
    assert row["by_chance"] == pytest.approx(np.mean(shuffled), abs=4 * np.std(shuffled) / np.sqrt(500))


def test_rows_are_those_of_pandas() -> None:
    table = clusters(70)
    rows = {row["cluster"]: row for row in measure_clusters(table, TARGETS)["clusters"]}
    parts, corpora = (table.groupby("cluster")[column].value_counts() for column in ("part", "corpus"))
    for cluster, own in table.groupby("cluster"):
        row = rows[cluster]
        assert row["parts"] == parts[cluster].to_dict() and row["corpora"] == corpora[cluster].to_dict()
        assert row["labels"]["arousal"]["mean"] == pytest.approx(own["arousal"].mean(), abs=1e-12)
        assert row["labels"]["arousal"]["std"] == pytest.approx(np.nanstd(own["arousal"]), abs=1e-12)
        assert row["labels"]["emotion"]["classes"] == own["emotion"].value_counts().to_dict()
    medians = table.groupby("cluster")["arousal"].median()
    assert list(rows) == list(medians.sort_values().index)


def test_a_sample_is_even_and_the_same_again() -> None:
    parts = pd.Series(["train"] * 500 + ["unlabelled"] * 400 + ["test"] * 10).sample(frac=1, random_state=0)
    parts = parts.reset_index(drop=True)
    drawn = draw_evenly(parts, 100)
    assert parts[drawn].value_counts().to_dict() == {"train": 45, "unlabelled": 45, "test": 10}
    assert len(set(drawn)) == 100 and np.array_equal(drawn, draw_evenly(parts, 100))
    assert np.array_equal(draw_evenly(parts, 2000), np.arange(910))


def test_a_projection_keeps_neighbours_and_joins_what_is_equal() -> None:
    random = np.random.default_rng(0)
    centres = 20 * np.eye(3, 64)
    points = (centres[np.arange(90) % 3] + random.normal(size=(90, 64))).astype(np.float32)
    points[1] = points[4] = points[7]
    placed, method = project(points)
    assert method == "t-SNE" and trustworthiness(points, placed, n_neighbors=5) > 0.8
    assert np.array_equal(placed[1], placed[4]) and np.array_equal(placed[1], placed[7])
    assert np.array_equal(placed, project(points)[0])
    assert np.allclose(project(points * 1e-9)[0].std(), placed.std(), rtol=0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"part": "training"}, "part 'training'"),
        ({"cluster": -1}, "column cluster must hold whole numbers from 0, but 12 of 12 values do not, e.g. "),
        ({"cluster": 0.5}, "column cluster must hold whole numbers"),
        ({"arousal": "high"}, "12 of 12 values of arousal are no finite numbers, e.g. 'high'"),
        ({"embedding": [np.ones(2 + n % 2) for n in range(12)]}, "equally long, not of 2 to 3 numbers"),
        ({"embedding": None}, "not of 0 to 0 numbers"),
        ({"embedding": [np.full(3, np.nan)] * 12}, "12 of 12 embeddings are not finite"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "clusters.parquet"
    clusters(12).assign(**change).to_parquet(path)
    with pytest.raises(EmotoneError) as caught:
        read_clusters(path, TARGETS)
    assert str(caught.value).startswith(str(path)) and words in str(caught.value) and "\n" not in str(caught.value)


def test_empty_and_incomplete_tables_are_named(tmp_path: Path) -> None:
    path = tmp_path / "clusters.parquet"
    clusters(12).drop(columns=["cluster", "arousal"]).to_parquet(path)
    with pytest.raises(EmotoneError, match="has no column cluster, arousal"):
        read_clusters(path, TARGETS)
    clusters(12).head(0).to_parquet(path)
    with pytest.raises(EmotoneError, match="has no rows"):
        read_clusters(path, TARGETS)
