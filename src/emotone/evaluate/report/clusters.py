"""The clusters of a run in its report: where embeddings lie, what labels a cluster holds, how clusters settled.

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

from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.data.labels.deep_mi import cut_points, information_table, to_levels
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.report import cluster_pictures as pictures
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.run_folder import Run, places_of

CLUSTERS = "clusters.parquet"
FIRST_STEP = "semi-supervised"
"""Folder of a fold in which a run of several steps keeps the one that clusters."""
PARTS = ("train", "unlabelled", "validation", "test")
COLUMNS = ("network", "id", "corpus", "part", "cluster", "embedding")
MOST_POINTS = 2000
NUM_COMPONENTS = 50
"""Principal components that t-SNE sees; further ones are mostly noise, and cost time."""
FEWEST_POINTS = 5
"""Fewer different embeddings than this have no neighbourhoods that t-SNE could keep."""
MOST_ROWS = 12
"""A longer table is folded."""
KINDS = ("labelled", "unlabelled")
Row = dict[str, Any]


def section(evaluated: Evaluated) -> Part:
    """What the run's clusters hold; null in the JSON where it has none.

    Tables and pictures are of the first fold; the agreement of clusterings is of all. Raises EmotoneError for a table
    that is damaged.
    """
    run = evaluated.run
    folds = find_folds(run, CLUSTERS, FIRST_STEP)
    if not folds:
        return Part({"clusters": None})
    path = next(iter(folds.values())) / CLUSTERS
    table = read_clusters(path, run.targets)
    history = {name: _read_history(folder / "metrics.csv") for name, folder in folds.items()}
    networks = list(table["network"].unique())
    about: Row = {"fold": next(iter(folds)), "num_folds": len(folds), "networks": []}
    text = f"{len(networks)} networks, each with clusters of its own." if len(networks) > 1 else ""
    sections = [Section("Clusters", text)] if text else []
    for network in networks:
        own = table[table["network"] == network].reset_index(drop=True)
        curves = _agreement(history, f"{network}_" if network else "")
        drawn = draw_evenly(own["part"], MOST_POINTS)
        points, method = project(np.stack(own.loc[drawn, "embedding"].to_list()))
        measured = measure_clusters(own, run.targets) | {
            "network": network, "projection": {"method": method, "num_utterances": len(drawn)},
            "nmi": {kind: _curve(folds) for kind, folds in curves.items()},
        }  # fmt: skip
        about["networks"].append(measured)
        sections += _sections(measured, about, run.targets, own, (points, own.loc[drawn]), curves, bool(text))
    return Part({"clusters": about}, sections)


def find_folds(run: Run, name: str, step: str = "") -> dict[str, Path]:
    """The folders that hold an artefact of that name by fold ("" where there is one), in a step's folder or the fold's.

    A run that is none of its own (a bundle on a corpus) has none.
    """
    if not (run.folder / "recipe.yaml").is_file():
        return {}
    found = {}
    for place in places_of(run.folder):
        folders = [folder for folder in (place / step, place) if (folder / name).is_file()]
        if folders:
            found["" if place == run.folder else place.relative_to(run.folder).as_posix()] = folders[0]
    return found


def read_artefact(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A Parquet or CSV table that must have these columns and rows; raises EmotoneError naming the file."""
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except FileNotFoundError:
        raise EmotoneError(f"{path} is missing; run emotone train again") from None
    except (ValueError, TypeError, KeyError, OSError) as error:  # torn, empty or another format
        raise EmotoneError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
    missing = [column for column in columns if column not in table]
    if missing:
        raise EmotoneError(f"{path}: has no column {', '.join(missing)}")
    if table.empty:
        raise EmotoneError(f"{path}: has no rows")
    return table


def read_clusters(path: Path, targets: Sequence[Target]) -> pd.DataFrame:
    """The table of clusters, checked; a class that is not the target's is no label.

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
            table[target.name] = to_numbers(table[target.name], path)
        else:
            table[target.name] = table[target.name].where(table[target.name].isin(target.labels), None)
    for _, embeddings in table.groupby("network")["embedding"]:
        _check_embeddings(embeddings, path)
    return table


def _read_history(path: Path) -> pd.DataFrame:
    """NMI of all networks, a row per epoch."""
    table = read_artefact(path, ("epoch",))
    chosen = [column for column in table if column == "epoch" or column.endswith(tuple(f"nmi_{k}" for k in KINDS))]
    numbers = table[chosen].apply(to_numbers, path=path).set_index("epoch")
    if numbers.index.hasnans or numbers.index.has_duplicates:
        raise EmotoneError(f"{path}: column epoch must hold every epoch once")
    return numbers


def to_numbers(values: pd.Series, path: Path) -> pd.Series:
    """The column as float64, NaN where it is not known; raises EmotoneError for what is no finite number."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    wrong = (numbers.isna() & values.notna()) | np.isinf(numbers)
    if wrong.any():
        raise EmotoneError(
            f"{path}: {int(wrong.sum())} of {len(values)} values of {values.name} are no finite numbers, "
            f"e.g. {values[wrong].iloc[0]!r}"
        )
    return numbers


