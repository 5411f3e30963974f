"""Pretrained weights of networks for images: a local file, or ImageNet's where torch keeps them; nothing is downloaded.

Files are read as plain tensors: a checkpoint that could run code is refused.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.base.files import sha256_of
from emotone.errors import EmotoneError, unknown
from emotone.models.torch_file import read_safetensors, read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

IMAGENET = "imagenet"
FILES = {
    "alexnet": "alexnet-owt-7be5be79.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "vgg11": "vgg11-8a719046.pth",
}
"""torchvision's files; each name ends in the first digits of its SHA-256."""
ADDRESS = "https://download.pytorch.org/models/"
COUNTER = "num_batches_tracked"
"""Old checkpoints lack these of batch normalisation, and nothing here uses them."""


def find_image_weights(name: str, source: str | None) -> tuple[dict[str, Tensor], str] | None:
    """Weights of the architecture `name` by torchvision's parameter names, and where they are from; None is random.

    `source` is "imagenet" (torchvision's file in torch hub's cache, or the one an installed torchvision would use,
    where it is cached), a file (.pth, .safetensors) or None. Raises EmotoneError naming what was looked for.

    >>> find_image_weights("alexnet", None) is None
    True
    """
    if name not in FILES:
        raise unknown("architecture of image weights", name, FILES)
    if source is None:
        return None
    if source == IMAGENET:
        path = _cached(name)
        return _read(path), f"ImageNet ({path.name})"
    path = Path(source).expanduser()
    if not path.is_file():
        raise EmotoneError(f"{source}: no such weights of {name} (allowed: {IMAGENET!r}, a .pth or .safetensors file)")
    return _read(path), f"{path.name} (SHA-256 {sha256_of(path)[:12]}…)"


def load_image_weights(network: nn.Module, weights: Mapping[str, Tensor], where: str = "weights") -> None:
    """Start a network for images from the weights of its architecture: every array but the head's.

    A first convolution for other than three channels takes the mean over red, green and blue, times 3 / C, for each
    of its C channels: equal channels give what they gave in three. Raises EmotoneError naming the first misfit.
    """
    head = f"{network.head}."
    own = network.state_dict()
    first = next(iter(own))
    wanted = {name: value.shape for name, value in own.items() if not name.startswith(head)}
    given = dict(weights)
    if first in given and given[first].dim() == 4 and given[first].shape[1] == 3:
        given[first] = _for_channels(given[first], own[first].shape[1])
    for name, shape in wanted.items():
        if name not in given and name.endswith(COUNTER):
            given[name] = own[name]
        if name not in given:
            raise _misfit(where, network, f"{name} is missing")
        if given[name].shape != shape:
            raise _misfit(where, network, f"{name} is {list(given[name].shape)}, not {list(shape)}")
    # Other heads of the same convolutions have more layers than this one.
    more = next((name for name in given if name not in own and name.split(".")[0] != head.split(".")[0]), None)
    if more is not None:
        raise _misfit(where, network, f"{more} is not of it")
    network.load_state_dict(own | {name: given[name] for name in wanted})


def _for_channels(weight: Tensor, num_channels: int) -> Tensor:
    """A first convolution [W, 3, k, k] for images of so many channels: [W, C, k, k]."""
    if num_channels == 3:
        return weight
    return (weight.sum(dim=1, keepdim=True) / num_channels).repeat(1, num_channels, 1, 1)


def _misfit(where: str, network: nn.Module, what: str) -> EmotoneError:
    return EmotoneError(f"{where}: weights of another architecture than {type(network).__name__} ({what})")


def _cached(name: str) -> Path:
    """ImageNet's weights in torch hub's cache, checked by the digits in the file's name."""
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    files = list(dict.fromkeys([FILES[name], *_torchvision_file(name)]))
    path = next((folder / file for file in files if (folder / file).is_file()), None)
    if path is None:
        looked = " or ".join(str(folder / file) for file in files)
        raise EmotoneError(
            f"ImageNet weights of {name} are not here, and are never downloaded by themselves: looked for {looked}; "
            f"put {ADDRESS}{files[0]} there, or name a local file"
        )
    digits = path.stem.rpartition("-")[2]
    if not sha256_of(path).startswith(digits):
        raise EmotoneError(f"{path}: refused, damaged or another file (its SHA-256 does not begin with {digits})")
    return path


def _torchvision_file(name: str) -> list[str]:
    """The file that an installed torchvision would use, if there is one that works with this torch."""
    try:
        models = importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError):  # RuntimeError: built for another torch
        return []
    return [models.get_model_weights(name).DEFAULT.url.rpartition("/")[2]]


def _read(path: Path) -> dict[str, Any]:
    return read_safetensors(path) if path.suffix == ".safetensors" else read_weights(path)
