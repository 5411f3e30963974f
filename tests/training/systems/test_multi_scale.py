"""Multi-scale chunk regularisation: published sizes, seeded training that resumes exactly, what it learns, refusals."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers, Utterance
from emotone.bundle.view.view import Normaliser, WordChunks
from emotone.data.recipe import Augmentation, Recipe, Training
from emotone.data.recipe_yaml import from_json
from emotone.errors import EmotoneError
from emotone.training.examples import StreamExamples, StreamTensors, outputs_of, predict_outputs
from emotone.training.learners.learner import Lesson, PlainLearner
from emotone.training.loop import Validation, fit
from emotone.training.systems import multi_scale as module

AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence"))
EMOTION = Target("emotion", "category", labels=("anger", "neutral", "sadness"))
HOP_S, D, D_TEXT = 0.02, 4, 3
NUM = 24


def system(**settings: Any) -> module.MultiScale:
    return plugins.create("systems", "multi-scale", settings)


def small(**settings: Any) -> module.MultiScale:
    sizes = {"hidden_size": 8, "num_heads": 2, "num_self_layers": 1, "num_co_layers": 1}
    return system(**(sizes | {"dropout": 0.1} | settings))


def view_of(owner: module.MultiScale) -> WordChunks:
    view = owner.view(HOP_S, 3.0)
    return WordChunks(view.chunk_frames, HOP_S, D_TEXT, view.strategy, view.streams, view.max_steps)


def examples(owner: module.MultiScale, num: int = NUM) -> StreamExamples:
    """Arousal is in the mean of speech, valence in that of text; both are known of most, some streams are absent."""
    random = np.random.default_rng(0)
    utterances, labels = [], random.normal(size=(num, 2)).astype(np.float32)
    for place, (arousal, valence) in enumerate(labels):
        speech = random.normal(arousal, 0.5, (int(random.integers(20, 150)), D)).astype(np.float32)
        text = random.normal(valence, 0.5, (int(random.integers(3, 9)), D_TEXT)).astype(np.float32)
        step = len(speech) * HOP_S / 4
        words: Any = [("w", k * step, (k + 1) * step) for k in range(4)] if owner.strategy == "lexical" else place % 7
        utterances.append(Utterance(None if place == 5 else speech, None if place == 3 else text, words))
    as_is = StreamNormalisers(*(Normaliser(np.zeros(size), np.ones(size)) for size in (D, D_TEXT)))
    named = {"arousal": torch.from_numpy(labels[:, 0]), "valence": torch.from_numpy(labels[:, 1])}
    return StreamExamples(utterances, view_of(owner), as_is, named)


def build(owner: module.MultiScale, targets: list[Target]) -> torch.nn.Module:
    torch.manual_seed(1)
    return owner.build(D, targets, view_of(owner))


def score(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
    return {name: float(output.sum()) for name, output in outputs.items()}


# ---- view and network -------------------------------------------------------------------------------------------


def test_published_sizes() -> None:
    owner = system()
    view = owner.view(0.02, 11.0)
    assert view == WordChunks(50, 0.02, strategy="multi-scale", streams="both", max_steps=127)
    view = WordChunks(50, 0.02, 768)
    network: Any = owner.build(1024, [AROUSAL, VALENCE], view)
    assert (network.speech.in_features, network.text.in_features, network.speech.out_features) == (7168, 768, 256)
    assert (len(network.speech_layers), len(network.text_co_layers), network.modality_dropout) == (3, 2, 0.0)
    assert network.speech_layers[0].num_heads == 4 and network.speech_layers[0].dropout.p == 0.3
    assert list(network.heads) == ["arousal", "valence"]


def test_settings_reach_view_and_network() -> None:
    owner = small(chunk_s=0.5, max_steps=9, strategy="lexical", streams="text", modality_dropout=0.2, num_co_layers=3)
    assert owner.view(0.016, 2.0) == WordChunks(31, 0.016, strategy="lexical", streams="text", max_steps=9)
    network: Any = build(owner, [AROUSAL, EMOTION])
    assert (network.modality_dropout, len(network.speech_co_layers)) == (0.2, 3)
    outputs = outputs_of(network.eval(), examples(owner).batch(np.arange(4))[0])
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {"arousal": (4,), "emotion": (4, 3)}


def test_what_it_takes() -> None:
    assert all(system(streams=streams).takes_words for streams in ("both", "speech", "text"))
    assert [system(streams=streams).takes_text for streams in ("both", "speech", "text")] == [True, False, True]
    with pytest.raises(EmotoneError, match="needs a feature with frames; this one gives one vector per utterance"):
        system().view(None, 3.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_size": 30}, "hidden_size must be even and a multiple of num_heads (4), not 30"),
        ({"hidden_size": 9, "num_heads": 3}, "hidden_size must be even"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
        ({"num_co_layers": 0}, "num_co_layers must be at least 1"),
        ({"dropout": 1.5}, "dropout must be from 0 to 1, not 1.5"),
        ({"modality_dropout": -0.1}, "modality_dropout must be from 0 to 1"),
        ({"chunk_s": 0.0}, "chunk_s must be from 0.1 to 60 seconds"),
        ({"strategy": "scale"}, "strategy must be one of 'multi-scale', 'lexical', not 'scale'"),
        ({"streams": "audio"}, "streams must be one of 'both', 'speech', 'text', not 'audio'"),
        ({"max_step": 9}, "unknown setting 'max_step'; did you mean 'max_steps'?"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        system(**settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@dataclass
class Selected:
    """As much of a selection as the system looks at."""

    recipe: Recipe


@pytest.mark.parametrize(
    ("strategy", "change", "words"),
    [
        ("lexical", {"alignment": "transcript"}, "lexical chunks need the times of words; set alignment to corpus or"),
        ("lexical", {"alignment": "none"}, "not none"),
        ("lexical", {"alignment": "corpus", "augmentation": {"voices": 2}}, "which training copies do not keep"),
        ("lexical", {"alignment": "whisper"}, ""),
        ("multi-scale", {"alignment": "none", "augmentation": {"voices": 2}}, ""),
    ],
)
def test_lexical_chunks_need_times(strategy: str, change: dict[str, Any], words: str) -> None:
    about = {"name": "r", "corpora": ["c"], "targets": ["arousal"], "feature": "mel", "system": "multi-scale", **change}
    recipe = from_json(about, "here")
    assert recipe.augmentation == Augmentation(**change.get("augmentation", {}))
    selected: Any = Selected(recipe)
    if not words:
        system(strategy=strategy).check_data(selected, plugins.create("features", "mel"))
        return
    with pytest.raises(EmotoneError) as caught:
        system(strategy=strategy).check_data(selected, plugins.create("features", "mel"))
    assert words in str(caught.value) and "recipe r: " in str(caught.value)


# ---- training ---------------------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_over_targets() -> None:
    from emotone.models.losses import ccc_loss

    random = torch.Generator().manual_seed(0)
    outputs = {"arousal": torch.randn(9, generator=random), "valence": torch.randn(9, generator=random)}
    labels = {"arousal": torch.randn(9, generator=random), "valence": torch.randn(9, generator=random)}
    expected = sum(ccc_loss(outputs[name], labels[name]) for name in outputs) / 2
    assert torch.allclose(system().loss(outputs, labels), torch.as_tensor(expected))


def learn(owner: module.MultiScale, num_rounds: int, seed: int) -> tuple[list[float], dict[str, Tensor]]:
    network = build(owner, [AROUSAL, VALENCE])
    training = Training(batch_size=8, iterations=num_rounds)
    learner = PlainLearner(
        owner, Fabric(accelerator="cpu", devices=1), network, Lesson(examples(owner), training, Path(), seed)
    )
    losses = [loss.item() for number in range(num_rounds) for loss in learner.round(number)]
    return losses, network.state_dict()


def test_what_is_drawn_follows_from_seed_and_round() -> None:
    """Without dropout only rows and parts of chunks are random."""
    owner = small(dropout=0.0)
    (one, weights), (again, same), (other, _) = (learn(owner, 4, seed) for seed in (3, 3, 4))
    assert one == again and one != other
    assert all(torch.equal(value, same[name]) for name, value in weights.items())


@pytest.mark.parametrize("strategy", ["multi-scale", "lexical"])
def test_a_resumed_run_equals_an_undisturbed_one(strategy: str, check_resumption: Any) -> None:
    owner = small(strategy=strategy, modality_dropout=0.3)
    training = Training(8, 8, 2, best="last")

    def train(folder: Path, scored: Any) -> tuple[dict[str, Tensor], Any]:
        network = build(owner, [AROUSAL, VALENCE])
        trained, history = fit(
            owner,
            network,
            Lesson(examples(owner), training, folder, 3),
            Validation(examples(owner, 9), scored),
            quiet=True,
        )
        return trained.state_dict(), history

    assert len(check_resumption(train, score, num_done=2)) == 4


def test_both_streams_are_learned_from(tmp_path: Path) -> None:
    """Arousal comes of speech, valence of text: without its stream neither can be said any more."""
    owner = small(dropout=0.0, hidden_size=16)
    training = Training(NUM, 40, 40, learning_rate=5e-3, best="last")
    train = examples(owner)
    network = build(owner, [AROUSAL, VALENCE])
    network, _ = fit(owner, network, Lesson(train, training, tmp_path, seed=0), quiet=True)
    known = np.setdiff1d(np.arange(NUM), [3, 5])  # both streams are there

    def correlate(found: StreamExamples) -> tuple[float, float]:
        outputs = predict_outputs(network, found, 7, "cpu")
        truth = {name: label.numpy()[known] for name, label in train.labels.items()}
        first, second = (np.corrcoef(outputs[name][known], truth[name])[0, 1] for name in ("arousal", "valence"))
        return first, second

    def without(stream: str) -> StreamExamples:
        return dataclasses.replace(train, utterances=[one._replace(**{stream: None}) for one in train.utterances])

    assert min(correlate(train)) > 0.9
    assert correlate(without("text"))[0] > 0.8 and correlate(without("speech"))[1] > 0.8
    with np.errstate(invalid="ignore"):  # without speech all arousal may be one
        assert not correlate(without("speech"))[0] > 0.6 and not correlate(without("text"))[1] > 0.6


def test_lost_modalities_are_drawn_in_training_alone() -> None:
    owner = small(modality_dropout=1.0, dropout=0.0)
    network: Any = build(owner, [AROUSAL])
    inputs, _ = examples(owner).batch(np.arange(8))
    assert isinstance(inputs, StreamTensors)
    evaluated = outputs_of(network.eval(), inputs)["arousal"]
    network.position_dropout.p = 0.0
    torch.manual_seed(0)
    trained = outputs_of(network.train(), inputs)["arousal"]
    assert torch.equal(outputs_of(network.eval(), inputs)["arousal"], evaluated)
    alone = [
        outputs_of(network.eval(), inputs._replace(**{name: torch.zeros_like(inputs.text_length)}))["arousal"]
        for name in ("speech_length", "text_length")
    ]
    is_one = torch.stack([(trained - lost).abs() < 1e-6 for lost in alone])
    assert is_one.any(dim=0).all() and is_one.any(dim=1).all()
