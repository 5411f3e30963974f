"""Runs of audio and text: the published recipe on a small tree, what is warned of, what is refused before any work."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import WordChunks
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.msp_podcast import MspPodcast
from emotone.data.dataset import Dataset
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import load_recipe
from emotone.data.selection import Selection
from emotone.errors import EmotoneError
from emotone.training.experiment import Experiment
from emotone.training.run import train_recipe

NUM, NUM_WORDS = 18, 4
HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
GRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n1\n<exists>\n1\n"IntervalTier" "words"\n0 1 4\n'
SMALL = (
    "system.hidden_size=8",
    "system.num_self_layers=1",
    "system.num_co_layers=1",
    "training.batch_size=6",
    "training.iterations=4",
    "training.validate_every=2",
)


def write_release(folder: Path) -> Path:
    """MSP-Podcast's layout: 18 segments of 1 s; one alignment is of other audio, one transcript empty, one missing."""
    random = np.random.default_rng(0)
    for name in ("Audios", "Labels", "Transcripts", "ForceAligned"):
        (folder / name).mkdir(parents=True)
    rows = []
    for number in range(NUM):
        stem, part = f"MSP-PODCAST_{number:04}_0001", ("Train", "Development", "Test1")[number % 3]
        soundfile.write(folder / "Audios" / f"{stem}.wav", random.normal(0, 0.1, 16_000), 16_000)
        arousal, valence, dominance = random.uniform(1, 7, 3).round(1)
        rows.append(f"{stem}.wav,N,{arousal},{valence},{dominance},{number},Male,{part}\n")
        if number != 8:
            text = "" if number == 5 else "so good to see you" if number % 2 else "see you"
            (folder / "Transcripts" / f"{stem}.txt").write_text(text)
        edges_s = [0.0, 0.2, 0.5, 0.7, 9.0 if number == 7 else 0.95]
        words = (f'{edges_s[k]} {edges_s[k + 1]} "w{k}"\n' for k in range(NUM_WORDS))
        (folder / "ForceAligned" / f"{stem}.TextGrid").write_text(GRID + "".join(words))
    (folder / "Labels" / "labels_consensus.csv").write_text(HEADER + "".join(rows))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's corpora and cache lie: `msp-podcast-1.10`, and `silent`, which has audio and labels alone."""
    folder = tmp_path_factory.mktemp("streams")
    corpus = MspPodcast().read(write_release(folder / "release"))
    plain = corpus.utterances.drop(columns="alignment").assign(transcript=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        dataclasses.replace(corpus, name="msp-podcast-1.10").save()
        Corpus("silent", corpus.root, plain, meta=corpus.meta).save()
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


@pytest.fixture(scope="module")
def encoders(tiny_wav2vec2: Path, tiny_roberta: Path) -> tuple[str, str]:
    """Overrides that put small random encoders in place of the large ones."""
    return f"feature.weights={tiny_wav2vec2}", f"text_feature.weights={tiny_roberta}"


def published(*overrides: str) -> Recipe:
    return load_recipe("msp-podcast-1.10-audio-text", [*SMALL, *overrides])


def cheap(*overrides: str) -> Recipe:
    """Mel spectrograms in place of an encoder's states, no text."""
    settings = ("feature={name: mel, num_mels: 8, scale: log}", "text_feature=null", "system.streams=speech")
    return published(*settings, *overrides)


@pytest.fixture(scope="module")
def trained(folder: Path, encoders: tuple[str, str]) -> Path:
    """The run of the published recipe, made small; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        return train_recipe(published(*encoders), folder / "run", quiet=True)


def test_the_published_recipe_runs_from_audio_to_result(trained: Path) -> None:
    result = json.loads((trained / "test.json").read_text())
    assert set(result["metrics"]) == {"arousal", "dominance", "valence"} and result["num_utterances"] == NUM // 3
    lines = (trained / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["iteration", "2", "4"]
    bundle = Bundle.load(str(trained))
    about = bundle.about
    assert bundle.takes_text and bundle.takes_words
    assert about.view == WordChunks(50, 0.02, 32, strategy="multi-scale", streams="both", max_steps=127)
    assert about.text_feature is not None
    assert {len(feature.settings["sha256"]) for feature in (about.feature, about.text_feature)} == {64}


def test_the_run_is_named_by_its_encoders_weights(trained: Path, encoders: tuple[str, str]) -> None:
    asked = published(*encoders)
    saved = yaml.safe_load((trained / "recipe.yaml").read_text())
    assert len(saved["feature"]["sha256"]) == len(saved["text_feature"]["sha256"]) == 64
    assert (
        json.loads((trained / "test.json").read_text())["hash"] == Experiment.resolve(asked).recipe.hash != asked.hash
    )


def test_what_cannot_be_used_is_counted_in_warnings(trained: Path) -> None:
    warnings = json.loads((trained / "test.json").read_text())["warnings"]
    assert Bundle.load(str(trained)).about.training.warnings == warnings
    aligned, text = sorted(warnings)
    assert aligned.startswith("msp-podcast-1.10: 1 alignments cannot be used, chunks go by duration: Audios/")
    assert "MSP-PODCAST_0007_0001: word 4, 'w3' at 0.70-9.00 s, lies outside the audio" in aligned
    assert text.startswith("msp-podcast-1.10: 2 utterances have no text, e.g. Audios/MSP-PODCAST_0005_0001: ")


def test_the_bundle_predicts_what_the_test_had(trained: Path, encoders: tuple[str, str]) -> None:
    """Of utterances without a transcript or a fitting alignment, too; put together from the corpus by hand."""
    from emotone.audio.read import load_audio
    from emotone.bundle.view.streams import Utterance

    corpus, bundle = Corpus.load("msp-podcast-1.10"), Bundle.load(str(trained))
    table = pd.read_parquet(trained / "predictions.parquet").set_index("id")
    texts: Any = corpus.utterances.set_index("id")["transcript"]
    for name, row in table.iterrows():
        speech = bundle.extract(load_audio(corpus.path_of(f"{name}.wav")))
        text = bundle.text_feature(texts[name]) if texts[name] else None
        words = None if "0007" in str(name) else NUM_WORDS
        scores = bundle.score_features([Utterance(speech, text, words)]).attributes
        for target in ("arousal", "dominance", "valence"):
            np.testing.assert_allclose(scores[target][0], row[f"predicted_{target}"], atol=1e-5)


def test_a_finished_run_is_read_back_and_a_lost_part_made_again(trained: Path, encoders: tuple[str, str]) -> None:
    before = pd.read_parquet(trained / "predictions.parquet")
    (trained / "done.json").unlink()
    train_recipe(published(*encoders), trained, quiet=True)
    pd.testing.assert_frame_equal(pd.read_parquet(trained / "predictions.parquet"), before)


def test_words_alone_and_what_is_cut_of_them(folder: Path, tmp_path: Path) -> None:
    run = train_recipe(cheap("system.strategy=lexical", "system.max_steps=3"), tmp_path / "run", quiet=True)
    bundle = Bundle.load(str(run))
    assert not bundle.takes_text and bundle.takes_words and bundle.about.text_feature is None
    unfit, cut = json.loads((run / "test.json").read_text())["warnings"]
    assert "1 alignments cannot be used" in unfit
    assert cut == f"msp-podcast-1.10: {NUM - 1} utterances have more than 3 words or tokens; the rest is cut"


def test_statistics_are_of_utterances_means(folder: Path, encoders: tuple[str, str]) -> None:
    experiment = Experiment.resolve(published(*encoders))
    recipe, feature = experiment.recipe, experiment.feature
    data = Dataset.extract(Selection.read(recipe, quiet=True), feature, quiet=True)
    features = data.rows(data.table).utterances
    normaliser = data.normaliser(features)
    means = np.array([one.astype(np.float64).mean(axis=0) for one in features])
    np.testing.assert_allclose(normaliser.mean, means.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(normaliser.std, means.std(axis=0), rtol=1e-5)
    plain = dataclasses.replace(data, recipe=dataclasses.replace(recipe, normalise=recipe.normalise.__class__()))
    frames = np.concatenate(features).astype(np.float64)
    np.testing.assert_allclose(plain.normaliser(features).std, frames.std(axis=0), rtol=1e-4)


# ---- refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("system.streams=both",), "learns from transcripts too; set text_feature (e.g. minilm)"),
        (("text_feature=minilm",), "takes no transcripts; set text_feature=null"),
        (("normalise={by: speaker, over: frames}",), "normalises by the training part only; set normalise.by=training"),
        (("system=chunk-attention",), "does not go by words; leave alignment out"),
        (("system=chunk-attention", "alignment=transcript", "text_feature=minilm"), "takes no transcripts"),
        (("system.strategy=lexical", "alignment=none"), "lexical chunks need the times of words"),
        (("system.strategy=lexical", "augmentation.voices=2"), "which training copies do not keep"),
        (("corpora=[silent]",), "corpus silent has no word alignments of its owners"),
    ],
)
def test_settings_that_do_not_fit(folder: Path, tmp_path: Path, overrides: tuple[str, ...], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        train_recipe(cheap(*overrides), tmp_path / "run", quiet=True)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_corpus_without_transcripts(folder: Path, encoders: tuple[str, str], tmp_path: Path) -> None:
    recipe = published(*encoders, "corpora=[silent]", "alignment=none")
    with pytest.raises(EmotoneError, match="is one of transcripts, of which the corpus silent has none"):
        train_recipe(recipe, tmp_path / "run", quiet=True)


def test_starting_from_a_bundle_of_other_streams(trained: Path, encoders: tuple[str, str], tmp_path: Path) -> None:
    one_stream = ("text_feature=null", "system.streams=speech")
    recipe = published(*encoders, *one_stream, f"init={trained}", "allow_leakage=true")
    with pytest.raises(EmotoneError, match="init msp-podcast-1.10-audio-text does not take the streams and tokens"):
        train_recipe(recipe, tmp_path / "run", quiet=True)
