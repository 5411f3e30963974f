"""Bundles of speech and text: equal to torch with either stream absent, whatever is scored beside, refused if wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.base.files import sha256_of
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.folder import FILES
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers, Utterance, stack
from emotone.bundle.view.view import Normaliser, StreamsTaken, WordChunks
from emotone.errors import EmotoneError
from emotone.models.export import write_bundle
from emotone.models.networks.co_attention import CoAttention
from emotone.training.examples import StreamTensors

NUM_MELS, HOP_S, CHUNK_FRAMES = 16, 0.016, 20
OUTPUTS = {"arousal": 1, "emotion": 3}
TARGETS = [
    Target("arousal", "attribute", (1.0, 7.0), 4.0, 1.5),
    Target("emotion", "category", labels=("joy", "calm", "fear")),
]
TEXTS = ["so good to see you", "see you soon", "good"]


def network() -> CoAttention:
    torch.manual_seed(0)
    return CoAttention(7 * NUM_MELS, 32, OUTPUTS, hidden_size=8, num_self_layers=1, num_co_layers=1).eval()


def write(folder: Path, roberta: Path, streams: StreamsTaken = "both") -> Path:
    """A bundle of mels and a tiny RoBERTa, of one layer of each kind."""
    text = plugins.create("features", "roberta", {"weights": str(roberta)})
    view = WordChunks(CHUNK_FRAMES, HOP_S, len(text.names), streams=streams, max_steps=20)
    about = BundleAbout(
        name="both",
        description="A bundle for tests",
        max_utterance_s=10.0,
        feature=Choice("mel", {"num_mels": NUM_MELS, "scale": "log", "log_floor": 1e-5}),
        text_feature=None if streams == "speech" else Choice("roberta", plugins.settings_of(text)),
        view=view,
        targets=TARGETS,
    )
    normalisers = StreamNormalisers(Normaliser(np.full(NUM_MELS, -5.0), np.full(NUM_MELS, 3.0)))
    if streams != "speech":
        normalisers = normalisers._replace(text=Normaliser(np.full(32, 0.1), np.full(32, 0.9)))
    return write_bundle(folder, network(), about, normalisers, "# both\n", num_frames=40)


@pytest.fixture(scope="module")
def both(tiny_roberta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of both streams; not to be changed."""
    return write(tmp_path_factory.mktemp("bundles") / "both", tiny_roberta)


