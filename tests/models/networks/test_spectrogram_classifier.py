"""Pictures against Pillow's, the folded first convolution against the plain one, and every network through ONNX."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.models.export import to_onnx
from emotone.models.networks.alexnet import AlexNet
from emotone.models.networks.alexnet_gap import AlexNetGap
from emotone.models.networks.resnet18 import ResNet18
from emotone.models.networks.spectrogram_classifier import IMAGENET_MEAN, IMAGENET_STD, SpectrogramClassifier
from emotone.models.networks.vgg11 import Vgg11

NETWORKS = [AlexNet, AlexNetGap, ResNet18, Vgg11]
K = 4


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[..., nn.Module]:
    """build(network, num_channels=3): one in evaluation mode, VGG-11 with an eighth of its channels."""
    monkeypatch.setattr("emotone.models.networks.vgg11.STAGES", ((8,), (16,), (32, 32), (64, 64), (64, 64)))

    def build(network: type[nn.Module], num_channels: int = 3) -> nn.Module:
        torch.manual_seed(0)
        return network(K, num_channels).eval()

    return build


def noise(*shape: int) -> Tensor:
    """Min-max units, some outside of the training part's."""
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.1, 1.1, shape).astype(np.float32))


def pillow_pictures(segments: Tensor, num_channels: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The per-picture way, [N, channels, H, W]: truncated to 8 bits, transposed, flipped, resized."""
    Image = pytest.importorskip("PIL.Image")  # noqa: N806 - a module named as a class
    levels = (np.clip(segments.numpy(), 0, 1) * np.float32(255)).astype(np.uint8)
    return np.array(
        [
            [
                np.array(Image.fromarray(np.ascontiguousarray(part.T[::-1])).resize(size[::-1], Image.BILINEAR))
                for part in np.split(segment, num_channels, axis=1)
            ]
            for segment in levels
        ]
    )


@pytest.mark.parametrize(
    ("num_bins", "num_frames", "num_channels", "short_side", "size"),
    [
        (200, 300, 1, 256, (256, 384)),
        (128, 300, 3, 256, (256, 600)),
        (100, 300, 1, 256, (256, 768)),
        (128, 300, 1, 128, (128, 300)),
        (300, 200, 2, 256, (384, 256)),
    ],
)
def test_pictures_are_those_of_pillow(
    num_bins: int, num_frames: int, num_channels: int, short_side: int, size: tuple[int, int]
) -> None:
    classifier = SpectrogramClassifier(AlexNetGap(K), num_bins, num_channels, num_frames, short_side)
    segments = noise(9, num_frames, num_channels * num_bins)
    found = classifier.pictures(segments).numpy()
    assert found.shape == (9, num_channels, *size)
    np.testing.assert_array_equal(found, pillow_pictures(segments, num_channels, size))


@pytest.mark.parametrize(("num_bins", "short_side", "size"), [(200, 128, (128, 192)), (100, 224, (224, 672))])
def test_at_other_sizes_few_pixels_are_one_level_off(num_bins: int, short_side: int, size: tuple[int, int]) -> None:
    classifier = SpectrogramClassifier(AlexNetGap(K), num_bins, short_side=short_side)
    segments = noise(9, 300, num_bins)
    difference = np.abs(classifier.pictures(segments).numpy() - pillow_pictures(segments, 1, size))
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01


def test_pictures_of_speech_are_those_of_pillow(shared: Path) -> None:
    frames = np.load(shared / "golden" / "spectrogram.npz")["15b03Tc__logspec"].T
    segments = torch.from_numpy((frames[:300] - frames.min(axis=0)) / np.ptp(frames, axis=0))[None]
    found = SpectrogramClassifier(AlexNetGap(K), 200).pictures(segments).numpy()
    np.testing.assert_array_equal(found, pillow_pictures(segments, 1, (256, 384)))
    assert np.unique(found).size > 100


def test_images_are_pictures_in_imagenets_units() -> None:
    segments = noise(2, 300, 128)
    classifier = SpectrogramClassifier(AlexNetGap(K), 128)
    grey = classifier.pictures(segments)[:, 0]
    images = classifier.images(segments)
    for colour, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        torch.testing.assert_close(images[:, colour], (grey / 255 - mean) / std, atol=1e-5, rtol=0)


def test_low_frequencies_are_at_the_bottom() -> None:
    segments = torch.zeros(1, 300, 200)
    segments[:, :, 0] = 1
    picture = SpectrogramClassifier(AlexNetGap(K), 200).pictures(segments)[0, 0]
    assert (picture[-1] == 255).all() and not picture[: 256 - 4].any()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("num_channels", [1, 3])
def test_logits_are_those_of_the_network_for_the_images(
    build: Callable[..., nn.Module], network: type[nn.Module], num_channels: int
) -> None:
    classifier = SpectrogramClassifier(build(network), 40, num_channels, segment_frames=60, short_side=64)
    segments = noise(3, 60, num_channels * 40)
    expected = classifier.network(classifier.images(segments))
    found = classifier.segment_logits(segments)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    first = classifier.network.first.weight
    wanted, given = (torch.autograd.grad(logits.square().sum(), first)[0] for logits in (expected, found))
    torch.testing.assert_close(given, wanted, atol=1e-5 * wanted.abs().max().item(), rtol=1e-3)
    if network in (AlexNetGap, ResNet18):
        maps = classifier.activation(segments)
        torch.testing.assert_close(maps.mean(dim=(2, 3)), found, atol=1e-5, rtol=1e-5)


def test_two_channels_are_a_picture_of_two(build: Callable[..., nn.Module]) -> None:
    classifier = SpectrogramClassifier(build(AlexNetGap, num_channels=2), 64, 2, segment_frames=64, short_side=64)
    assert classifier.images(noise(2, 64, 128)).shape == (2, 2, 64, 64)
    assert classifier(noise(2, 3, 64, 128))["emotion"].shape == (2, K)


def test_utterances_are_the_mean_log_probability_of_their_segments(build: Callable[..., nn.Module]) -> None:
    classifier = SpectrogramClassifier(build(ResNet18), 40, segment_frames=60, short_side=64)
    segments = noise(2, 3, 60, 40)
    with torch.inference_mode():
        scores = classifier(segments)["emotion"].numpy()
        for utterance, score in zip(segments, scores, strict=True):
            probabilities = [torch.softmax(classifier.segment_logits(one[None])[0], dim=0) for one in utterance]
            np.testing.assert_allclose(score, np.mean(np.log(probabilities), axis=0), atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_exports_with_any_number_of_utterances_and_segments(
    build: Callable[..., nn.Module], network: type[nn.Module]
) -> None:
    classifier = SpectrogramClassifier(build(network), 100, segment_frames=150, short_side=128)
    example, segments = noise(1, 2, 150, 100).numpy(), noise(5, 3, 150, 100)
    model = to_onnx(classifier, {"features": example}, ["emotion"], {"features": {0: "B", 1: "S"}})
    with torch.inference_mode():
        expected = classifier(segments)["emotion"]
    found = onnxruntime.InferenceSession(model).run(None, {"features": segments.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_published_size_exports(build: Callable[..., nn.Module]) -> None:
    classifier = SpectrogramClassifier(build(AlexNetGap), 200)
    segments = noise(3, 2, 300, 200)
    model = to_onnx(classifier, {"features": segments[:1].numpy()}, ["emotion"], {"features": {0: "B", 1: "S"}})
    found = onnxruntime.InferenceSession(model).run(None, {"features": segments.numpy()})[0]
    with torch.inference_mode():
        np.testing.assert_allclose(found, classifier(segments)["emotion"], atol=1e-5)


def test_weights_are_those_of_the_network_alone(build: Callable[..., nn.Module]) -> None:
    network = build(AlexNetGap)
    names = SpectrogramClassifier(network, 200).state_dict()
    assert list(names) == [f"network.{name}" for name in network.state_dict()]


def test_networks_without_a_map_say_which_have_one(build: Callable[..., nn.Module]) -> None:
    classifier = SpectrogramClassifier(build(Vgg11), 40, segment_frames=60, short_side=64)
    with pytest.raises(ValueError, match=re.escape("Vgg11 has no map per class; networks that have one: AlexNetGap")):
        classifier.activation(noise(1, 60, 40))
