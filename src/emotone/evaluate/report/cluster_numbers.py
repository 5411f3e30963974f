"""The clusters of a run in numbers: their labels, their mutual information with labels, and where embeddings lie.

Lin, Sridhar & Busso, "DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster Representation of Speech
Emotions", ICASSP 2021. `clusters.parquet` has a row per utterance and network; `metrics.csv` a row per epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.bundle.target import Target
from emotone.data.labels.deep_mi import cut_points, information_table, to_levels
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.report.artefacts import check_codes, finite_numbers, read_artefact

PARTS = ("train", "unlabelled", "validation", "test")
COLUMNS = ("network", "id", "corpus", "part", "cluster", "embedding")
KINDS = ("labelled", "unlabelled")
"""Of these utterances the agreement of successive clusterings is measured by itself."""
NUM_COMPONENTS = 50
"""Principal components that t-SNE sees; further ones are mostly noise, and cost time."""
FEWEST_POINTS = 5
"""Fewer different embeddings than this have no neighbourhoods that t-SNE could keep."""


def read_clusters(path: Path, targets: Sequence[Target]) -> pd.DataFrame:
    """The table of clusters, checked; classes that are not of the target become None, no label.

    Raises EmotoneError, counted and named, for cells that do not fit and embeddings that are unequal or not finite.
    """
    table = read_artefact(path, (*COLUMNS, *(target.name for target in targets)))
    table["network"] = table["network"].fillna("")
    strangers = set(table["part"]) - set(PARTS)
    if strangers:
        raise unknown("part", str(min(strangers, key=str)), PARTS, where=str(path))
    check_codes(table["cluster"], path)
    for target in targets:
        if target.kind == "attribute":
            table[target.name] = finite_numbers(table[target.name], path)
        else:
            table[target.name] = table[target.name].where(table[target.name].isin(target.labels), None)
    for _, embeddings in table.groupby("network")["embedding"]:
        _check_embeddings(embeddings, path)
    return table


def read_history(path: Path) -> pd.DataFrame:
    """NMI of all networks, a row per epoch."""
    table = read_artefact(path, ("epoch",))
    chosen = [column for column in table if column == "epoch" or column.endswith(tuple(f"nmi_{k}" for k in KINDS))]
    numbers = table[chosen].apply(finite_numbers, path=path).set_index("epoch")
    if numbers.index.hasnans or numbers.index.has_duplicates:
        raise EmotoneError(f"{path}: column epoch must hold every epoch once")
    return numbers


def _check_embeddings(embeddings: pd.Series, path: Path) -> None:
    lengths = embeddings.map(lambda vector: len(vector) if isinstance(vector, np.ndarray) else 0)
    if lengths.nunique() > 1 or not lengths.iloc[0]:
        raise EmotoneError(
            f"{path}: embeddings must be equally long, not of {lengths.min()} to {lengths.max()} numbers"
        )
    num_wrong = int((~np.isfinite(np.stack(embeddings.to_list()).astype(float))).any(axis=1).sum())
    if num_wrong:
        raise EmotoneError(f"{path}: {num_wrong} of {len(embeddings)} embeddings are not finite")


def draw_evenly(parts: pd.Series, num: int, seed: int = 0) -> NDArray[np.intp]:
    """Positions (rising) of at most `num` utterances, equally many of each part as far as it has them.

    >>> parts = pd.Series(["train"] * 90 + ["test"] * 10)
    >>> parts[draw_evenly(parts, 40)].value_counts().to_dict()
    {'train': 30, 'test': 10}
    """
    random = np.random.default_rng(seed)
    sizes = parts.value_counts().sort_values(kind="stable")
    drawn: list[NDArray[np.intp]] = []
    for place, part in enumerate(sizes.index):
        share = (num - sum(map(len, drawn))) // (len(sizes) - place)
        rows = np.flatnonzero(parts == part)
        drawn.append(random.choice(rows, min(share, len(rows)), replace=False))
    return np.sort(np.concatenate(drawn))


def project(embeddings: NDArray[np.floating]) -> tuple[NDArray[np.floating], str]:
    """Embeddings [N, H] in two dimensions, float [N, 2], and the method: t-SNE from a PCA start with a fixed seed.

    Equal embeddings have equal places. A handful of different ones, or such of one number, are left to PCA alone.

    >>> points, method = project(np.ones((4, 8)))
    >>> points.tolist(), method
    ([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], 'PCA')
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    different, place = np.unique(embeddings.astype(np.float64), axis=0, return_inverse=True)
    N, H = different.shape
    components = PCA(min(N, H, NUM_COMPONENTS), random_state=0).fit_transform(different) if N > 1 else np.zeros((1, 1))
    spread = components[:, 0].std()
    if N < FEWEST_POINTS or H < 2 or not spread > 0:
        points = np.pad(components, ((0, 0), (0, 1)))[:, :2]
        return points[place.ravel()], "PCA"
    search = TSNE(init="pca", perplexity=min(30.0, (N - 1) / 3), random_state=0)
    return search.fit_transform(components / spread)[place.ravel()], "t-SNE"