@pytest.fixture
def copy(both: Path, tmp_path: Path) -> Path:
    """One of one's own to damage."""
    return Path(shutil.copytree(both, tmp_path / "copy"))


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit `bundle.json`, with the hashes of the files as they are now."""
    about = json.loads((folder / "bundle.json").read_text())
    about["sha256"] = {name: sha256_of(folder / name) for name in FILES}
    edit(about)
    (folder / "bundle.json").write_text(json.dumps(about))


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        Bundle.load(str(folder)).score_features([Utterance(np.zeros((40, NUM_MELS), np.float32))])
    line = str(caught.value)
    assert "\n" not in line and all(word in line for word in words), line


def noise(duration_s: float, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(duration_s * 16_000)).astype(np.float32)


def ragged(bundle: Bundle) -> list[Utterance]:
    """Speech of all lengths, text of some, more words and tokens than are taken, absent streams, nothing at all."""
    speech = [bundle.extract(noise(duration_s, k)) for k, duration_s in enumerate((0.15, 1.3, 0.6, 2.9))]
    short, long, cut = (bundle.text_feature(text) for text in ("good", TEXTS[0], "see you soon " * 3))
    assert len(short) < len(long) < 20 < len(cut)
    words = [("so", 0.0, 0.2), ("good", 0.2, 0.5)]
    return [
        Utterance(speech[0], short, 1),
        Utterance(speech[1], long, words),
        Utterance(speech[2]),
        Utterance(speech[3], cut, 40),
        Utterance(None, long, 5),
        Utterance(speech[1], None, 7),
        Utterance(None),
    ]


# ---- scores -----------------------------------------------------------------------------------------------------


def test_the_bundle_is_the_network(both: Path) -> None:
    bundle = Bundle.load(str(both))
    assert bundle.takes_words and bundle.takes_text and isinstance(bundle.view, WordChunks)
    batch = ragged(bundle)
    scores = bundle.score_features(batch)
    inputs = StreamTensors(*map(torch.from_numpy, stack(batch, bundle.view, bundle.stream_normalisers)))
    with torch.inference_mode():
        expected = network()(*inputs)
    for name, output in expected.items():
        np.testing.assert_allclose(scores.outputs[name], output.numpy(), atol=1e-5)
    np.testing.assert_allclose(scores.attributes["arousal"], expected["arousal"].numpy() * 1.5 + 4, atol=2e-5)
    shares = torch.softmax(expected["emotion"].double(), dim=1).numpy()
    for place, label in enumerate(TARGETS[1].labels):
        np.testing.assert_allclose(scores.probabilities[label], shares[:, place], atol=1e-5)


def test_scores_do_not_depend_on_what_is_beside(both: Path) -> None:
    bundle = Bundle.load(str(both))
    batch = ragged(bundle)
    together = bundle.score_features(batch).outputs
    for place, one in enumerate(batch):
        alone = bundle.score_features([one]).outputs
        for name, output in together.items():
            np.testing.assert_allclose(alone[name][0], output[place], atol=1e-5)


def test_both_streams_count_and_features_alone_are_speech(both: Path) -> None:
    bundle = Bundle.load(str(both))
    one = ragged(bundle)[1]
    whole, spoken, written, silent = bundle.score_features(
        [one, one._replace(text=None), one._replace(speech=None), Utterance(None)]
    ).outputs["emotion"]
    pairs = ((whole, spoken), (whole, written), (spoken, written), (spoken, silent), (written, silent))
    assert all(np.abs(first - second).max() > 1e-4 for first, second in pairs)
    assert one.speech is not None
    np.testing.assert_array_equal(
        bundle.score_features([one.speech]).outputs["emotion"],
        bundle.score_features([Utterance(one.speech)]).outputs["emotion"],
    )


def test_samples_are_scored_as_speech_alone(both: Path) -> None:
    bundle, samples = Bundle.load(str(both)), noise(1.0, 0)
    found = bundle.score_samples([samples]).outputs["arousal"]
    np.testing.assert_array_equal(found, bundle.score_features([bundle.extract(samples)]).outputs["arousal"])


@pytest.mark.parametrize("streams", ["speech", "text"])
def test_bundles_of_one_stream_do_not_see_the_other(tmp_path: Path, tiny_roberta: Path, streams: StreamsTaken) -> None:
    bundle = Bundle.load(str(write(tmp_path / "one", tiny_roberta, streams)))
    assert bundle.takes_text == (streams == "text")
    random = np.random.default_rng(0)
    speech, text = (random.normal(size=size).astype(np.float32) for size in ((70, NUM_MELS), (5, 32)))
    whole, spoken, written = bundle.score_features(
        [Utterance(speech, text, 4), Utterance(speech, None, 4), Utterance(None, text)]
    ).outputs["emotion"]
    own, other = (spoken, written) if streams == "speech" else (written, spoken)
    np.testing.assert_allclose(whole, own, atol=1e-5)
    assert np.abs(whole - other).max() > 1e-4


def test_missing_frames_are_scored(both: Path) -> None:
    bundle = Bundle.load(str(both))
    one = ragged(bundle)[1]
    assert one.speech is not None
    lost = np.where(np.arange(len(one.speech))[:, None] % 2, one.speech, np.float32(np.nan))
    outputs = bundle.score_features([one, one._replace(speech=lost)]).outputs["emotion"]
    assert np.isfinite(outputs).all() and np.abs(outputs[0] - outputs[1]).max() > 1e-4


# ---- other bundles ----------------------------------------------------------------------------------------------


def test_bundles_of_audio_take_the_speech_of_an_utterance(tiny_bundle: Path) -> None:
    bundle = Bundle.load(str(tiny_bundle))
    assert not bundle.takes_words and not bundle.takes_text
    features, text = bundle.extract(noise(1.0, 0)), np.zeros((4, 32), np.float32)
    found = bundle.score_features([Utterance(features, text, 3)]).attributes["valence"]
    np.testing.assert_array_equal(found, bundle.score_features([features]).attributes["valence"])
    with pytest.raises(EmotoneError, match="bundle tiny scores audio; it cannot score a transcript alone"):
        bundle.score_features([Utterance(None, text)])


# ---- refused ----------------------------------------------------------------------------------------------------


def test_a_bundle_names_its_encoder_by_hash(both: Path, tiny_roberta: Path) -> None:
    settings = json.loads((both / "bundle.json").read_text())["text_feature"]["settings"]
    assert settings["weights"] == str(tiny_roberta) and len(settings["sha256"]) == 64
    assert max(path.stat().st_size for path in both.iterdir()) < (tiny_roberta / "model.safetensors").stat().st_size


def test_an_encoder_of_other_weights(copy: Path) -> None:
    change(copy, lambda about: about["text_feature"]["settings"].update(sha256="0" * 64))
    refused(copy, "feature roberta", "SHA-256")


def test_an_encoder_that_is_not_there(copy: Path) -> None:
    change(copy, lambda about: about["text_feature"]["settings"].update(weights="/no/such/encoder", sha256=None))
    refused(copy, "/no/such/encoder")


def test_an_encoder_of_other_dimensions(copy: Path) -> None:
    change(copy, lambda about: about["view"].update(num_text_features=48))
    refused(copy, "takes tokens of 48 features, not the 32 of feature roberta")


def test_speech_features_of_other_dimensions(copy: Path) -> None:
    change(copy, lambda about: about["feature"]["settings"].update(num_mels=8))
    refused(copy, "arrays.safetensors", "feature_mean must be there with shape (8,)")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda about: about.pop("text_feature"), "text_feature must be one of transcripts where the network takes"),
        (lambda about: about.update(text_feature=about["feature"]), "text_feature must be one of transcripts"),
        (lambda about: about["view"].update(streams="speech"), "and only there"),
        (lambda about: about.update(view={"name": "whole"}), "and only there"),
        (lambda about: about["text_feature"].update(name="robert"), "unknown feature 'robert'; did you mean 'roberta'"),
        (lambda about: about["text_feature"].pop("name"), "not a complete bundle description (KeyError('name'))"),
        (lambda about: about["view"].update(strategy="words"), "strategy must be one of 'multi-scale', 'lexical'"),
        (lambda about: about["view"].update(streams="none"), "streams must be one of 'both', 'speech', 'text'"),
        (lambda about: about["view"].update(hop_s=0.0), "hop_s must be a positive number, not 0.0"),
        (lambda about: about["view"].update(max_steps=0), "max_steps must be a whole number from 1"),
        (lambda about: about.update(curves=True), "true needs the view 'chunks'"),
        (lambda about: about["targets"][1]["labels"].pop(), "has no output emotion [B, 2]"),
    ],
)
def test_descriptions_that_do_not_fit(copy: Path, edit: Callable[[dict[str, Any]], object], words: str) -> None:
    change(copy, edit)
    refused(copy, words)


def test_the_moments_of_text_must_be_there(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(copy / "arrays.safetensors")
    save_file({name: array for name, array in arrays.items() if name != "text_std"}, copy / "arrays.safetensors")
    change(copy, lambda about: None)
    refused(copy, "text_std must be there with shape (32,)")


def test_transcripts_that_cannot_be_scored(both: Path) -> None:
    feature: Any = Bundle.load(str(both)).text_feature
    with pytest.raises(EmotoneError, match="the transcript is empty"):
        feature(" ")
    assert feature.check(TEXTS[0]) == "" and "and cut" in feature.check("x" * 29)
