"""Weights are found where they may be, read as plain tensors, and refused where they are another architecture's."""

from __future__ import annotations

import hashlib
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from emotone.errors import EmotoneError
from emotone.models import image_weights
from emotone.models.image_weights import find_image_weights, load_image_weights
from emotone.models.networks.alexnet import AlexNet
from emotone.models.networks.alexnet_gap import AlexNetGap
from emotone.models.networks.resnet18 import ResNet18


@pytest.fixture(autouse=True)
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch hub's cache, empty, and no torchvision."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def alexnet() -> dict[str, Tensor]:
    """Torchvision's checkpoint of AlexNet but for its values, and its first two linear layers."""
    torch.manual_seed(0)
    convolutions = AlexNetGap(1000).state_dict()
    weights = {name: value for name, value in convolutions.items() if name.startswith("features")}
    return weights | {"classifier.6.weight": torch.randn(1000, 4096), "classifier.6.bias": torch.randn(1000)}


def refused(name: str, source: str) -> str:
    with pytest.raises(EmotoneError) as caught:
        find_image_weights(name, source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def misfit(network: nn.Module, weights: dict[str, Tensor]) -> str:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(EmotoneError, match="weights of another architecture than") as caught:
        load_image_weights(network, weights, "a.pth")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    return str(caught.value)


def test_a_random_start_is_no_weights() -> None:
    assert find_image_weights("resnet18", None) is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_local_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    weights = {"features.0.weight": torch.randn(2, 3)}
    torch.save(weights, path) if suffix == ".pth" else save_file(weights, path)
    found = find_image_weights("alexnet", str(path))
    assert found is not None
    assert torch.equal(found[0]["features.0.weight"], weights["features.0.weight"])
    assert found[1] == f"mine{suffix} (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}…)"


def write_cached(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Tensor]]:
    """A file in the hub's cache under a name that ends in its digits, as torchvision's do."""
    weights = {"conv1.weight": torch.randn(2, 3)}
    torch.save(weights, folder / "new.pth")
    digits = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
    return (folder / "new.pth").rename(folder / f"resnet18-{digits}.pth"), weights


def test_imagenet_is_what_torch_hub_keeps(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, weights = write_cached(checkpoints, monkeypatch)
    monkeypatch.setitem(image_weights.FILES, "resnet18", path.name)
    found = find_image_weights("resnet18", "imagenet")
    assert found is not None and found[1] == f"ImageNet ({path.name})"
    assert torch.equal(found[0]["conv1.weight"], weights["conv1.weight"])
    path.write_bytes(path.read_bytes() + b"more")
    assert "damaged or another file" in refused("resnet18", "imagenet")


def test_imagenet_is_what_torchvision_would_use(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = write_cached(checkpoints, monkeypatch)
    models = types.ModuleType("torchvision.models")
    default = types.SimpleNamespace(url=f"https://somewhere/{path.name}")
    models.get_model_weights = lambda name: types.SimpleNamespace(DEFAULT=default)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    found = find_image_weights("resnet18", "imagenet")
    assert found is not None and found[1] == f"ImageNet ({path.name})"


def test_what_is_not_here_names_what_was_looked_for(checkpoints: Path) -> None:
    line = refused("vgg11", "imagenet")
    assert "never downloaded" in line and str(checkpoints / "vgg11-8a719046.pth") in line
    assert "no such weights of vgg11" in refused("vgg11", "imagnet")
    assert "did you mean 'resnet18'" in refused("resnet-18", "imagenet")


class Evil:
    """What a pickle could do."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise AssertionError('it ran')",)


@pytest.mark.parametrize("content", [b"", b"text", Evil(), [torch.zeros(1)], {"a": 1}])
def test_files_that_are_no_weights_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    assert "refused" in refused("alexnet", str(path))
    broken = tmp_path / "a.safetensors"
    broken.write_bytes(b"nothing")
    assert "refused" in refused("alexnet", str(broken))


def test_all_but_the_head_is_taken(alexnet: dict[str, Tensor]) -> None:
    network = AlexNetGap(4)
    head = network.classifier.weight.clone()
    load_image_weights(network, alexnet)
    assert torch.equal(network.classifier.weight, head)
    own = network.state_dict()
    assert all(torch.equal(own[name], alexnet[name]) for name in own if name.startswith("features"))


def test_checkpoints_without_counters_load() -> None:
    torch.manual_seed(1)
    weights = ResNet18(1000).state_dict()
    network = ResNet18(4)
    load_image_weights(network, {name: value for name, value in weights.items() if "num_batches" not in name})
    assert torch.equal(network.layer4[1].conv2.weight, weights["layer4.1.conv2.weight"])


@pytest.mark.parametrize("num_channels", [1, 2, 5])
def test_grey_gives_the_same_in_any_number_of_channels(alexnet: dict[str, Tensor], num_channels: int) -> None:
    colour, other = AlexNetGap(4), AlexNetGap(4, num_channels)
    load_image_weights(colour, alexnet)
    load_image_weights(other, alexnet)
    grey = torch.randn(2, 1, 64, 96)
    expected = colour.first(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(other.first(grey.expand(-1, num_channels, -1, -1)), expected, atol=1e-5, rtol=0)


def test_the_first_misfit_is_named(alexnet: dict[str, Tensor]) -> None:
    resnet = ResNet18(4).state_dict()
    assert misfit(ResNet18(4), alexnet).endswith("than ResNet18 (conv1.weight is missing)")
    assert "features.0.weight is missing" in misfit(AlexNetGap(4), resnet)
    wider = resnet | {"layer1.0.conv2.weight": torch.zeros(64, 64, 1, 1)}
    assert "layer1.0.conv2.weight is [64, 64, 1, 1], not [64, 64, 3, 3]" in misfit(ResNet18(4), wider)
    deeper = resnet | {"layer1.2.conv1.weight": torch.zeros(1)}
    assert misfit(ResNet18(4), deeper).startswith("a.pth: ") and "layer1.2" in misfit(ResNet18(4), deeper)
    assert "classifier.1.weight is missing" in misfit(AlexNet(4), alexnet)
