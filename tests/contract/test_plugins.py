"""What every plugin keeps to, whoever writes it: found by its file, checked without being named here."""

from __future__ import annotations

import dataclasses
import inspect
import json
import pickle
import typing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.base.settings import describe, fits
from emotone.bundle.folder import PULLABLE
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers, Utterance, stack
from emotone.bundle.view.view import Normaliser, View, WordChunks, apply
from emotone.cli.listing import PACKAGES
from emotone.corpora.corpus import ATTRIBUTES, Reader
from emotone.errors import EmotoneError
from emotone.features.feature import BatchedFeature
from emotone.models.pull import published_systems
from emotone.training.system import System

ALL = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]
SETTLED = [(kind, name) for kind, name in ALL if kind != "models"]  # models are plain networks, built by systems


def build(kind: str, name: str, settings: dict[str, Any]) -> Any:
    for package in getattr(plugins.find(kind, name), "requires", ()):
        pytest.importorskip(PACKAGES[package])
    return plugins.create(kind, name, settings)


@pytest.fixture
def settings(
    tiny_bundle: Path, tiny_wav2vec2: Path, tiny_whisper: Path, tiny_roberta: Path
) -> dict[tuple[str, str], dict[str, Any]]:
    """Settings of the plugins that cannot do without, or are large as they come."""
    return {
        ("features", "scores"): {"bundles": [str(tiny_bundle)]},
        ("features", "wav2vec2"): {"weights": str(tiny_wav2vec2)},
        ("features", "whisper"): {"weights": str(tiny_whisper)},
        ("features", "roberta"): {"weights": str(tiny_roberta)},
        ("difficulties", "column"): {"column": "age"},
        ("difficulties", "file"): {"path": "values.json"},
    }


def speech(num_samples: int) -> NDArray[np.float32]:
    """Voiced and unvoiced stretches, loud and soft."""
    random = np.random.default_rng(0)
    time_s = np.arange(num_samples) / 16_000
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * time_s) / harmonic for harmonic in range(1, 20))
    return (0.1 * buzz * (np.sin(9 * time_s) > 0) + random.normal(0, 0.02, num_samples)).astype(np.float32)


# ---- all kinds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_module_and_class_are_documented(kind: str, name: str) -> None:
    plugin = plugins.find(kind, name)
    module = inspect.getmodule(plugin)
    assert module is not None and module.__name__ == plugins.KINDS[kind].module_of(name)
    for documented in (module, plugin):
        assert documented.__doc__ and documented.__doc__.splitlines()[0].endswith((".", ":"))
    assert len((module.__doc__ or "").splitlines()[0]) <= 120


@pytest.mark.parametrize(("kind", "name"), SETTLED)
def test_settings_are_typed_fields_of_a_frozen_dataclass(kind: str, name: str) -> None:
    plugin = plugins.find(kind, name)
    assert dataclasses.is_dataclass(plugin) and plugin.__dataclass_params__.frozen
    try:
        hints = typing.get_type_hints(plugin)
    except NameError as error:
        pytest.fail(
            f"{plugin.__name__}: settings and class variables are checked by their types: import {error.name}, "
            "not only for type checking"
        )
    for field in dataclasses.fields(plugin):
        if field.default is not dataclasses.MISSING:
            assert fits(field.default, hints[field.name]), field.name
        assert describe(hints[field.name])


@pytest.mark.parametrize(("kind", "name"), SETTLED)
def test_instances_are_plain_data(kind: str, name: str, settings: dict[tuple[str, str], dict[str, Any]]) -> None:
    instance = build(kind, name, settings.get((kind, name), {}))
    about = plugins.settings_of(instance)
    assert plugins.create(kind, name, json.loads(json.dumps(about))) == instance
    copy = pickle.loads(pickle.dumps(instance))
    assert copy == instance and plugins.settings_of(copy) == about


@pytest.mark.parametrize(("kind", "name"), SETTLED)
def test_misspelt_settings_are_refused(kind: str, name: str) -> None:
    with pytest.raises(EmotoneError, match=f"{plugins.KINDS[kind].singular} {name}: unknown setting 'no_such_setting'"):
        plugins.create(kind, name, {"no_such_setting": 1})


# ---- features ---------------------------------------------------------------------------------------------------


TEXT_FEATURES = [name for name in plugins.names("features") if plugins.find("features", name).input == "text"]
AUDIO_FEATURES = sorted(set(plugins.names("features")) - set(TEXT_FEATURES))


@pytest.mark.parametrize("name", plugins.names("features"))
def test_a_feature_says_what_it_takes_and_finds(name: str, settings: dict[tuple[str, str], dict[str, Any]]) -> None:
    feature = build("features", name, settings.get(("features", name), {}))
    assert feature.input in ("audio", "text") and set(feature.resolved) <= set(plugins.settings_of(feature))
    assert all(plugins.settings_of(feature)[setting] for setting in feature.resolved)


