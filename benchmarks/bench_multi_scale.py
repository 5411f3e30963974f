"""A training step of audio and text against the network's own step: `python benchmarks/bench_multi_scale.py`.

Ours is a round of `PlainLearner`: rows, features, normalising, random parts, pooling, padding, then the step. Theirs is
the same network's forward, backward and optimiser step on the batch of that round, which is ready. CPU time. Random
features in place of encoders' states, 2.5 words a second, a token more for every third word.

Published: 1024 features every 20 ms, 768 of a token, batch 128, hidden 256, utterances of 3 to 8 s. As on nEMO: 512 and
384 features, batch 32, hidden 64, 1.5 to 4 s. "Beside the batch" is what reading it needs at most besides it.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers, Utterance
from emotone.bundle.view.view import Normaliser, WordChunks
from emotone.data.recipe import Training
from emotone.training.examples import Labels, StreamExamples, StreamTensors, outputs_of
from emotone.training.learners.learner import Lesson, PlainLearner
from emotone.training.systems.multi_scale import MultiScale

HOP_S, WORDS_PER_S, TOKENS_PER_WORD = 0.02, 2.5, 4 / 3


@dataclass(frozen=True)
class Setting:
    """Sizes of the features and of the network, and how long utterances are."""

    title: str
    num_speech: int
    num_text: int
    batch_size: int
    hidden_size: int
    duration_s: tuple[float, float]
    num_runs: int


SETTINGS = (
    Setting("published sizes", 1024, 768, 128, 256, (3.0, 8.0), timing.NUM_RUNS),
    Setting("sizes as on nEMO", 512, 384, 32, 64, (1.5, 4.0), 51),  # steps of 0.1 s
)


def draw_examples(setting: Setting, view: WordChunks) -> StreamExamples:
    """Two batches of random utterances."""
    random = np.random.default_rng(0)
    utterances = []
    for duration_s in random.uniform(*setting.duration_s, 2 * setting.batch_size):
        num_words = int(duration_s * WORDS_PER_S)
        speech = random.standard_normal((int(duration_s / HOP_S), setting.num_speech), np.float32)
        text = random.standard_normal((2 + int(num_words * TOKENS_PER_WORD), setting.num_text), np.float32)
        utterances.append(Utterance(speech, text, num_words))
    normalisers = StreamNormalisers(
        *(Normaliser(*np.full((2, n), [[0.1], [0.9]], np.float32)) for n in (setting.num_speech, setting.num_text))
    )
    labels = torch.randn(len(utterances), generator=torch.Generator().manual_seed(0))
    return StreamExamples(utterances, view, normalisers, {"arousal": labels})


def bench(setting: Setting) -> None:
    torch.manual_seed(0)
    system, target = MultiScale(hidden_size=setting.hidden_size), Target("arousal", "attribute", (1.0, 7.0))
    view = WordChunks(50, HOP_S, setting.num_text)
    train, fabric = draw_examples(setting, view), Fabric(accelerator="cpu", devices=1)
    training = Training(batch_size=setting.batch_size)
    learner = PlainLearner(
        system, fabric, system.build(setting.num_speech, [target], view), Lesson(train, training, Path(), 0)
    )
    rows = system.sample(learner.known, setting.batch_size, 0, 0)

    def read() -> tuple[StreamTensors, Labels]:
        return replace(train).batch(rows, random=np.random.default_rng([0, 1, 0, 0]))  # in memory of its own

    inputs, labels = read()

    def ours() -> None:
        for _ in learner.round(0):
            pass

    def theirs() -> None:
        learner.model.train()
        loss = system.loss(outputs_of(learner.model, inputs), labels)
        learner.optimiser.zero_grad()
        fabric.backward(loss)
        learner.optimiser.step()

    size_mb = sum(part.nbytes for part in inputs) / 1e6
    print(f"{setting.title}: a batch of {tuple(inputs.speech.shape)} and {tuple(inputs.text.shape)}, {size_mb:.0f} MB")
    title = f"training step, {setting.title}"
    timing.compare(title, ours, theirs, "ours/theirs <= 1.10", time.process_time, setting.num_runs)
    print(f"reading it: {peak_mb(read) - size_mb:.1f} MB beside the batch at most")


def peak_mb(read: Callable[[], object]) -> float:
    """Most memory that was taken at once, in MB."""
    tracemalloc.start()
    read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    torch.set_num_threads(1)
    for setting in SETTINGS:
        bench(setting)


if __name__ == "__main__":
    main()
