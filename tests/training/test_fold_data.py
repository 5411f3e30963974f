"""A fold's data: who is in which part, labels as losses take them, normalisers by the training part alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from emotone.bundle.view.view import Chunks, Normaliser, Whole
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.training.examples import StoreExamples
from emotone.training.experiment import Experiment
from emotone.training.fold_data import FoldData, _blind_to_constants, keep_table

TonesFold = Callable[..., tuple[Experiment, FoldData]]
VIEW = Chunks(4, 3)


def frames_of(data: FoldData, table: pd.DataFrame) -> np.ndarray:
    return np.concatenate(data.dataset.rows(table).utterances).astype(np.float64)


def store_examples(data: FoldData, table: pd.DataFrame) -> StoreExamples:
    found = data.examples(table, VIEW)
    assert isinstance(found, StoreExamples)
    return found


# ---- parts ------------------------------------------------------------------------------------------------------


def test_parts_are_those_of_the_split(tones_fold: TonesFold) -> None:
    _, data = tones_fold(2)
    speakers = [set(table["speaker"]) for table in (data.train, data.validation, data.test)]
    assert speakers == [{"0", "1"}, {"3"}, {"2"}]
    assert [len(table) for table in (data.train, data.validation, data.test, data.unlabelled)] == [6, 3, 3, 0]
    assert list(data.train["id"]) == sorted(data.train["id"]) and list(data.train.index) == list(range(6))


def test_copies_train_and_nothing_else(tones_fold: TonesFold) -> None:
    _, data = tones_fold(augmentation={"channels": 2})
    assert len(data.train) == 12 and data.train["utterance"].value_counts().eq(2).all()
    assert len(data.validation) == len(data.test) == 3 and not data.test["store_id"].str.contains("#").any()


def test_rows_without_a_label_are_in_no_part(tones_fold: TonesFold, tones_recipe: Any) -> None:
    tones = Corpus.load("tones")
    table = tones.utterances.assign(arousal=np.where(tones.utterances["id"].isin(["00", "02"]), np.nan, 4.0))
    Corpus("unrated", tones.root, table, meta=tones.meta).save()
    _, data = tones_fold(corpora=["unrated"])
    assert data.test["id"].tolist() == ["04", "08"] and data.train["id"].tolist() == ["03", "06", "07", "10", "11"]


def test_unlabelled_speech_is_apart_even_where_everything_trains(tones_fold: TonesFold) -> None:
    settings: dict[str, Any] = {"unlabelled": {"corpora": ["others"], "num": 5}, "system": "deep-emo-clusters"}
    _, data = tones_fold(**settings)
    assert len(data.unlabelled) == 5 and set(data.unlabelled["corpus"]) == {"others"} and len(data.train) == 6
    _, data = tones_fold(**settings, split={"name": "everything"})
    assert len(data.unlabelled) == 5 and len(data.train) == 12 and set(data.train["corpus"]) == {"tones"}


@pytest.mark.parametrize(("seed", "repeat", "number", "expected"), [(0, 0, 3, 3), (7, 0, 0, 7000), (7, 2, 1, 9001)])
def test_every_fold_of_every_repeat_has_its_own_seed(
    tones_fold: TonesFold, seed: int, repeat: int, number: int, expected: int
) -> None:
    assert tones_fold(number, repeat, seed=seed)[1].seed == expected


def test_the_longest_training_utterance(tones_fold: TonesFold) -> None:
    _, data = tones_fold()
    num_frames = max(len(features) for features in data.dataset.rows(data.train).utterances)
    assert data.longest == (num_frames, num_frames * 0.016)
    assert 0.3 <= data.longest[1] <= data.train["duration_s"].max() + 0.1


def test_the_longest_training_utterance_of_one_vector_each(tones_fold: TonesFold) -> None:
    pooled = {"name": "moments", "of": "mel", "settings": {"num_mels": 4}}
    _, data = tones_fold(feature=pooled, system="functionals-svm")
    assert data.longest == (1, data.train["duration_s"].max())


# ---- labels -----------------------------------------------------------------------------------------------------


def test_attributes_are_z_scores_by_the_training_labels(tones_fold: TonesFold) -> None:
    _, data = tones_fold()
    (target,), known = data.targets, data.train["arousal"]
    assert (target.mean, target.std) == pytest.approx((known.mean(), known.std(ddof=0)))
    found = store_examples(data, data.test).labels["arousal"]
    np.testing.assert_allclose(found, (data.test["arousal"] - known.mean()) / known.std(ddof=0), rtol=1e-5)


def test_constant_labels_have_a_deviation_of_one(tones_fold: TonesFold) -> None:
    _, data = tones_fold()
    data.train["arousal"] = 4.0
    assert (data.targets[0].mean, data.targets[0].std) == (4.0, 1.0)


def test_categories_are_one_hot_and_zeros_where_unknown(tones_fold: TonesFold) -> None:
    _, data = tones_fold(targets=["emotion", "arousal"])
    table = data.train.assign(emotion=["low", "high", None, "odd", "low", "high"])
    found = store_examples(data, table).labels["emotion"]
    assert found.dtype == torch.float32
    assert found.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0], [0, 1], [1, 0]]


# ---- normalisers ------------------------------------------------------------------------------------------------


def test_the_training_part_alone_normalises(tones_fold: TonesFold) -> None:
    _, data = tones_fold()
    frames = frames_of(data, data.train)
    np.testing.assert_allclose(data.normaliser.mean, frames.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(data.normaliser.std, frames.std(axis=0), rtol=1e-5)
    inputs, _ = store_examples(data, data.test).batch(np.array([1]))
    features = data.dataset.rows(data.test).utterances[1]
    np.testing.assert_allclose(inputs[0], data.normaliser(features)[VIEW.index(len(features))], atol=1e-6)


def test_each_speaker_by_all_of_its_own_frames(tones_fold: TonesFold) -> None:
    _, data = tones_fold(normalise={"by": "speaker", "clip": None})
    frames = frames_of(data, data.test)  # of one speaker
    inputs, _ = data.examples(data.test, Whole()).batch(np.array([0]))
    first = data.dataset.rows(data.test).utterances[0]
    np.testing.assert_allclose(inputs[0], (first - frames.mean(axis=0)) / frames.std(axis=0), atol=1e-4)


def test_noisy_copies_of_the_training_part_count(tones_fold: TonesFold) -> None:
    settings: dict[str, Any] = {
        "system": {"name": "spectrogram-image", "stability": "corrected", "segment_frames": 20},
        "feature": "logspec",
        "targets": ["emotion"],
        "normalise": {"scale": "min-max"},
        "training": {"epochs": 1},
    }
    experiment, data = tones_fold(**settings)
    noisy = [frames_of(data, data.train.assign(store=f"tones~{kind}")) for kind in ("reverberation", "gaussian")]
    frames = np.concatenate([frames_of(data, data.train), *noisy])
    np.testing.assert_allclose(data.normaliser.mean, frames.min(axis=0), rtol=1e-5)
    np.testing.assert_allclose(data.normaliser.std, np.ptp(frames, axis=0), rtol=1e-5)
    examples = data.train_examples(experiment.system.view(data.dataset.feature.hop_s, 1.0))
    assert isinstance(examples, StoreExamples) and len(examples.noisy) == 2
    assert all(len(one) == len(examples) == 6 for one in examples.noisy)


def test_features_that_are_constant_in_training_count_for_nothing_where_nothing_is_clipped() -> None:
    """Unclipped z-scores of what is not constant later would be in the millions."""
    mean, std = np.float32([1.0, 5.0, 0.0]), np.float32([2.0, 1e-9, 1e-10])
    blind = _blind_to_constants(Normaliser(mean, std, None))
    assert blind.std.tolist() == [2.0, np.inf, np.inf]
    assert blind(np.full((1, 3), 7.0, np.float32)).tolist() == [[3.0, 0.0, 0.0]]


def test_only_where_nothing_is_clipped(tones_fold: TonesFold) -> None:
    for clip, expected in ((3.0, False), (None, True)):
        _, data = tones_fold(normalise={"clip": clip})
        for store in data.dataset.stores.values():
            store.shards = {number: np.ones_like(shard) for number, shard in store.shards.items()}
        assert np.isinf(data.normaliser.std).all() == expected and data.normaliser.clip == clip


def test_without_text_there_are_no_tokens_to_normalise(tones_fold: TonesFold) -> None:
    _, data = tones_fold()
    assert data.stream_normalisers.speech is data.normaliser
    assert data.stream_normalisers.text.mean.shape == (1,)


# ---- outputs and tables -----------------------------------------------------------------------------------------


def test_outputs_are_of_the_rows_in_their_order(tones_fold: TonesFold) -> None:
    class Mean(nn.Module):
        def forward(self, chunks: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"arousal": chunks.mean(dim=(1, 2, 3))}

    _, data = tones_fold()
    found = data.outputs(Mean(), data.train, VIEW, batch_size=4)["arousal"]
    inputs, _ = store_examples(data, data.train).batch(np.arange(6))
    np.testing.assert_allclose(found, inputs.mean(dim=(1, 2, 3)), atol=1e-6)


def test_a_kept_table_is_read_back(tmp_path: Path) -> None:
    calls = []

    def make() -> pd.DataFrame:
        calls.append(1)
        return pd.DataFrame({"id": ["a"], "value": [1.5]})

    first, second = (keep_table(tmp_path / "kept.parquet", make) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert len(calls) == 1 and [path.name for path in tmp_path.iterdir()] == ["kept.parquet"]


def test_a_transcript_is_needed_where_text_is_learned(tones_fold: TonesFold) -> None:
    _, data = tones_fold()
    data.dataset.text_feature, data.dataset.utterances = Any, lambda table: []  # type: ignore[assignment]
    with pytest.raises(EmotoneError, match="no training utterance has a transcript that can be read"):
        data.stream_normalisers  # noqa: B018
