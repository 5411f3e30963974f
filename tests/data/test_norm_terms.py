"""Normalisation terms in and out: as published, byte for value, and what is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from emotone.bundle.bundle import Bundle
from emotone.cli.main import main
from emotone.data.norm_terms import read_norm, read_normaliser, terms_read
from emotone.data.recipe import Normalise, Recipe
from emotone.errors import EmotoneError
from emotone.training.run import train_recipe

ATTENTION = "Chunk-Level-Attention-SER-PyTorch"


def test_published_terms_come_out_as_they_went_in(shared: Path, pulled: dict[str, Path], tmp_path: Path) -> None:
    assert main(["norms", str(pulled["chunk-attention-rnn"]), "--to", str(tmp_path / "NormTerm"), "--quiet"]) == 0
    published = sorted((shared / "published" / ATTENTION / "NormTerm").glob("*.mat"))
    assert [path.name for path in published] == sorted(path.name for path in (tmp_path / "NormTerm").iterdir())
    for path in published:
        own, theirs = (loadmat(folder / path.name)["normal_para"] for folder in (tmp_path / "NormTerm", path.parent))
        assert own.shape == theirs.shape and own.dtype == theirs.dtype == np.float64
        np.testing.assert_allclose(own, theirs, rtol=1e-6)  # a bundle keeps float32


def test_a_recipe_is_normalised_by_given_terms(tones_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    terms = {"means": random.normal(size=8), "stds": random.uniform(0.5, 2, size=8)}
    terms["stds"][3] = 0.0
    for which, values in terms.items():
        savemat(tmp_path / f"feat_norm_{which}.mat", {"normal_para": values})
    settings: dict[str, Any] = {
        "feature": {"name": "moments", "of": "mel", "settings": {"num_mels": 4, "scale": "log"}},
        "split": {"name": "leave-speakers-out", "num_folds": 4, "fold": 0},
        "system": {"name": "functionals-svm", "c": 0.1},
    }
    recipe = tones_recipe(**settings, normalise={"terms": str(tmp_path)})
    bundle = Bundle.load(str(train_recipe(recipe, to=tmp_path / "run", quiet=True)))
    np.testing.assert_allclose(bundle.normaliser.mean, terms["means"], rtol=1e-6)
    np.testing.assert_allclose(bundle.normaliser.std, np.where(terms["stds"] > 0, terms["stds"], 1e-10), rtol=1e-6)
    assert len(terms_read(tmp_path)) == 2
    savemat(tmp_path / "feat_norm_stds.mat", {"normal_para": np.ones(8)})
    with pytest.raises(EmotoneError, match="file of feat_norm_stds.mat has changed since the run began"):
        train_recipe(recipe, to=tmp_path / "run", quiet=True)


def test_what_is_no_term(tmp_path: Path, tiny_bundle: Path) -> None:
    with pytest.raises(EmotoneError, match=r"feat_norm_means.mat is missing"):
        read_normaliser(tmp_path, 3, 3.0)
    for which in ("means", "stds"):
        savemat(tmp_path / f"feat_norm_{which}.mat", {"normal_para": np.ones(4)})
    with pytest.raises(EmotoneError, match="its terms are of 4 and 4 features, not of the recipe's 3"):
        read_normaliser(tmp_path, 3, 3.0)
    savemat(tmp_path / "feat_norm_stds.mat", {"normal_para": -np.ones(4)})
    with pytest.raises(EmotoneError, match="holds negative deviations"):
        read_normaliser(tmp_path, 4, 3.0)
    (tmp_path / "x.mat").write_bytes(b"none")
    with pytest.raises(EmotoneError, match="x.mat: no normalisation term, a MATLAB file with normal_para"):
        read_norm(tmp_path / "x.mat")
    savemat(tmp_path / "x.mat", {"normal_para": [np.nan]})
    with pytest.raises(EmotoneError, match="no finite numbers"):
        read_norm(tmp_path / "x.mat")
    with pytest.raises(EmotoneError, match="leave by, over and scale out"):
        Normalise(by="speaker", terms="x")
