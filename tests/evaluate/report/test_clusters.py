"""Clusters in a report: the page shows what the JSON has, and odd tables still make a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cluster_table import AROUSAL, EMOTION, clusters
from pages import HOSTILE, Page

from emotone.base.page import Section, render
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers.interval import to_json
from emotone.evaluate.report.clusters import section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run

TARGETS = [AROUSAL, EMOTION]


def make_run(
    folder: Path,
    table: pd.DataFrame,
    folds: tuple[str, ...] = ("",),
    targets: list[Target] | None = None,
    step: str = "",
    **history: list[float],
) -> Run:
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


def test_the_page_shows_what_the_json_has(tmp_path: Path) -> None:
    about, sections = report(make_run(tmp_path, clusters()))
    assert about is not None and json.loads(json.dumps(to_json(about), allow_nan=False)) == to_json(about)
    assert [(section.title, section.level) for section in sections] == [
        ("Clusters", 2),
        ("Labels in each cluster", 3),
        ("Agreement over epochs", 3),
    ]
    assert all("<svg" in section.figure for section in sections)
    text = Page(render("One", sections)).text
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
        "Clusters",
        "Arousal",
        "Arousal: labels in each cluster",
        "Arousal: agreement over epochs",
        "Emotion",
        "Emotion: labels in each cluster",
    ]
    assert [section.level for section in sections] == [2, 3, 3, 3, 3, 3]
    assert about is not None and [len(network["clusters"]) for network in about["networks"]] == [4, 3]
    assert "by emotion" in sections[4].figure and "by arousal" in sections[1].figure


def test_hostile_names_are_text(tmp_path: Path) -> None:
    table = clusters()
    table["id"], table["speaker"] = HOSTILE + table["id"], HOSTILE
    table["corpus"] = HOSTILE + "$a$" + table["corpus"]
    table["emotion"] = table["emotion"].replace("fear", HOSTILE)
    targets = [AROUSAL, Target("emotion", "category", labels=("anger", "calm", HOSTILE))]
    page = Page(render("One", report(make_run(tmp_path, table, targets=targets))[1]))
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


def test_a_run_without_clusters_has_none(tmp_path: Path) -> None:
    assert report(Run(tmp_path, {}, {}, TARGETS, pd.DataFrame(), pd.DataFrame())) == (None, [])


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
