"""Corpora of tones, whose pitch every network can learn, and recipes on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import from_json


@pytest.fixture(scope="session")
def write_tones() -> Callable[..., Corpus]:
    """write_tones(folder, name, num_tones, seed, num_speakers): a corpus of tones, their audio below `folder`, saved.

    Pitch is arousal and, above the middle, the category "high"; valence is anything; two raters differ by up to 1.
    """

    def write(folder: Path, name: str = "tones", num_tones: int = 24, seed: int = 0, num_speakers: int = 4) -> Corpus:
        random = np.random.default_rng(seed)
        root = folder / name
        root.mkdir(parents=True)
        rows, votes = [], []
        for number in range(num_tones):
            pitch, duration_s, valence = random.uniform((200, 0.3, 1), (2000, 0.6, 7))
            samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(duration_s * 16_000)) / 16_000)
            file, arousal = f"{number:02d}.wav", 1 + 6 * (pitch - 200) / 1800
            soundfile.write(root / file, samples + random.normal(0, 0.01, len(samples)), 16_000)
            emotion = "high" if pitch > 1100 else "low"
            named = {"id": file[:-4], "file": file, "speaker": str(number % num_speakers)}
            rows.append({**named, "emotion": emotion, "arousal": arousal, "valence": valence})
            for rater, share in (("a", 0.0), ("b", random.uniform(0, 1))):
                vote = arousal + share * (1 if arousal < 4 else -1)
                votes.append({"id": file[:-4], "rater": rater, "arousal": vote, "emotion": emotion})
        meta = {"ranges": {"arousal": [1, 7], "valence": [1, 7]}, "licence": "CC0"}
        corpus = Corpus(name, root, pd.DataFrame(rows), pd.DataFrame(votes), meta)
        corpus.save()
        return corpus

    return write


@pytest.fixture(scope="session")
def tones_cache(tmp_path_factory: pytest.TempPathFactory, write_tones: Callable[..., Corpus]) -> Path:
    """A cache with `tones` and `others` prepared, 12 tones each of the speakers "0" to "3"; corpora may be added."""
    folder = tmp_path_factory.mktemp("tones")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        write_tones(folder, "tones", 12)
        write_tones(folder, "others", 12, seed=1)
    return folder / "cache"


@pytest.fixture
def tones_recipe(tones_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """tones_recipe(setting=value, ..): a recipe on `tones` in that cache, whose four speakers test in turn."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tones_cache))

    def make(**settings: Any) -> Recipe:
        about = {
            "name": "mine",
            "corpora": ["tones"],
            "targets": ["arousal"],
            "feature": {"name": "mel", "num_mels": 4},
            "split": {"name": "leave-speakers-out", "num_folds": 4},
            "system": "chunk-attention",
        }
        return from_json(about | settings, "here")

    return make