@pytest.mark.parametrize("name", AUDIO_FEATURES)
def test_a_feature_gives_named_float32_rows(name: str, settings: dict[tuple[str, str], dict[str, Any]]) -> None:
    feature = build("features", name, settings.get(("features", name), {}))
    names = feature.names
    assert len(set(names)) == len(names) and all(isinstance(item, str) and item for item in names)
    rows: dict[int, int] = {}
    for num_samples in (16_000, 40_000):
        samples = speech(num_samples)
        kept = samples.copy()
        features = feature(samples)
        assert features.dtype == np.float32 and features.ndim == 2 and features.shape[1] == len(names)
        assert np.isfinite(features).all()
        np.testing.assert_array_equal(samples, kept)
        np.testing.assert_array_equal(feature(samples), features)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(feature))(samples), features)
        rows[num_samples] = len(features)
    if feature.hop_s is None:
        assert set(rows.values()) == {1}
    else:
        assert rows[40_000] - rows[16_000] == pytest.approx(1.5 / feature.hop_s, abs=1)


@pytest.mark.parametrize("name", AUDIO_FEATURES)
def test_silence_is_finite_or_one_line(name: str, settings: dict[tuple[str, str], dict[str, Any]]) -> None:
    feature = build("features", name, settings.get(("features", name), {}))
    try:
        features = feature(np.zeros(16_000, np.float32))
    except EmotoneError as error:
        assert "\n" not in str(error)
    else:
        assert len(features) and np.isfinite(features).all()


@pytest.mark.parametrize("name", TEXT_FEATURES)
def test_a_feature_of_text_gives_named_float32_rows(name: str, settings: dict[tuple[str, str], dict[str, Any]]) -> None:
    feature = build("features", name, settings.get(("features", name), {}))
    names = feature.names
    assert isinstance(feature, BatchedFeature) and feature.hop_s is None and len(set(names)) == len(names)
    features = feature("so good to see you")
    assert features.dtype == np.float32 and features.shape == (len(features), len(names)) and len(features) > 5
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(feature))("so good to see you"), features)
    for empty in ("", " \n"):
        with pytest.raises(EmotoneError, match="empty"):
            feature(empty)


@pytest.mark.parametrize("name", AUDIO_FEATURES)
def test_a_feature_says_how_short_is_too_short(name: str, settings: dict[tuple[str, str], dict[str, Any]]) -> None:
    feature = build("features", name, settings.get(("features", name), {}))
    shortest = round(feature.min_duration_s * 16_000)
    assert 0 < shortest <= 16_000
    features = feature(speech(shortest))
    assert len(features) >= 1 and np.isfinite(features).all()
    with pytest.raises(EmotoneError) as caught:
        feature(speech(shortest - 1))
    assert "\n" not in str(caught.value)


# ---- corpora ----------------------------------------------------------------------------------------------------


READERS = plugins.names("corpora")
TESTS_OF_READERS = Path(__file__).parents[1] / "corpora" / "readers"
MEMBERS: dict[str, Any] = {
    "citation": str,
    "licence": str,
    "language": str | None,
    "attributes": dict,
    "emotions": tuple | dict,
}
"""The class variables of a reader, described in `Reader`."""


@pytest.mark.parametrize("name", READERS)
def test_a_reader_says_where_its_corpus_comes_from_and_what_its_labels_are(name: str) -> None:
    reader = plugins.create("corpora", name)
    for member, kind in MEMBERS.items():
        what = f"class variable {member} of {type(reader).__module__}: {getattr(Reader, member).__doc__}"
        assert hasattr(reader, member), f"missing: {what}"
        value = getattr(reader, member)
        assert isinstance(value, kind), f"{value!r} is no {what}"
    for attribute, (low, high) in reader.attributes.items():
        assert attribute in ATTRIBUTES and low < high, f"attributes: {Reader.attributes.__doc__}"
    assert list(reader.emotions) == sorted(reader.emotions), f"emotions: {Reader.emotions.__doc__}"


@pytest.mark.parametrize("name", READERS)
def test_a_reader_describes_its_settings(name: str) -> None:
    reader = plugins.find("corpora", name)
    for field in dataclasses.fields(reader):
        text = inspect.getdoc(reader) or ""
        assert f"\n{field.name}: " in text, f"the docstring of {reader.__name__} has no line '{field.name}:'"