def check_codes(codes: pd.Series, path: Path, num_codes: int | None = None) -> None:
    """Raise EmotoneError for a column that does not hold whole numbers from 0 (below `num_codes`)."""
    allowed = "whole numbers from 0" + (f" to {num_codes - 1}" if num_codes else "")
    wrong = pd.Series(True, codes.index)
    if pd.api.types.is_integer_dtype(codes) and not codes.isna().any():
        wrong = (codes < 0) | (codes >= (num_codes or np.inf))
    if wrong.any():
        raise EmotoneError(
            f"{path}: column {codes.name} must hold {allowed}, but {int(wrong.sum())} of {len(codes)} values do not, "
            f"e.g. {codes[wrong].iloc[0]!r}"
        )


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
    """Rows (positions, rising) of at most `num` utterances, as equally many of each part as they have.

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
    """Embeddings [N, H] in two dimensions, float [N, 2], and how: t-SNE from a PCA start with a fixed seed.

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


def measure_clusters(table: pd.DataFrame, targets: Sequence[Target]) -> Row:
    """The clusters of one network, by the median of its first target, and what they tell of each target's level."""
    information = {target.name: _information_by_cluster(table, target) for target in targets}
    rows = []
    for cluster, own in table.groupby("cluster"):
        labels = {target.name: _summary(own[target.name], target) for target in targets}
        for name, summary in labels.items():
            summary["information"] = information[name].get(cluster, 0.0)
        counts = own["part"].value_counts()
        rows.append({
            "cluster": int(cluster), "parts": {part: int(counts[part]) for part in PARTS if part in counts},
            "labels": labels, "corpora": {str(name): int(num) for name, num in own["corpus"].value_counts().items()},
        })  # fmt: skip
    leading = leading_target(targets, table["network"].iloc[0])
    if leading.kind == "attribute":
        medians = table.groupby("cluster")[leading.name].median()
        rows.sort(key=lambda row: (np.isnan(medians[row["cluster"]]), medians[row["cluster"]]))
    return {
        "num_utterances": len(table), "num_numbers": len(table["embedding"].iloc[0]), "clusters": rows,
        "information": [row for target in targets for row in _information(table, target)],
    }  # fmt: skip


def leading_target(targets: Sequence[Target], network: str) -> Target:
    """The target that a network is of; of a joint one the first attribute."""
    own = [target for target in targets if target.name == network]
    return next(iter([*own, *(target for target in targets if target.kind == "attribute")]), targets[0])


def levels_of(values: pd.Series, target: Target) -> NDArray[np.intp]:
    """Levels of an attribute's labels by the published borders, or places of classes; all must be known."""
    if target.kind == "category":
        return values.map({label: place for place, label in enumerate(target.labels)}).to_numpy(np.intp)
    assert target.range is not None
    return to_levels(values, cut_points(*target.range))


def _summary(labels: pd.Series, target: Target) -> Row:
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


def _information(table: pd.DataFrame, target: Target) -> list[Row]:
    """Mutual information of cluster and level by part, with what chance gives and what there is to know (entropy)."""
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    known = table[table[target.name].notna()]
    parts = [part for part in PARTS if (known["part"] == part).any()]
    rows = []
    for part in [*parts, "all"] if len(parts) > 1 else parts:
        own = known if part == "all" else known[known["part"] == part]
        clusters, levels = pd.factorize(own["cluster"])[0], pd.factorize(levels_of(own[target.name], target))[0]
        counts = contingency_matrix(clusters, levels, sparse=True)
        rows.append({
            "target": target.name, "part": part, "num_utterances": len(own),
            "information": float(information_table(clusters, levels).sum()),
            "by_chance": float(expected_mutual_information(counts, len(own))),
            "entropy": float(information_table(levels, levels).sum()),
        })  # fmt: skip
    return rows


def _agreement(history: dict[str, pd.DataFrame], prefix: str) -> dict[str, pd.DataFrame]:
    """NMI of successive clusterings by what was clustered: epochs x folds, without epochs that have none."""
    curves = {}
    for kind in KINDS:
        column = f"{prefix}nmi_{kind}"
        folds = {name: table[column] for name, table in history.items() if column in table}
        found = pd.DataFrame(folds).dropna(how="all")
        if len(found):
            curves[kind] = found
    return curves


