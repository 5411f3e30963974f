"""A light network on log-mel frames, fitted to attributes and categories at once.

Attributes may be a teacher's scores, categories those of labelled speech, both under augmentation of the audio
(`emotone.audio.change.augment`) and of the batch (frequency warp, tilt, masks, mixup).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.view.view import Whole
from emotone.errors import EmotoneError
from emotone.training.closed_form import bias_for, prior_of
from emotone.training.system import System, num_outputs

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.recipe import Training

SHORTEST_FRAMES = 16
NUM_HEADS = 4
LIMITS: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("channels", "width", "num_blocks"), 1, math.inf),
    (("dropout", "labelled_share", "smoothing"), 0, 1),
    (("category_weight", "warp_bins", "tilt", "mask_frames", "mask_bins", "mixup", "weight_decay"), 0, math.inf),
    (("max_utterance_s",), 0.5, math.inf),
)
"""Settings, their least and their largest value."""


@dataclass(frozen=True)
class MelConvolution(System):
    """How the network is fitted.

    channels, width, num_blocks, dropout: of the network.
    crop_frames: shortest and longest random crop of a training batch, in frames.
    labelled_share: share of a batch that has a category, drawn uniformly over categories.
    category_weight, smoothing: weight of the cross-entropy against the attributes' loss; label smoothing.
    warp_bins, tilt, mask_frames, mask_bins, mixup: largest shift along frequency (bins), random gain over frequency
        (deviations), longest masked stretch of time and frequency, parameter of mixup's Beta distribution (0: none).
    weight_decay: of AdamW, whose learning rate follows one cycle.
    balance: after training, category biases are shifted until speech without a category gets these mean probabilities
        (those not named share the rest evenly, so {} asks for even ones); null: not at all. Acted categories are
        extreme: without this, everyday emotion falls on the neutral side of every border.
    max_utterance_s: longest recording that is scored as a whole.
    """

    channels: tuple[int, int, int] = (12, 24, 32)
    width: int = 88
    num_blocks: int = 3
    dropout: float = 0.3
    crop_frames: tuple[int, int] = (96, 256)
    labelled_share: float = 0.6
    category_weight: float = 0.5
    smoothing: float = 0.1
    warp_bins: float = 4.0
    tilt: float = 0.0
    mask_frames: int = 24
    mask_bins: int = 16
    mixup: float = 0.3
    weight_decay: float = 0.02
    balance: dict[str, float] | None = None
    max_utterance_s: float = 12.0

    def __post_init__(self) -> None:
        if (
            len(self.channels) != 3
            or len(self.crop_frames) != 2
            or not 32 <= self.crop_frames[0] <= self.crop_frames[1]
        ):
            raise EmotoneError("mel-convolution: channels are three numbers, crop_frames two, the first at least 32")
        for names, low, high in LIMITS:
            for name in names:
                values = getattr(self, name)
                for value in values if isinstance(values, tuple) else (values,):
                    if not (low <= value <= high and math.isfinite(value)):
                        allowed = f"from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
                        raise EmotoneError(f"mel-convolution: {name} must be {allowed}, not {value:g}")
        if self.width % NUM_HEADS:
            raise EmotoneError(f"mel-convolution: width must be a multiple of {NUM_HEADS}, not {self.width}")

    def view(self, hop_s: float | None, longest_s: float) -> Whole:
        """All frames of an utterance."""
        if hop_s is None:
            raise EmotoneError("mel-convolution needs a feature with frames; this one gives one vector per utterance")
        return Whole(SHORTEST_FRAMES)

    def utterance_limit_s(self, longest_s: float) -> float:
        """`max_utterance_s`, whatever the training split holds."""
        return self.max_utterance_s

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: frames [B, T, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.mel_convolution import MelConvolution as Network

        if num_features % 8:
            raise EmotoneError(
                f"mel-convolution needs a number of features that is a multiple of 8, not {num_features}"
            )
        outputs = num_outputs(targets)
        for target in targets:
            if target.kind == "category" and self.balance is not None:
                prior_of(
                    self.balance, target.labels, "mel-convolution: balance"
                )  # what cannot be reached is said before training
        return Network(num_features, outputs, self.channels, self.width, self.num_blocks, NUM_HEADS, self.dropout)

    def crop(self, random: np.random.Generator) -> int:
        """One length for the batch, in steps of 32 frames (0.5 s), so that few shapes occur."""
        low, high = (frames // 32 for frames in self.crop_frames)
        return int(random.integers(low, high + 1)) * 32

    def sample(self, labels: dict[str, NDArray[Any]], batch_size: int, iteration: int, seed: int) -> NDArray[np.intp]:
        """Rows of a batch: `labelled_share` of it uniform over the categories, the rest from the other rows."""
        weights = next((values for values in labels.values() if values.ndim == 2), None)  # of the first categories
        if weights is None:
            return super().sample(labels, batch_size, iteration, seed)
        random = np.random.default_rng([seed, 0, iteration])  # weights [N, K]: zeros where the category is not known
        category = np.where(weights.any(axis=1), weights.argmax(axis=1), -1)
        others = np.flatnonzero(category < 0)
        num_labelled = round(batch_size * self.labelled_share) if len(others) else batch_size
        present = np.unique(category[category >= 0])
        wanted = present[random.permutation(np.arange(num_labelled) % len(present))]
        by_category = {int(k): np.flatnonzero(category == k) for k in present}
        rows = [random.choice(by_category[int(k)]) for k in wanted]
        if len(others):
            rows += list(random.choice(others, batch_size - num_labelled))
        return random.permutation(np.array(rows, dtype=np.intp))

    def augment(
        self, inputs: Tensor, labels: dict[str, Tensor], random: np.random.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Frequency warp, tilt and masks on frames [B, T, D]; then mixup of inputs and of labels."""
        inputs = _warp(inputs, self.warp_bins, random)
        inputs = _tilt(inputs, self.tilt, random)
        inputs = _mask(_mask(inputs, self.mask_frames, 1, random), self.mask_bins, 2, random)
        if not self.mixup:
            return inputs, labels
        import torch

        drawn = random.beta(self.mixup, self.mixup, len(inputs))
        share = torch.from_numpy(np.maximum(drawn, 1 - drawn)).to(inputs)

        def mix(values: Tensor) -> Tensor:
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            return values * weight + values.roll(1, 0) * (1 - weight)

        return mix(inputs), {name: mix(label) for name, label in labels.items()}

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """Mean over attributes of CCC loss + half the squared error, plus the weighted cross-entropy."""
        from emotone.models.losses import attributes_and_categories

        return attributes_and_categories(outputs, labels, self.category_weight, self.smoothing)

    def finish(self, network: nn.Module, targets: list[Target], unlabelled: dict[str, NDArray[np.float32]]) -> None:
        """Shift the category biases as `balance` says."""
        for target in targets:
            if target.kind == "category" and self.balance is not None:
                shift = bias_for(
                    unlabelled[target.name], prior_of(self.balance, target.labels, "mel-convolution: balance")
                )
                bias = network.category_outputs[target.name].bias  # type: ignore[union-attr, index]
                bias.data += bias.new_tensor(shift)

    def optimiser(self, network: nn.Module, settings: Training) -> tuple[torch.optim.Optimizer, Any]:
        """AdamW with one cycle of the learning rate (Smith & Topin 2018)."""
        import torch

        optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, settings.rounds, pct_start=0.15
        )
        return optimiser, schedule


