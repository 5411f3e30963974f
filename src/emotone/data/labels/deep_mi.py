"""DeepMI: how much an utterance's cluster tells about its label, the measure of its difficulty in a curriculum.

Lin, Sridhar & Busso, "DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster Representation of Speech
Emotions", ICASSP 2021, for the clusters; Lin, Sridhar & Busso, "An Interpretable Deep Mutual Information Curriculum
Metric for a Robust and Generalized Speech Emotion Recognition System", IEEE/ACM TASLP 2024, for the measure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.base.files import replace_file
from emotone.errors import EmotoneError

PUBLISHED_RANGE = (1.0, 7.0)
PUBLISHED_CUTS = (2.0, 3.0, 4.0, 5.0, 6.0)
"""Borders of the six levels on 1..7; a score on a border belongs to the level above it."""
NUM_DECIMALS = 5


def cut_points(low: float, high: float) -> tuple[float, ...]:
    """The published borders of levels, mapped linearly from 1..7 to another range.

    >>> cut_points(0, 6)
    (1.0, 2.0, 3.0, 4.0, 5.0)
    """
    begin, end = PUBLISHED_RANGE
    return tuple(low + (cut - begin) * (high - low) / (end - begin) for cut in PUBLISHED_CUTS)


def to_levels(scores: ArrayLike, cuts: Sequence[float] = PUBLISHED_CUTS) -> NDArray[np.intp]:
    """Level of each score, int [N] of 0..len(cuts); raises EmotoneError for unknown (NaN) scores and unsorted cuts.

    >>> to_levels([1.0, 2.0, 3.99, 6.0, 7.2]).tolist()
    [0, 1, 2, 5, 5]
    """
    values = np.asarray(scores, np.float64)
    if any(after <= before for before, after in zip(cuts, cuts[1:], strict=False)):
        raise EmotoneError(f"DeepMI: cut points must rise, not be {list(cuts)}")
    num_missing = int(np.isnan(values).sum())
    if num_missing:
        raise EmotoneError(f"DeepMI: {num_missing} of {len(values)} utterances have no score")
    return np.searchsorted(np.asarray(cuts), values, side="right")


def information_table(x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.float64]:
    """mi(x, y) = p(x, y) ln(p(x, y) / (p(x) p(y))) of all pairs of codes, float64 [X, Y]; 0 where none was seen.

    Its sum is the mutual information in nats. Raises EmotoneError for unequal or no observations.

    >>> information_table(np.array([0, 0, 1, 1]), np.array([0, 0, 2, 2])).round(4).tolist()
    [[0.3466, 0.0, 0.0], [0.0, 0.0, 0.3466]]
    """
    if not len(x) == len(y) > 0:
        raise EmotoneError(f"DeepMI: needs as many clusters as levels, and at least one, not {len(x)} and {len(y)}")
    num_y = int(y.max()) + 1
    joint = np.bincount(x * num_y + y, minlength=(int(x.max()) + 1) * num_y).reshape(-1, num_y) / len(x)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    ratio = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    return joint * np.log(ratio)


def deep_mi(
    clusters: ArrayLike,
    scores: ArrayLike,
    predicted_scores: ArrayLike | None = None,
    alpha: float = 0.0,
    cuts: Sequence[float] = PUBLISHED_CUTS,
) -> NDArray[np.float64]:
    """DeepMI of each of N utterances, float64 [N], rounded to 5 decimals as published.

    (1 - alpha) mi(X, Y) + alpha mi(Y', Y): X the cluster, Y the level of the label, Y' that of the predicted score.
    Published: alpha 0.5 for valence, 0 for arousal and dominance (predictions are then not needed). Raises
    EmotoneError for an alpha out of 0..1, unequal lengths and unknown scores.

    >>> deep_mi([0, 0, 1, 1], [1.5, 1.6, 6.2, 2.5]).tolist()
    [0.34657, 0.34657, 0.17329, 0.17329]
    """
    if not 0 <= alpha <= 1:
        raise EmotoneError(f"DeepMI: alpha must be from 0 to 1, not {alpha}")
    label = to_levels(scores, cuts)
    value = (1 - alpha) * _information(np.asarray(clusters, np.intp), label)
    if alpha > 0:
        if predicted_scores is None:
            raise EmotoneError(f"DeepMI: alpha {alpha} needs predicted scores")
        value += alpha * _information(to_levels(predicted_scores, cuts), label)
    return value.round(NUM_DECIMALS) + 0.0  # no -0.0


def _information(x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.float64]:
    return information_table(x, y)[x, y]


def write_values(path: Path, values: Mapping[str, float]) -> None:
    """Write {file: value} in the published form: one JSON object in one line."""
    with replace_file(path) as temporary:
        temporary.write_text(
            json.dumps({name: float(value) for name, value in values.items()}), encoding="utf-8", newline="\n"
        )


def read_values(path: Path) -> dict[str, float]:
    """Read {file: value}; raises EmotoneError for a file that is missing or holds something else."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EmotoneError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise EmotoneError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict) or not values:
        raise EmotoneError(f"{path}: must be one JSON object {{file: number}}")
    bad = [name for name, value in values.items() if not _is_number(value)]
    if bad:
        raise EmotoneError(f"{path}: {len(bad)} of {len(values)} values are no finite numbers, e.g. that of {bad[0]!r}")
    return {name: float(value) for name, value in values.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