@pytest.mark.parametrize("name", READERS)
def test_a_reader_refuses_what_is_no_corpus_in_one_line(name: str, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(EmotoneError) as caught:
            plugins.create("corpora", name).read(folder)
        assert str(folder) in str(caught.value), "the line names the folder"
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_tested_on_its_owners_layout(name: str) -> None:
    path = TESTS_OF_READERS / f"test_{name.replace('-', '_')}.py"
    assert path.is_file(), f"add {path}: plant a small tree in the owner's layout (`plant`), and compare the tables"


# ---- systems and their models -----------------------------------------------------------------------------------

TARGETS = [Target("arousal", "attribute", (1.0, 7.0)), Target("emotion", "category", labels=("a", "b", "c"))]


def hop_taken(system: System) -> float | None:
    """A system takes features with frames, or with one vector per utterance (None), and says so of the other kind."""
    taken: list[float | None] = []
    for hop_s, kind in ((0.016, "has frames"), (None, "one vector per utterance")):
        try:
            system.view(hop_s, 3.0)
        except EmotoneError as error:
            assert kind in str(error) and "\n" not in str(error)
        else:
            taken.append(hop_s)
    assert len(taken) == 1
    return taken[0]


def draw_inputs(view: View, num_frames: int) -> Any:
    """A batch of eight utterances of noise, 16 features each, as a network with this view takes it."""
    import torch

    from emotone.training.examples import StreamTensors

    random = np.random.default_rng(0)
    utterances = [random.normal(size=(num_frames, 16)).astype(np.float32) for _ in range(8)]
    as_is = Normaliser(np.zeros(16), np.ones(16))
    if isinstance(view, WordChunks):
        spoken = [Utterance(features, features[:5, :1]) for features in utterances]
        batch = stack(spoken, view, StreamNormalisers(as_is))
        return StreamTensors(*map(torch.from_numpy, batch))
    return torch.from_numpy(np.stack([apply(view, features, as_is) for features in utterances]))


# Which learn from pairs, and categories of pictures alone.
OTHERS = {"emotion-ranker", "spectrogram-image"}


@pytest.mark.parametrize("name", sorted({*plugins.names("systems")} - OTHERS))
def test_a_system_builds_a_network_that_learns(name: str) -> None:
    torch = pytest.importorskip("torch")
    from emotone.training.examples import outputs_of

    system = build("systems", name, {})
    assert isinstance(system, System) and system.utterance_limit_s(3.0) > 0
    hop_s = hop_taken(system)
    num_frames = 1 if hop_s is None else 190
    view = system.view(hop_s, 3.0)
    network = system.build(16, TARGETS, view).train()
    inputs = draw_inputs(view, num_frames)
    labels = {"arousal": torch.randn(8), "emotion": torch.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]}
    inputs, labels = system.augment(inputs, labels, np.random.default_rng(0))
    outputs = outputs_of(network, inputs)
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {"arousal": (8,), "emotion": (8, 3)}
    if system.solves:
        before = [value.clone() for value in network.parameters()]
        arrays = inputs.numpy(), {key: value.numpy() for key, value in labels.items()}
        chosen = system.solve(network, TARGETS, arrays, arrays, 0).chosen
        assert json.loads(json.dumps(chosen)) == chosen and set(chosen) == {"arousal", "emotion"}
        assert any(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))
        return
    loss = system.loss(outputs, labels)
    loss.backward()
    assert loss.ndim == 0 and torch.isfinite(loss)
    unknown = {"arousal": torch.full((8,), float("nan")), "emotion": torch.zeros(8, 3)}
    assert torch.isfinite(system.loss(outputs, unknown))


@pytest.mark.parametrize("name", plugins.names("systems"))
def test_batches_are_drawn_alike_for_a_seed(name: str) -> None:
    system = build("systems", name, {})
    labels = {"arousal": np.zeros(50, np.float32), "emotion": np.eye(3, dtype=np.float32)[np.arange(50) % 3]}
    draws = [system.sample(labels, 16, iteration, seed) for seed in (1, 1, 2) for iteration in range(5)]
    for first, second, other in zip(draws[:5], draws[5:10], draws[10:], strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other) and first.min() >= 0 and first.max() < 50


@cache
def annotations(plugin: type) -> dict[str, Any]:
    return typing.get_type_hints(plugin.__init__)


GIVEN_BY_SYSTEMS = [
    ["num_features", "outputs"],
    ["num_speech_features", "num_text_features", "outputs"],
    ["num_classes"],
    ["network", "num_bins"],
]
"""What a network is built from, before its settings."""


@pytest.mark.parametrize("name", plugins.names("models"))
def test_a_model_is_a_network_with_typed_settings(name: str) -> None:
    torch = pytest.importorskip("torch")
    model = plugins.find("models", name)
    assert issubclass(model, torch.nn.Module)
    parameters = list(inspect.signature(model).parameters.values())
    needed = [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]
    assert needed in GIVEN_BY_SYSTEMS
    assert [parameter.name for parameter in parameters[: len(needed)]] == needed
    assert {parameter.name for parameter in parameters} <= set(annotations(model))


# ---- published systems ------------------------------------------------------------------------------------------


def test_a_missing_bundle_is_told_from_one_that_can_be_pulled() -> None:
    assert sorted(published_systems()) == list(PULLABLE)
