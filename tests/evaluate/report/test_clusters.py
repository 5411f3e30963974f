"""Clusters in a report: the numbers are those of scikit-learn and pandas, and odd tables still make a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import mutual_info_score

from emotone.base.page import Section, render
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers.interval import to_json
from emotone.evaluate.report.clusters import draw_evenly, measure_clusters, project, read_clusters, section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run

HOSTILE = "<script>alert('x')</script>"
AROUSAL = Target("arousal", "attribute", (1, 5))
EMOTION = Target("emotion", "category", labels=("anger", "calm", "fear"))
TARGETS = [AROUSAL, EMOTION]
BORDERS = [1 + 4 * (cut - 1) / 6 for cut in (2, 3, 4, 5, 6)]
"""The published borders of levels on 1..7, on a range from 1 to 5."""


def clusters(num: int = 60, num_clusters: int = 4, network: str = "", seed: int = 0) -> pd.DataFrame:
    """Two thirds with labels (train and test), the rest unlabelled, of two corpora."""
    random = np.random.default_rng(seed)
    cluster = np.arange(num) % num_clusters
    is_labelled = np.arange(num) < num * 2 // 3
    label = np.clip(1.5 + cluster * 0.8 + random.normal(0, 0.5, num), 1, 5)
    return pd.DataFrame(
        {
            "network": network, "id": [f"u{n}" for n in range(num)], "speaker": "s",
            "corpus": np.where(is_labelled, "mine", "other"),
            "part": np.where(is_labelled, np.where(np.arange(num) % 5, "train", "test"), "unlabelled"),
            "cluster": cluster, "arousal": np.where(is_labelled, label, np.nan),
            "emotion": [EMOTION.labels[n % 3] if known else None for n, known in enumerate(is_labelled)],
            "embedding": list((random.normal(size=(num, 8)) + cluster[:, None]).astype(np.float32)),
        }
    )  # fmt: skip


def make_run(
    folder: Path, table: pd.DataFrame, folds: tuple[str, ...] = ("",), targets: list[Target] | None = None,
    step: str = "", **history: list[float],
) -> Run:  # fmt: skip
    for fold in folds:
        place = folder / fold / step
        place.mkdir(parents=True, exist_ok=True)
        (folder / fold / "done.json").write_text("{}")
        table.to_parquet(place / "clusters.parquet")
        columns = history or {"nmi_labelled": [np.nan, 0.4, 0.6], "nmi_unlabelled": [np.nan, 0.2, 0.3]}
        pd.DataFrame({"epoch": range(3), "loss": 1.0, **columns}).to_csv(place / "metrics.csv", index=False)
    (folder / "recipe.yaml").write_text("name: mine\n")
    return Run(folder, {"name": "mine"}, {}, targets or TARGETS, pd.DataFrame(), pd.DataFrame())


def report(run: Run) -> tuple[dict[str, Any] | None, list[Section]]:
    part = section(Evaluated(run))
    assert list(part.json) == ["clusters"]
    return part.json["clusters"], part.sections


class Elements(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


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


def test_the_page_shows_what_the_json_has(tmp_path: Path) -> None:
    about, sections = report(make_run(tmp_path, clusters()))
    assert about is not None and json.loads(json.dumps(to_json(about), allow_nan=False)) == to_json(about)
    assert [(section.title, section.level) for section in sections] == [
        ("Clusters", 2), ("Labels in each cluster", 3), ("Agreement over epochs", 3),
    ]  # fmt: skip
    assert all("<svg" in section.figure for section in sections)
    text = Elements(render("One", sections)).text
    assert "60 utterances (32 train, 20 unlabelled, 8 test) in 4 clusters that are not empty." in text
    first = about["networks"][0]["clusters"][0]["labels"]["arousal"]
    assert f"{first['mean']:.2f}\u00a0±\u00a0{first['std']:.2f}" in text and "all 60 utterances" in text
    assert "embedding" not in json.dumps(to_json(about))
    nmi = about["networks"][0]["nmi"]
    assert nmi["labelled"] == {"epoch": [1, 2], "mean": [0.4, 0.6], "folds": {"": [0.4, 0.6]}}


def test_several_folds_are_one_and_the_mean_of_all(tmp_path: Path) -> None:
    run = make_run(tmp_path, clusters(), ("fold-0", "fold-1"), step="semi-supervised")
    path = tmp_path / "fold-1/semi-supervised/metrics.csv"
    pd.DataFrame({"epoch": range(2), "nmi_labelled": [np.nan, 0.8]}).to_csv(path, index=False)
    about, sections = report(run)
    assert about is not None and (about["fold"], about["num_folds"]) == ("fold-0", 2)
    nmi = about["networks"][0]["nmi"]
    assert nmi["labelled"]["mean"] == pytest.approx([0.6, 0.6]) and list(nmi["unlabelled"]["folds"]) == ["fold-0"]
    assert "fold-0, the first of 2 folds" in sections[0].text and "mean of 2 folds" in sections[2].figure


def test_every_network_has_its_sections(tmp_path: Path) -> None:
    table = pd.concat([clusters(network="arousal"), clusters(network="emotion", num_clusters=3)], ignore_index=True)
    about, sections = report(make_run(tmp_path, table, arousal_nmi_labelled=[np.nan, 0.5, 0.5]))
    assert [section.title for section in sections] == [
        "Clusters", "Arousal", "Arousal: labels in each cluster", "Arousal: agreement over epochs", "Emotion",
        "Emotion: labels in each cluster",
    ]  # fmt: skip
    assert [section.level for section in sections] == [2, 3, 3, 3, 3, 3]
    assert about is not None and [len(network["clusters"]) for network in about["networks"]] == [4, 3]
    assert "by emotion" in sections[4].figure and "by arousal" in sections[1].figure


def test_hostile_names_are_text(tmp_path: Path) -> None:
    table = clusters()
    table["id"], table["speaker"] = HOSTILE + table["id"], HOSTILE
    table["corpus"] = HOSTILE + "$a$" + table["corpus"]
    table["emotion"] = table["emotion"].replace("fear", HOSTILE)
    targets = [AROUSAL, Target("emotion", "category", labels=("anger", "calm", HOSTILE))]
    page = Elements(render("One", report(make_run(tmp_path, table, targets=targets))[1]))
    assert "script" not in page.tags and HOSTILE in page.text


@pytest.mark.parametrize(
    "change",
    [
        {"cluster": 7},
        {"embedding": [np.ones(8, np.float32)] * 12},
        {"embedding": [np.ones(1, np.float32) * n for n in range(12)]},
        {"part": "train"},
        {"arousal": np.nan, "emotion": None},
        {"arousal": 3.0},
        {"corpus": [f"c{n}" for n in range(12)], "cluster": range(12)},
    ],
)
def test_odd_tables_still_make_a_page(tmp_path: Path, change: dict[str, Any]) -> None:
    about, sections = report(make_run(tmp_path, clusters(12).assign(**change)))
    assert about is not None and "</html>" in render("One", sections)
    json.dumps(to_json(about), allow_nan=False)


def test_an_utterance_alone_makes_a_page(tmp_path: Path) -> None:
    about, sections = report(make_run(tmp_path, clusters(12).head(1)))
    assert about is not None and about["networks"][0]["projection"] == {"method": "PCA", "num_utterances": 1}
    assert "PCA of the embeddings" in sections[0].note


def test_many_clusters_and_utterances_are_drawn_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.evaluate.report.clusters.MOST_POINTS", 60)
    about, sections = report(make_run(tmp_path, clusters(300, 70)))
    assert about is not None and about["networks"][0]["projection"]["num_utterances"] == 60
    assert "60 of 300 utterances, drawn evenly over the parts" in sections[0].note
    assert "60 clusters with the most labels" in sections[1].note and sections[1].folds == "All 70 clusters"


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


def test_a_run_without_clusters_has_none(tmp_path: Path) -> None:
    assert report(Run(tmp_path, {}, {}, TARGETS, pd.DataFrame(), pd.DataFrame())) == (None, [])


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


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("clusters.parquet", b"", "cannot be read"),
        ("clusters.parquet", b"PAR1 torn", "cannot be read"),
        ("metrics.csv", b"", "cannot be read"),
        ("metrics.csv", b"loss\n1\n", "has no column epoch"),
        ("metrics.csv", b"epoch,nmi_labelled\n", "has no rows"),
        ("metrics.csv", b"epoch,nmi_labelled\n0,much\n", "values of nmi_labelled are no finite numbers, e.g. 'much'"),
        ("metrics.csv", b"epoch,nmi_labelled\n0,\n0,0.5\n", "every epoch once"),
        ("metrics.csv", None, "is missing"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    run = make_run(tmp_path, clusters(12))
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EmotoneError) as caught:
        report(run)
    assert str(tmp_path / name) in str(caught.value) and words in str(caught.value) and "\n" not in str(caught.value)


def test_empty_and_incomplete_tables_are_named(tmp_path: Path) -> None:
    path = tmp_path / "clusters.parquet"
    clusters(12).drop(columns=["cluster", "arousal"]).to_parquet(path)
    with pytest.raises(EmotoneError, match="has no column cluster, arousal"):
        read_clusters(path, TARGETS)
    clusters(12).head(0).to_parquet(path)
    with pytest.raises(EmotoneError, match="has no rows"):
        read_clusters(path, TARGETS)
