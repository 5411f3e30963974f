"""A training step on spectrogram segments, and its memory: `python benchmarks/bench_spectrogram_training.py`.

Step: `SegmentLearner` (reads segments from mapped rows, normalises, draws, learns) against the bare network's step on
segments that lie ready in memory: pictures, forward, backward, AdamW; with stability training two of each. CPU time of
the process, alexnet-gap, 8 segments; pictures with a short side of 128 are the harder case: a quarter of the network.

Memory: two epochs of stability training in a process of its own on 1x and 4x as many utterances, each with five noisy
copies on disk, of a network that costs next to nothing. Measured is the peak of its anonymous memory; what is
mapped from files, which the system may drop, is shown beside it.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from process_memory import watch
from torch import Tensor, nn

from emotone.bundle.view.view import Normaliser, Segments
from emotone.data.recipe import Training
from emotone.data.rows import Rows
from emotone.models.losses import soft_cross_entropy, stability_loss
from emotone.models.networks.alexnet_gap import AlexNetGap
from emotone.models.networks.spectrogram_classifier import SpectrogramClassifier
from emotone.training.examples import StoreExamples
from emotone.training.learners.learner import Lesson
from emotone.training.learners.segments import SegmentLearner, Stability

NUM_BINS, NUM_KINDS, K = 200, 5, 4
SIZES = (60, 240)


class Small(nn.Module):
    """A network for images that costs next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 11, stride=8)
        self.head = nn.Linear(4, K)

    def rest(self, maps: Tensor) -> Tensor:
        return self.head(maps.mean(dim=(2, 3)))

    def forward(self, images: Tensor) -> Tensor:
        return self.rest(self.first(images))


def make_examples(folder: Path, num_utterances: int) -> StoreExamples:
    """Utterances of 3 to 9 s in dB with noisy copies, all of them mapped from files."""
    random = np.random.default_rng(0)
    lengths = random.integers(300, 900, num_utterances)
    ends = np.cumsum(lengths)
    every = []
    for kind in range(1 + NUM_KINDS):
        path = folder / f"{num_utterances}-{kind}.npy"
        if not path.is_file():
            frames = np.lib.format.open_memmap(path, "w+", np.float32, (int(ends[-1]), NUM_BINS))
            for start, end in zip(ends - lengths, ends, strict=True):
                frames[start:end] = random.uniform(-80, 0, (end - start, NUM_BINS))
        frames = np.asarray(np.load(path, mmap_mode="r"))
        every.append(Rows([frames[end - length : end] for length, end in zip(lengths, ends, strict=True)], NUM_BINS))
    labels = {"emotion": torch.eye(K)[torch.from_numpy(random.integers(K, size=num_utterances))]}
    unit = Normaliser(np.full(NUM_BINS, -80, np.float32), np.full(NUM_BINS, 80, np.float32))
    return StoreExamples(every[0], Segments(), unit, labels, noisy=every[1:])


def make_learner(network: SpectrogramClassifier, train: StoreExamples, size: int, stability: Stability) -> Any:
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    return SegmentLearner(
        Fabric(accelerator="cpu"), network, optimiser, Lesson(train, Training(size), Path(), 0), 0, None, stability
    )


def compare_step(train: StoreExamples, short_side: int, stability: Stability, size: int = 8) -> None:
    """A step of the learner against the network's own."""
    torch.manual_seed(0)
    networks = [SpectrogramClassifier(AlexNetGap(K), NUM_BINS, short_side=short_side) for _ in range(2)]
    learner, optimiser = make_learner(networks[0], train, size, stability), torch.optim.AdamW(networks[1].parameters())
    random = np.random.default_rng(0)
    chosen = random.choice(len(learner.rows), size)
    rows, places = learner.rows[chosen], learner.places[chosen]
    ready = [train.segments(rows, places), train.noisy_segments(rows, places, np.arange(size) % NUM_KINDS)]
    labels = torch.from_numpy(learner.labels[chosen])

    def bare() -> None:
        if stability == "none":
            loss = soft_cross_entropy(networks[1].segment_logits(ready[0]), labels)
        else:
            loss = stability_loss(*(networks[1].segment_logits(part) for part in ready), labels, stability)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    title = f"{size} segments, short side {short_side}, stability {stability}"
    timing.compare(title, lambda: learner._step(chosen, random), bare, "<= 1.10", time.process_time)


def train_small(folder: Path, num_utterances: int) -> None:
    """Two epochs of stability training; says when it begins."""
    torch.set_num_threads(1)
    train = make_examples(folder, num_utterances)
    learner = make_learner(SpectrogramClassifier(Small(), NUM_BINS, short_side=128), train, 32, "corrected")
    print("begins", flush=True)
    for number in range(2):
        for _ in learner.round(number):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", nargs=2, metavar=("FOLDER", "NUM"), help="what the processes are called with")
    arguments = parser.parse_args()
    if arguments.train:
        train_small(Path(arguments.train[0]), int(arguments.train[1]))
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = make_examples(folder, SIZES[0])
        compare_step(train, 128, "none")
        compare_step(train, 128, "corrected")
        compare_step(train, 256, "none")
        peaks = []
        for num_utterances in SIZES:
            make_examples(folder, num_utterances)
            memory = watch(__file__, str(folder), str(num_utterances))
            peaks.append(max(memory.anonymous))
            size_mb = sum(path.stat().st_size for path in folder.glob(f"{num_utterances}-*.npy")) / 2**20
            print(
                f"{num_utterances} utterances with {NUM_KINDS} noisy copies of {size_mb:.0f} MB: peak of anonymous "
                f"memory {peaks[-1]:.0f} MB; mapped from files {max(memory.mapped):.0f} MB",
                flush=True,
            )
        print(f"four times as many: {peaks[1] / peaks[0]:.2f}   wanted: flat")


if __name__ == "__main__":
    main()
