"""Finished runs on disk with given predictions, as training leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from emotone.bundle.target import UNBOUNDED, Target

LABELS = ("anger", "calm", "fear")
AROUSAL = Target("arousal", "attribute", (1, 7), 4.0)
EMOTION = Target("emotion", "category", labels=LABELS)
RELATIVE = Target("arousal", "attribute", UNBOUNDED)
DESCRIBED = {
    "format": 1,
    "normalise": {"clip": 3.0},
    "name": "made",
    "max_utterance_s": 10.0,
    "feature": {"name": "mel", "settings": {}},
    "view": {"name": "whole"},
}


def write_folds(
    folder: Path,
    folds: Mapping[str, pd.DataFrame | None],
    targets: Sequence[Target],
    recipe: dict[str, Any],
    result: dict[str, Any],
) -> Path:
    """A finished run with predictions by the folder of their fold ("": the run's); None for one without a test part."""
    for name, table in folds.items():
        place = folder / name
        (place / "bundle").mkdir(parents=True)
        described = DESCRIBED | {"targets": [target.to_json() for target in targets]}
        (place / "bundle/bundle.json").write_text(json.dumps(described))
        (place / "done.json").write_text("{}")
        if table is not None:
            table.to_parquet(place / "predictions.parquet", index=False)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    always = {"protocol": "made", "metrics": {}, "corpora": {}, "num_utterances": 0, "num_speakers": 0}
    (folder / "test.json").write_text(json.dumps(always | result))
    return folder


def write_run(
    folder: Path,
    table: pd.DataFrame,
    size: int = 1,
    seed: int = 0,
    targets: Sequence[Target] = (AROUSAL, EMOTION),
    **result: Any,
) -> Path:
    """A run of one fold; `size` is the setting in which systems differ."""
    recipe = {"name": "made", "system": {"name": "net", "size": size}, "split": {"name": "official"}, "seed": seed}
    said = {"hash": f"{size}-{seed}", "recipe": "made", "seed": seed, "splits": ["x"], **result}
    return write_folds(folder, {"": table}, targets, recipe, said)


def predict(seed: int, noise: float, num_speakers: int = 8) -> pd.DataFrame:
    """Predictions of 6 utterances per speaker; the labels are the same for all seeds."""
    truth, random = np.random.default_rng(99), np.random.default_rng(seed)
    num = 6 * num_speakers
    arousal = truth.uniform(1, 7, num)
    probabilities = np.eye(3)[(arousal / 2.4).astype(int)] + random.random((num, 3)) * noise
    columns = {
        "id": [f"u{number:03d}" for number in range(num)],
        "corpus": "made",
        "repeat": 0,
        "speaker": [f"s{number % num_speakers}" for number in range(num)],
        "true_arousal": arousal,
        "predicted_arousal": arousal + random.normal(0, noise, num),
        "true_emotion": np.array(LABELS)[(arousal / 2.4).astype(int)],
    }
    table = pd.DataFrame(columns)
    table[[f"p_{label}" for label in LABELS]] = probabilities / probabilities.sum(axis=1, keepdims=True)
    return table


def two_systems(folder: Path, table: pd.DataFrame | None = None, **settings: Any) -> list[Path]:
    """A good system and another one, which predicts `table`."""
    first = write_run(folder / "a", predict(1, 0.5), 1)
    return [first, write_run(folder / "b", predict(2, 2.0) if table is None else table, 2, **settings)]