def measure_clusters(table: pd.DataFrame, targets: Sequence[Target]) -> dict[str, Any]:
    """The JSON object of one network: its clusters, by the median of its first target, and their mutual information."""
    information = {target.name: _information_by_cluster(table, target) for target in targets}
    rows = []
    for cluster, own in table.groupby("cluster"):
        labels = {target.name: _summary(own[target.name], target) for target in targets}
        for name, summary in labels.items():
            summary["information"] = information[name].get(cluster, 0.0)
        counts = own["part"].value_counts()
        rows.append(
            {
                "cluster": int(cluster),
                "parts": {part: int(counts[part]) for part in PARTS if part in counts},
                "labels": labels,
                "corpora": {str(name): int(num) for name, num in own["corpus"].value_counts().items()},
            }
        )
    leading = leading_target(targets, table["network"].iloc[0])
    if leading.kind == "attribute":
        medians = table.groupby("cluster")[leading.name].median()
        rows.sort(key=lambda row: (np.isnan(medians[row["cluster"]]), medians[row["cluster"]]))
    return {
        "num_utterances": len(table),
        "num_numbers": len(table["embedding"].iloc[0]),
        "clusters": rows,
        "information": [row for target in targets for row in _information(table, target)],
    }


def leading_target(targets: Sequence[Target], network: str) -> Target:
    """The target that a network predicts; of several the first attribute."""
    own = [target for target in targets if target.name == network]
    return next(iter([*own, *(target for target in targets if target.kind == "attribute")]), targets[0])


def levels_of(values: pd.Series, target: Target) -> NDArray[np.intp]:
    """Levels [N] of an attribute's labels by the published borders, or the numbers of classes; none may be unknown."""
    if target.kind == "category":
        return values.map({label: place for place, label in enumerate(target.labels)}).to_numpy(np.intp)
    assert target.range is not None
    return to_levels(values, cut_points(*target.range))


def _summary(labels: pd.Series, target: Target) -> dict[str, Any]:
    known = labels.dropna()
    if target.kind == "attribute":
        return {"num": len(known), "mean": float(known.mean()), "std": float(known.std(ddof=0))}
    counts = known.value_counts()
    return {"num": len(known), "classes": {str(label): int(count) for label, count in counts.items()}}


def _information_by_cluster(table: pd.DataFrame, target: Target) -> dict[int, float]:
    """What each cluster adds to the mutual information of cluster and level, in nats."""
    known = table[table[target.name].notna()]
    if known.empty:
        return {}
    codes, clusters = pd.factorize(known["cluster"])
    return dict(zip(clusters, information_table(codes, levels_of(known[target.name], target)).sum(axis=1), strict=True))


def _information(table: pd.DataFrame, target: Target) -> list[dict[str, Any]]:
    """Mutual information of cluster and level by part, in nats, beside that by chance and the entropy of levels."""
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    known = table[table[target.name].notna()]
    parts = [part for part in PARTS if (known["part"] == part).any()]
    rows = []
    for part in [*parts, "all"] if len(parts) > 1 else parts:
        own = known if part == "all" else known[known["part"] == part]
        clusters, levels = pd.factorize(own["cluster"])[0], pd.factorize(levels_of(own[target.name], target))[0]
        counts = contingency_matrix(clusters, levels, sparse=True)
        rows.append(
            {
                "target": target.name,
                "part": part,
                "num_utterances": len(own),
                "information": float(information_table(clusters, levels).sum()),
                "by_chance": float(expected_mutual_information(counts, len(own))),
                "entropy": float(information_table(levels, levels).sum()),
            }
        )
    return rows


def agreement(history: dict[str, pd.DataFrame], prefix: str) -> dict[str, pd.DataFrame]:
    """NMI of successive clusterings {kind of utterances: epochs x folds}, without epochs that have none."""
    curves = {}
    for kind in KINDS:
        column = f"{prefix}nmi_{kind}"
        folds = {name: table[column] for name, table in history.items() if column in table}
        found = pd.DataFrame(folds).dropna(how="all")
        if len(found):
            curves[kind] = found
    return curves
