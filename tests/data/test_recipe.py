"""Recipes as dataclasses: defaults, limits of training, and the hash that names a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from emotone.data import recipe_yaml
from emotone.data.recipe import Recipe, Training
from emotone.data.recipe_yaml import from_json, load_recipe
from emotone.errors import EmotoneError

RESULTS = Path(__file__).parents[2] / "results"
SMALL = "corpora: [emodb]\ntargets: [emotion]\nfeature: mel\nsystem: {name: chunk-attention, aggregation: GatedVec}\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def load(path: Path, *overrides: str) -> Recipe:
    return load_recipe(str(path), overrides)


@pytest.mark.parametrize("name", recipe_yaml.available())
def test_recipes_that_come_with_emotone(name: str) -> None:
    loaded = load_recipe(name)
    assert loaded.name == name and loaded.description
    assert yaml.safe_load(yaml.safe_dump(loaded.to_json())) == loaded.to_json()
    again = from_json(loaded.to_json(), "here")
    assert again == loaded and again.hash == loaded.hash


def test_defaults_are_filled_in(small: Path) -> None:
    loaded = load(small)
    assert loaded.name == "small" and loaded.training == Training() and loaded.feature.settings == {}
    about = loaded.to_json()
    assert about["feature"] == {"name": "mel"} and about["training"]["precision"] == "32-true"


@pytest.mark.parametrize(
    "override", ["learning_rate=-1", "learning_rate=.nan", "clip_norm=-1", "average=1", "epochs=0"]
)
def test_training_that_cannot_be(override: str) -> None:
    name = override.split("=")[0]
    with pytest.raises(EmotoneError, match=f"training.{name} must be"):
        load_recipe("emodb-chunk-attention", [f"training.{override}"])


def test_the_hash_is_of_what_decides_the_outcome(small: Path, tmp_path: Path) -> None:
    base = load(small)
    assert load(small, "name=other", "description=words", "cpu_hours=3").hash == base.hash
    assert load(small, "training.batch_size=128", "training.learning_rate=1e-4").hash == base.hash  # the defaults
    other = tmp_path / "reordered.yaml"
    other.write_text("\n".join(reversed(SMALL.splitlines())))
    assert load(other).hash == base.hash
    changed = {load(small, override).hash for override in ("seed=1", "feature.num_mels=3", "training.iterations=9")}
    assert len(changed | {base.hash}) == 4


def test_the_hash_is_short_and_stable(small: Path) -> None:
    assert len(load(small).hash) == 12 and int(load(small).hash, 16)
    assert load(small).hash == load(small).hash


def test_later_keys_change_the_hash_only_where_they_are_set(small: Path) -> None:
    plain = load(small)
    for same in ("normalise.clip=3.0", "split.repeats=1", "init=''", "label_map={}", "normalise={by: training}"):
        assert load(small, same).hash == plain.hash, same
    for other in ("normalise.clip=null", "split.repeats=2", "label_map={emodb: {anger: fear}}", "split.seed=1"):
        assert load(small, other).hash != plain.hash, other


@pytest.mark.parametrize(
    ("name", "hash_"),
    [
        ("emodb-chunk-attention", "f94ebd36a0e4"),
        ("emodb-functionals-svm", "4355844d1172"),
        ("emotale-chunk-attention", "6bf0cb469efc"),
        ("ravdess-functionals-svm", "38f43365d598"),
        ("cross-corpus-functionals-svm", "cdeaff82c2c4"),
    ],
)
def test_hashes_of_published_results_stay(name: str, hash_: str) -> None:
    assert load_recipe(name).hash == hash_
    assert (RESULTS / name / f"{hash_}.json").is_file()


def test_keys_of_text_change_the_hash_only_where_they_are_set(small: Path) -> None:
    plain = load(small)
    for same in ("text_feature=null", "alignment=transcript", "normalise.over=frames"):
        assert load(small, same).hash == plain.hash, same
    for other in ("text_feature=minilm", "alignment=none", "normalise.over=utterance-means"):
        assert load(small, other).hash != plain.hash, other
