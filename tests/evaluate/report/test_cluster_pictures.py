"""Pictures of clusters: all that is drawn is named, whatever it is called."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from cluster_table import AROUSAL, EMOTION, clusters

from emotone.evaluate.report.cluster_pictures import plot_agreement, plot_labels, plot_projection


def texts_of(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</t(?:ext|span)>", svg)


def test_a_projection_names_labels_corpora_and_parts() -> None:
    table = clusters(60).assign(corpus=lambda t: t["corpus"].replace("mine", "US$"))
    points = np.random.default_rng(0).normal(size=(60, 2))
    texts = texts_of(plot_projection(points, table, AROUSAL))
    assert {"US$", "other", "train", "unlabelled", "test"} <= set(texts)
    assert "by arousal" in texts and "arousal; grey: no label" in texts
    texts = texts_of(plot_projection(points, table, EMOTION))
    assert {"anger", "calm", "fear", "by emotion"} <= set(texts)
    unknown = plot_projection(points, table.assign(arousal=np.nan), AROUSAL)
    assert "nothing drawn has a label" in texts_of(unknown)


def test_labels_have_a_row_per_target_and_clusters_in_the_order_of_their_medians() -> None:
    table = clusters(60).assign(arousal=lambda t: 5.0 - t["cluster"])
    texts = texts_of(plot_labels(table, [AROUSAL, EMOTION]))
    numbers = [int(text) for text in texts if text.isdigit() and int(text) < 4]
    assert numbers[:4] == [3, 2, 1, 0] and "cluster (and how many labels)" in texts
    assert {"arousal", "emotion", "median of all"} <= set(texts)


def test_agreement_has_the_mean_of_several_folds() -> None:
    folds = pd.DataFrame({"fold-0": [0.4, 0.5], "fold-1": [0.6, 0.7]}, index=[1, 2])
    texts = texts_of(plot_agreement({"labelled": folds, "unlabelled": folds[["fold-0"]]}))
    assert "labelled, mean of 2 folds" in texts and "unlabelled" in texts
