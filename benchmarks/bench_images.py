"""Pictures of a batch of segments against one picture at a time: `python benchmarks/bench_images.py`.

64 segments of 300 frames x 200 bins in dB: min-max per bin, 8-bit grey, flipped, resized to 256 x 384. The per-picture
way goes numpy -> Pillow -> resize -> array -> tensor and stacks them: with three equal channels, as published; with the
pictures read from PNG instead of made; and with one channel, which the network could not take then. The third line adds
ImageNet's mean and deviation, the fourth goes on to the maps of AlexNet's first convolution, which is where ours first
has three channels: it convolves one with the sum of their weights. All sides give equal pictures, checked.

CPU time of the process. Pillow's pixels need two passes with levels rounded between them. Ours are about fifteen passes
over memory, each at most a few operations per value, and a transposition: memory, not arithmetic, bounds them.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import io
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from emotone.models.networks.alexnet_gap import AlexNetGap
from emotone.models.networks.spectrogram_classifier import IMAGENET_MEAN, IMAGENET_STD, SpectrogramClassifier

NUM_SEGMENTS, NUM_FRAMES, NUM_BINS = 64, 300, 200
SIZE = (384, 256)  # width, height
MEAN, STD = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))


def draw(units: NDArray[np.float32], mode: str) -> Image.Image:
    """One segment [m, D] in min-max units as a picture, "L" of one channel or "RGB" of three equal ones."""
    grey = (np.clip(units, 0, 1) * np.float32(255)).astype(np.uint8).T[::-1]
    return Image.fromarray(np.ascontiguousarray(grey) if mode == "L" else np.repeat(grey[:, :, None], 3, axis=2))


def resize(picture: Image.Image) -> Tensor:
    """Levels [channels, H, W]."""
    levels = np.array(picture.resize(SIZE, Image.Resampling.BILINEAR)).reshape(SIZE[1], SIZE[0], -1)
    return torch.from_numpy(levels).permute(2, 0, 1).float()


def to_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def compare(title: str, ours: Callable[[], Tensor], theirs: Callable[[], Tensor], wanted: str, atol: float) -> None:
    torch.testing.assert_close(ours().expand_as(theirs()), theirs(), atol=atol, rtol=0)
    timing.compare(f"{title}, per batch", ours, theirs, wanted, time.process_time)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    frames = np.clip(random.normal(-40, 15, (NUM_SEGMENTS, NUM_FRAMES, NUM_BINS)), -80, 0).astype(np.float32)
    low = frames.min(axis=(0, 1))
    scale = 1 / (frames.max(axis=(0, 1)) - low)
    batch, lows, scales = (torch.from_numpy(array) for array in (frames, low, scale))
    pngs = [to_png(draw((segment - low) * scale, "RGB")) for segment in frames]
    classifier = SpectrogramClassifier(AlexNetGap(4), NUM_BINS)
    first = classifier.network.first

    def units() -> Tensor:
        return (batch - lows).mul_(scales)

    def ours() -> Tensor:
        return classifier.pictures(units())

    def theirs(mode: str) -> Tensor:
        return torch.stack([resize(draw((segment - low) * scale, mode)) for segment in frames])

    def read() -> Tensor:
        return torch.stack([resize(Image.open(io.BytesIO(png))) for png in pngs])

    def images() -> Tensor:
        return torch.stack([(resize(draw((segment - low) * scale, "RGB")) / 255 - MEAN) / STD for segment in frames])

    with torch.inference_mode():
        compare("pictures / three channels", ours, lambda: theirs("RGB"), "theirs/ours >= 10", 0)
        compare("pictures / from PNG", ours, read, "", 0)
        compare("pictures / one channel", ours, lambda: theirs("L"), "", 0)
        compare("in ImageNet's units", lambda: classifier.images(units()), images, "", 1e-5)
        compare("first maps of AlexNet", lambda: classifier._first_maps(units()), lambda: first(images()), "", 1e-4)


if __name__ == "__main__":
    main()
