"""Folds of a small part of the real EmoTale, as difficulties see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotone.base import plugins
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emotale import EmoTale
from emotone.data.dataset import Dataset
from emotone.data.recipe_yaml import from_json
from emotone.data.selection import Selection
from emotone.training.fold_data import FoldData


@pytest.fixture(scope="session")
def emotale_cache(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with five utterances of each of four speakers prepared as `emotale`."""
    cache = tmp_path_factory.mktemp("emotale")
    whole = EmoTale().read(shared / "data/emotale-da")
    table, votes = whole.utterances, whole.raters
    assert votes is not None
    speakers = sorted(table["speaker"].unique())[:4]
    table = table[table["speaker"].isin(speakers) & (table["script"] == "1")].reset_index(drop=True)
    part = Corpus("emotale", whole.root, table, votes[votes["id"].isin(table["id"])], whole.meta)
    part.save(cache / "corpora" / "emotale")
    return cache


@pytest.fixture
def fold_of(emotale_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., FoldData]:
    """fold_of(setting=value, ..): the first fold of a recipe on it, in which two speakers train."""
    monkeypatch.setenv("EMOTONE_CACHE", str(emotale_cache))

    def load(**settings: Any) -> FoldData:
        about: dict[str, Any] = {
            "name": "small",
            "corpora": ["emotale"],
            "targets": ["arousal"],
            "feature": {"name": "mel", "num_mels": 4},
            "split": {"name": "leave-speakers-out", "num_folds": 4},
            "system": "deep-emo-clusters",
            "training": {"epochs": 1},
        }
        recipe = from_json({**about, **settings}, "here")
        feature = plugins.create("features", recipe.feature.name, recipe.feature.settings)
        data = Dataset.extract(Selection.read(recipe, quiet=True), feature, quiet=True)
        return FoldData(data, data.folds()[0], tmp_path, quiet=True)

    return load
