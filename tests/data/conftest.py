"""A prepared corpus of tones, for what reads recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import from_json

Make = Callable[..., Recipe]


@pytest.fixture(scope="session")
def tones_cache(tmp_path_factory: pytest.TempPathFactory, write_tones: Callable[..., Corpus]) -> Path:
    """A cache with `tones` and `others` prepared, 12 tones each of the speakers "0" to "3"."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        write_tones(folder, "tones", 12)
        write_tones(folder, "others", 12, seed=1)
    return folder / "cache"


@pytest.fixture
def make(tones_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """make(setting=value, ..): a recipe on the tones."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tones_cache))

    def recipe(**settings: Any) -> Recipe:
        about = {
            "name": "mine",
            "corpora": ["tones"],
            "targets": ["arousal"],
            "feature": {"name": "mel", "num_mels": 4},
            "split": {"name": "leave-speakers-out", "num_folds": 4},
            "system": "chunk-attention",
        }
        return from_json(about | settings, "here")

    return recipe
