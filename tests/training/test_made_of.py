"""What a run is made of: every part of it, and what is done where one has changed since the run began."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile
import yaml

from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import from_json
from emotone.data.selection import Selection
from emotone.data.split import Split
from emotone.errors import EmotoneError
from emotone.training.experiment import Experiment
from emotone.training.made_of import MadeOf, choose_folder, made_of

NOW = {"table of tones": "a", "audio of tones": "b", "split": "c"}


@pytest.fixture
def corpus(write_tones: Callable[..., Corpus], tmp_path: Path) -> Corpus:
    return write_tones(tmp_path, "tones", 8)


@pytest.fixture
def recipe() -> Recipe:
    settings = {"corpora": ["tones"], "targets": ["arousal"], "feature": "mel", "system": {"name": "functionals-svm"}}
    return from_json({"name": "mine", **settings}, where="test")


def of(recipe: Recipe, splits: Any = (), kinds: Any = ()) -> MadeOf:
    return made_of(Experiment.resolve(recipe), Selection.read(recipe, quiet=True), splits, kinds)


def test_labels_and_audio_are_told_apart(corpus: Corpus, recipe: Recipe) -> None:
    first = of(recipe)
    assert set(first) == {"table of tones", "audio of tones", "split"}
    assert first["table of tones"] == corpus.fingerprint
    for path in corpus.root.glob("*.wav"):
        path.touch()  # times do not count
    assert of(recipe) == first
    samples, rate_hz = soundfile.read(corpus.root / "03.wav")
    soundfile.write(corpus.root / "03.wav", samples * 0.5, rate_hz)
    second = of(recipe)
    assert [name for name in first if first[name] != second[name]] == ["audio of tones"]
    corpus.utterances.loc[2, "arousal"] = 2.5
    corpus.save()
    third = of(recipe)
    assert [name for name in first if second[name] != third[name]] == ["table of tones"]


def test_splits_bundles_noise_and_values_count(
    corpus: Corpus, recipe: Recipe, tmp_path: Path, tiny_bundle: Path
) -> None:
    splits = [Split(["00"], [], ["01"], []), Split(["01"], [], ["00"], [])]
    assert len({of(recipe, splits[:number])["split"] for number in range(3)}) == 3
    kinds = [SimpleNamespace(kind="rain", digests=("a", "b")), SimpleNamespace(kind="room", digests=())]
    values = tmp_path / "values.json"
    values.write_text("{}")
    curriculum = {"order": "easy-first", "score": {"name": "file", "path": str(values)}}
    settings = recipe.to_json() | {"init": str(tiny_bundle), "curriculum": curriculum, "training": {"epochs": 1}}
    found = of(from_json(settings, where="test"), kinds=kinds)
    assert found["noise rain"] == "a b" and "noise room" not in found
    values.write_text("[]")
    again = of(from_json(settings, where="test"), kinds=kinds)
    assert [name for name in found if found[name] != again[name]] == ["file of difficulties"]
    assert f"bundle {tiny_bundle}" in found


# ---- where a run goes -------------------------------------------------------------------------------------------


def begin(folder: Path, recipe: Recipe, before: MadeOf | None) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.to_json()))
    if before is not None:
        (folder / "files_read.json").write_text(json.dumps(before))
    return folder


def test_a_run_of_the_same_goes_on(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = Path("runs", "mine", recipe.hash)
    assert choose_folder(recipe, None, NOW, False) == usual  # that is not there yet
    assert choose_folder(recipe, begin(tmp_path / "to", recipe, NOW), NOW, False) == tmp_path / "to"
    begin(usual, recipe, NOW)
    assert choose_folder(recipe, None, NOW, False) == usual and capsys.readouterr().err == ""


def test_a_run_goes_into_no_folder_of_something_else(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "interrupted").mkdir()
    (tmp_path / "interrupted" / "files_read.json").write_text("{}")
    for name in ("new", "empty", "interrupted"):
        assert choose_folder(recipe, tmp_path / name, NOW, False) == tmp_path / name
    with pytest.raises(EmotoneError, match="holds empty, interrupted and no run; choose another --to"):
        choose_folder(recipe, tmp_path, NOW, False)
    with pytest.raises(EmotoneError, match="files_read.json: is there already and no folder"):
        choose_folder(recipe, tmp_path / "interrupted" / "files_read.json", NOW, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table of tones": "x"}, "table of tones"),
        ({"audio of tones": "x", "split": "y"}, "audio of tones, split"),
        ({"noise rain": "x"}, "noise rain"),
    ],
)
def test_a_run_of_other_data_is_left_alone(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, change: MadeOf, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = begin(Path("runs", "mine", recipe.hash), recipe, NOW)
    beside = choose_folder(recipe, None, NOW | change, False)
    assert beside.parent == usual.parent and beside.name.startswith(f"{recipe.hash}-") and not beside.exists()
    note = f"note: {usual}: its {words} has changed since that run; this one goes to {beside}\n"
    assert capsys.readouterr().err == note
    begin(beside, recipe, NOW | change)
    assert choose_folder(recipe, None, NOW | change, True) == beside and choose_folder(recipe, None, NOW, True) == usual
    with pytest.raises(EmotoneError, match=f"its {words} has changed since the run began; choose another --to"):
        choose_folder(recipe, usual, NOW | change, False)


def test_of_runs_of_earlier_versions_what_can_be_told(recipe: Recipe, tmp_path: Path, capsys: Any) -> None:
    folder = begin(tmp_path / "run", recipe, None)
    assert choose_folder(recipe, folder, NOW | {"noise rain": "x"}, False) == folder
    said = "did not keep the identity of: table of tones, audio of tones, split, noise rain; whether they have changed"
    assert said in capsys.readouterr().err
    (folder / "files_read.json").write_text('{"noise rain": "x"}')
    assert choose_folder(recipe, folder, NOW | {"noise rain": "x"}, True) == folder
    with pytest.raises(EmotoneError, match="its noise snow has changed"):  # which it would have kept
        choose_folder(recipe, folder, NOW | {"noise rain": "x", "noise snow": "y"}, True)
    (folder / "files_read.json").unlink()
    (folder / "test.json").write_text(json.dumps({"corpora": {"tones": "a"}, "splits": []}))
    with pytest.raises(EmotoneError, match="its split has changed"):
        choose_folder(recipe, folder, NOW, True)
    (folder / "test.json").write_text(json.dumps({"corpora": {"tones": "other"}, "splits": []}))
    with pytest.raises(EmotoneError, match="its split, table of tones has changed"):
        choose_folder(recipe, folder, NOW, True)


def test_an_unfinished_run_of_an_earlier_version_is_told_by_its_bundle(
    recipe: Recipe, tmp_path: Path, tiny_bundle: Path
) -> None:
    folder = begin(tmp_path / "run", recipe, None)
    about = json.loads((tiny_bundle / "bundle.json").read_text())
    about["training"] = {"corpora": {"tones": "other"}}
    (folder / "fold-0" / "bundle").mkdir(parents=True)
    (folder / "fold-0" / "bundle" / "bundle.json").write_text(json.dumps(about))
    with pytest.raises(EmotoneError, match="its table of tones has changed since the run began"):
        choose_folder(recipe, folder, NOW, True)


@pytest.mark.parametrize("name", ["files_read.json", "test.json"])
def test_junk_is_named(recipe: Recipe, tmp_path: Path, name: str) -> None:
    folder = begin(tmp_path / "run", recipe, None)
    (folder / name).write_bytes(b"\xff")
    with pytest.raises(EmotoneError, match=rf"{name}: cannot be read \("):
        choose_folder(recipe, folder, NOW, True)