def _curve(folds: pd.DataFrame) -> Row:
    return {
        "epoch": [int(epoch) for epoch in folds.index], "mean": folds.mean(axis=1).tolist(),
        "folds": {str(name): folds[name].tolist() for name in folds},
    }  # fmt: skip


def _sections(
    network: Row,
    about: Row,
    targets: Sequence[Target],
    table: pd.DataFrame,
    drawn: tuple[NDArray[np.floating], pd.DataFrame],
    curves: dict[str, pd.DataFrame],
    is_one_of_several: bool,
) -> list[Section]:
    """Projection, labels per cluster and agreement over epochs of one network."""
    name, level = network["network"], 3 if is_one_of_several else 2
    titles = ["Labels in each cluster", "Agreement over epochs"]
    if is_one_of_several:
        titles = [f"{name.capitalize()}: {title.lower()}" for title in titles]
    counts = table["part"].value_counts()
    parts = ", ".join(f"{counts[part]} {part}" for part in PARTS if part in counts)
    text = (
        f"{len(table)} utterances ({parts}) in {len(network['clusters'])} clusters that are not empty{of_fold(about)}."
    )
    picture = pictures.plot_projection(*drawn, leading_target(targets, name))
    rows = [{NAMES.get(key, key): value for key, value in row.items()} for row in network["information"]]
    title = name.capitalize() if is_one_of_several else "Clusters"
    sections = [Section(title, text, rows, picture, _projection_note(network), level=level)]
    labelled = [target for target in targets if table[target.name].notna().any()]
    note = LABELS_NOTE
    if len(network["clusters"]) > pictures.MOST_CLUSTERS:
        note = f"The picture has the {pictures.MOST_CLUSTERS} clusters with the most labels. {note}"
    rows = [_cluster_row(row, targets, list(counts.index)) for row in network["clusters"]]
    folds = f"All {len(rows)} clusters" if len(rows) > MOST_ROWS else ""
    picture = pictures.plot_labels(table, labelled) if labelled else ""
    sections.append(Section(titles[0], "", rows, picture, note, level=3, folds=folds))
    if curves:
        picture = pictures.plot_agreement(curves)
        sections.append(Section(titles[1], "", None, picture, AGREEMENT_NOTE, level=3))
    return sections


NAMES = {
    "num_utterances": "labels",
    "information": "information (nats)",
    "by_chance": "by chance",
    "entropy": "at most",
}
PROJECTION_NOTE = (
    "what lies close together is alike, distances between islands say little. Information: mutual information of "
    "cluster and level of the label (six levels of an attribute's range), beside what as many clusters would have by "
    "chance and the entropy of the levels, which is the most there is to know."
)
LABELS_NOTE = (
    "Mean ± deviation of an attribute, or the class that leads with its share; mi: what the cluster adds to the mutual "
    "information of cluster and level, in nats (all parts together). Clusters are numbered anew in every epoch."
)
AGREEMENT_NOTE = (
    "Normalised mutual information of each epoch's clusters with those of the epoch before: 1 means that every "
    "utterance stayed with the same others."
)


def of_fold(about: Row) -> str:
    """Which fold it is, to be said where there are several.

    >>> of_fold({"fold": "fold-0", "num_folds": 9})
    '; fold-0, the first of 9 folds'
    """
    return f"; {about['fold']}, the first of {about['num_folds']} folds" if about["num_folds"] > 1 else ""


def _projection_note(network: Row) -> str:
    """How the picture and the numbers below it were made."""
    num, drawn = network["num_utterances"], network["projection"]["num_utterances"]
    what = f"{drawn} of {num} utterances, drawn evenly over the parts" if drawn < num else f"all {num} utterances"
    method = f"{network['projection']['method']} of the embeddings ({network['num_numbers']} numbers) of {what}"
    return f"{method}, fixed seed: {PROJECTION_NOTE}"


def _cluster_row(row: Row, targets: Sequence[Target], parts: Sequence[str]) -> Row:
    cells: Row = {"cluster": row["cluster"], **{part: row["parts"].get(part, 0) for part in PARTS if part in parts}}
    for target in targets:
        summary = row["labels"][target.name]
        text = None
        if summary["num"] and target.kind == "attribute":
            text = f"{summary['mean']:.2f} ± {summary['std']:.2f}".replace(" ", "\u00a0")  # it stays on one line
        elif summary["num"]:
            text = _share(summary["classes"])
        cells |= {target.name: text, f"mi {target.name}": summary["information"] if summary["num"] else np.nan}
    return cells | {"corpus": _share(row["corpora"])}


def _share(counts: dict[str, int]) -> str:
    """The most frequent name with its share.

    >>> _share({"emotale": 3, "nemo": 1})
    'emotale 75%'
    """
    name, count = max(counts.items(), key=lambda item: item[1])
    return f"{name} {100 * count / sum(counts.values()):.0f}%"