def _uniform(random: np.random.Generator, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Numbers in [-1, 1), drawn on the CPU so that every device trains on the same ones."""
    import torch

    return torch.from_numpy(random.uniform(-1, 1, shape).astype(np.float32)).to(like.device)


def _warp(frames: Tensor, most_bins: float, random: np.random.Generator) -> Tensor:
    """Each utterance shifted and stretched (by up to 6 %) along frequency, as vocal tracts differ: [B, T, D]."""
    import torch

    B, T, D = frames.shape
    scale = 1 + 0.06 * _uniform(random, (B, 1), frames)
    position = torch.arange(D, device=frames.device)[None] * scale + most_bins * _uniform(random, (B, 1), frames)
    position = position.clamp(0, D - 1.001)
    low = position.floor().long()
    part = (position - low)[:, None]
    low = low[:, None].expand(-1, T, -1)
    return frames.gather(2, low) * (1 - part) + frames.gather(2, low + 1) * part


def _tilt(frames: Tensor, most: float, random: np.random.Generator) -> Tensor:
    """A random smooth gain over frequency (four points) for each utterance: [B, T, D]."""
    import torch

    points = most * _uniform(random, (len(frames), 1, 4), frames)
    return frames + torch.nn.functional.interpolate(points, size=frames.shape[2], mode="linear", align_corners=True)


def _mask(frames: Tensor, longest: int, axis: int, random: np.random.Generator) -> Tensor:
    """Two stretches of an axis set to the mean (0) in each utterance (Park et al., SpecAugment, Interspeech 2019)."""
    import torch

    B, size = len(frames), frames.shape[axis]
    place = torch.arange(size, device=frames.device)[None]
    for _ in range(2):
        length = random.integers(min(longest, size) + 1, size=B)
        start = (random.random(B) * (size - length + 1)).astype(np.int64)
        first, last = (torch.from_numpy(edge).to(frames.device)[:, None] for edge in (start, start + length))
        hidden = (place >= first) & (place < last)  # [B, size]
        frames = frames.masked_fill(hidden[:, :, None] if axis == 1 else hidden[:, None], 0.0)
    return frames
