"""Datasets: features of every row, training copies and a teacher's scores, noise, what has no features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.audio.change.augment import Augment, Copy
from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.bundle.view.streams import Utterance
from emotone.corpora.corpus import Corpus
from emotone.data.dataset import Dataset
from emotone.data.noisy_copies import kinds_of
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection
from emotone.data.words_and_text import WordsAndText
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel
from emotone.features.extractors.scores import Scores

Make = Callable[..., Recipe]


def extract(recipe: Recipe, **more: Any) -> Dataset:
    feature = plugins.create("features", recipe.feature.name, recipe.feature.settings)
    return Dataset.extract(Selection.read(recipe, quiet=True), feature, quiet=True, **more)


def samples_of(corpus: str, file: str) -> Any:
    return load_audio(Corpus.load(corpus).path_of(file))


# ---- features ---------------------------------------------------------------------------------------------------


def test_every_row_has_the_features_of_its_audio(tones_recipe: Make) -> None:
    data = extract(tones_recipe(corpora=["tones", "others"]))
    assert list(data.stores) == ["tones", "others"] and len(data.table) == 24
    table = data.table.iloc[[20, 3, 11]]  # of both, in an order of its own
    for row, features in zip(table.itertuples(), data.rows(table).utterances, strict=True):
        np.testing.assert_allclose(features, Mel(num_mels=4)(samples_of(row.corpus, row.file)), atol=1e-6)


def test_without_augmentation_the_utterances_themselves_train(tones_recipe: Make) -> None:
    data = extract(tones_recipe())
    pd.testing.assert_frame_equal(data.copies, data.table)


def test_copies_are_changed_voices_through_changed_channels(tones_recipe: Make) -> None:
    data = extract(tones_recipe(augmentation={"voices": 2, "channels": 3, "seed": 7}))
    assert len(data.copies) == 6 * 12 and set(data.stores) == {"tones", "tones#"}
    copies = data.copies[data.copies["utterance"] == "04"]
    assert [Copy.parse(name)[1:3] for name in copies["store_id"]] == [(v, c) for v in (0, 1) for c in (0, 1, 2)]
    assert copies[["voice", "channel"]].values.tolist() == [[v, c] for v in (0, 1) for c in (0, 1, 2)]
    assert copies["voice_id"].nunique() == 2 and copies["id"].eq("04").all()
    change, samples = Augment(seed=7), samples_of("tones", "04.wav")
    for name, features in zip(copies["store_id"], data.rows(copies).utterances, strict=True):
        np.testing.assert_allclose(features, Mel(num_mels=4)(change(samples, name)), atol=1e-6)
    np.testing.assert_array_equal(data.rows(copies.iloc[:1]).utterances[0], data.rows(data.table).utterances[4])


def test_a_teacher_scores_utterances_and_the_voices_of_copies(tones_recipe: Make) -> None:
    recipe = tones_recipe(teacher=["default"], augmentation={"voices": 2, "channels": 2, "seed": 7})
    data, teacher = extract(recipe), Scores(("default",))
    row = data.table.iloc[2]
    expected = teacher(samples_of("tones", row["file"]))[0]
    np.testing.assert_allclose(row[teacher.names].to_numpy(float), expected, atol=1e-5)
    copies = data.copies[data.copies["utterance"] == row["id"]]
    voice = teacher(Augment(seed=7)(samples_of("tones", row["file"]), Copy(row["id"], 1).id))[0]
    found = copies[teacher.names].to_numpy(float)  # voices 0 and 1, each through two channels
    np.testing.assert_allclose(found, [expected, expected, voice, voice], atol=1e-5)


def test_noisy_copies_have_stores_of_their_own(tones_recipe: Make) -> None:
    data = extract(tones_recipe(), noise=kinds_of(None, seed=3))
    assert data.noise == ["reverberation", "gaussian"]
    assert set(data.stores) == {"tones", "tones~reverberation", "tones~gaussian"}
    table = data.table.iloc[[5]]
    for kind, rows in zip(kinds_of(None, seed=3), data.noisy_rows(table), strict=True):
        noisy = kind(samples_of("tones", "05.wav"), "05")
        np.testing.assert_allclose(rows.utterances[0], Mel(num_mels=4)(noisy), atol=1e-6)


# ---- normalisation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("normalise", "mean", "std", "clip"),
    [
        ({}, 3.0, np.sqrt(14 / 6), 3.0),  # of the frames 0, 4, 3, 5, 3, 3
        ({"over": "utterance-means"}, 2.75, 0.75, 3.0),  # of 2 and 3.5
        ({"scale": "min-max", "clip": None}, 0.0, 5.0, None),  # least and range
    ],
)
def test_normalisers_are_what_the_recipe_says(
    tones_recipe: Make, normalise: dict[str, Any], mean: float, std: float, clip: float | None
) -> None:
    found = extract(tones_recipe(normalise=normalise)).normaliser(
        [np.float32([[0], [4]]), np.float32([[3], [5], [3], [3]])]
    )
    np.testing.assert_allclose([found.mean, found.std], [[mean], [std]], rtol=1e-6)
    assert found.clip == clip


# ---- words ------------------------------------------------------------------------------------------------------


def test_copies_say_what_their_utterance_says(tones_recipe: Make) -> None:
    data = extract(tones_recipe(augmentation={"channels": 2}))
    data.words["tones"] = WordsAndText({f"{number:02d}": number for number in range(12)})
    table = data.copies.iloc[[7, 2]]
    found = data.utterances(table)
    assert all(isinstance(one, Utterance) and one.text is None for one in found)
    assert [one.words for one in found] == [3, 1]  # copies 7 and 2 are of utterances 3 and 1
    for one, features in zip(found, data.rows(table).utterances, strict=True):
        np.testing.assert_array_equal(one.speech, features)


# ---- what has no features ---------------------------------------------------------------------------------------


@pytest.fixture
def broken(tones_recipe: Make, tmp_path: Path) -> Corpus:
    """The tones, of which the third cannot be read."""
    tones = Corpus.load("tones")
    for file in tones.utterances["file"]:
        (tmp_path / file).write_bytes(tones.path_of(file).read_bytes())
    (tmp_path / "02.wav").write_bytes(b"RIFF")
    corpus = replace(tones, name="broken", root=tmp_path)
    corpus.save()
    return corpus


def test_an_utterance_without_features_is_an_error(tones_recipe: Make, broken: Corpus) -> None:
    with pytest.raises(EmotoneError, match="1 utterances have no features, e.g. 02: "):
        extract(tones_recipe(corpora=["broken"]))


def test_what_cannot_be_used_is_dropped_where_the_recipe_says_so(tones_recipe: Make, broken: Corpus) -> None:
    data = extract(tones_recipe(corpora=["broken"], bad_files="drop"))
    assert len(data.table) == len(data.copies) == 11 and "02" not in set(data.table["id"])
    ((reason, count),) = data.left_out.items()
    assert count == 1 and reason.startswith("cannot be read: ") and "02.wav: is not audio" in reason
    samples = np.random.default_rng(0).normal(0, 0.1, 5)
    soundfile.write(broken.root / "05.wav", samples, 16_000)  # which the feature refuses
    settings = {"corpora": ["broken"], "bad_files": "drop", "feature": "logdeltaspec"}
    data = extract(tones_recipe(**settings))
    assert len(data.table) == 10 and not {"02", "05"} & set(data.table["id"])
    assert any(reason.startswith("without features, e.g. 05: ") for reason in data.left_out)
    assert len(data.rows(data.table)) == 10


def test_unlabelled_speech_without_features_is_left_out_and_counted(tones_recipe: Make, tmp_path: Path) -> None:
    for name, num_samples in (("long", 8_000), ("short", 1)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(num_samples, 0.1), 16_000)
    table = pd.DataFrame({"id": ["long", "short"], "file": ["long.wav", "short.wav"]})
    corpus = Corpus("free", tmp_path, table)
    corpus.save()
    settings = {"unlabelled": {"corpora": ["free"]}, "feature": "logdeltaspec"}  # which refuses what is very short
    data = extract(tones_recipe(**settings))
    assert data.table.loc[data.table["split"] == "unlabelled", "id"].tolist() == ["free/long"]
    ((reason, count),) = data.lost.items()
    assert reason.startswith("unlabelled and without features, e.g. short: ") and count == 1
    assert data.left_out == data.lost
    replace(corpus, utterances=corpus.utterances[1:].reset_index(drop=True)).save()
    with pytest.raises(EmotoneError, match="no unlabelled utterance has features: unlabelled and without features"):
        extract(tones_recipe(**settings))
