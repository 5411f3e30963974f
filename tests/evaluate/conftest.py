"""Finished runs of small systems of speech and text on real speech."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emotone.corpora.corpus import Corpus

Build = Callable[..., Path]


@pytest.fixture
def build_run(two_streams: list[Path], spoken: Corpus, tmp_path: Path, hears: None) -> Build:
    """build_run(name, seed=0, repeats=1, alignment="transcript", **view): a finished run of two folds.

    Each tests half of the speakers; odd folds, seeds and repeats are scored by the other bundle.
    """
    from emotone.evaluate.bundle_on_corpus import evaluate_model

    def build(name: str, seed: int = 0, repeats: int = 1, alignment: str = "transcript", **view: Any) -> Path:
        folder = tmp_path / name
        halves = np.array_split(sorted(spoken.utterances["speaker"].unique()), 2)
        for repeat in range(repeats):
            for fold, speakers in enumerate(halves):
                place = folder / (f"repeat-{repeat}/fold-{fold}" if repeats > 1 else f"fold-{fold}")
                shutil.copytree(two_streams[(repeat + fold + seed) % 2], place / "bundle")
                change_bundle(place / "bundle", alignment, **view)
                test = evaluate_model(str(place / "bundle"), "nemo", quiet=True).test
                test = test[test["speaker"].isin(speakers)].assign(repeat=repeat, fold=fold)
                test.to_parquet(place / "predictions.parquet", index=False)
                (place / "done.json").write_text("{}")
        system = {"name": "multi-scale", **view}
        recipe = {"name": "both", "corpora": ["nemo"], "system": system, "alignment": alignment, "seed": seed}
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        num = {"num_utterances": len(spoken), "num_speakers": spoken.utterances["speaker"].nunique()}
        about = {"protocol": "halves", "hash": name, "corpora": {"nemo": spoken.fingerprint}, "metrics": {}, **num}
        (folder / "test.json").write_text(json.dumps(about))
        return folder

    return build


def change_bundle(folder: Path, alignment: str, **view: Any) -> None:
    """Other streams or another strategy, the same network."""
    about = json.loads((folder / "bundle.json").read_text())
    about["view"] |= view
    about["training"]["recipe"]["alignment"] = alignment
    if view.get("streams") == "speech":
        about["text_feature"] = None
    (folder / "bundle.json").write_text(json.dumps(about))
