"""Pretrained encoders, batched and one by one; whisper-light and transformers: `python benchmarks/bench_encoders.py`.

Real weights where packages have them (MiniLM, whisper-base, `emotone[ssl,text]`), random ones of wav2vec2-base's width
and two layers elsewhere, which take as long. Speech and texts of EmoTale; both sides must give the same states, but for
Whisper without its silence, where the difference is printed: of single states, and of their mean over an utterance.
whisper-light must give what transformers' Whisper gives after the same blocks but for its 8 bits.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import tempfile
import time

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.base import plugins
from emotone.base.plugins import create
from emotone.base.processes import THREADS
from emotone.features.encoder import Encoder
from emotone.features.extractors.whisper_light import find_active
from emotone.features.feature import Feature

NUM_UTTERANCES = 32
NUM_WINDOWS = 3
WINDOWS_S = 24
LIGHT_TOLERANCE = 0.08
"""Of the norm of states whose weights have 8 bits."""
TOLERANCE = 5e-3
"""Of float32 states that were computed in another order; they are about 1."""


def read_emotale() -> tuple[list[Samples], list[str]]:
    """Samples and transcripts of utterances, drawn evenly from the corpus."""
    corpus = plugins.create("corpora", "emotale").read(timing.SHARED / "data" / "emotale-da")
    table = corpus.utterances.dropna(subset=["transcript"])
    table = table.iloc[np.linspace(0, len(table) - 1, NUM_UTTERANCES).astype(int)]
    return [load_audio(corpus.path_of(file)) for file in table["file"]], list(table["transcript"])


def compare_batches(name: str, encoder: Encoder, sources: list, target: str) -> None:
    """All inputs at once against one by one; the states must be equal."""
    together, alone = encoder.encode(sources), [encoder(source) for source in sources]
    difference = max(float(np.abs(a - b).max()) for a, b in zip(together, alone, strict=True))
    assert difference < TOLERANCE, difference
    title = f"{name}, batches against one by one"
    timing.compare(title, lambda: encoder.encode(sources), lambda: [encoder(source) for source in sources], target)


def compare_windows(speech: list[Samples]) -> None:
    """Whisper over the frames that exist against its window of 30 s, and what that does to the states."""
    cut, full = create("features", "whisper", {"full_window": False}), create("features", "whisper")
    duration_s = float(np.mean([len(samples) for samples in speech])) / RATE_HZ
    title = f"whisper-base, frames that exist ({duration_s:.1f} s)"
    timing.compare(title, lambda: cut.encode(speech), lambda: full.encode(speech), "theirs/ours >= 3")
    pairs = list(zip(cut.encode(speech), full.encode(speech), strict=True))
    single = np.concatenate([cosine(*pair) for pair in pairs])
    pooled = cosine(*(np.stack([states.mean(axis=0) for states in side]) for side in zip(*pairs, strict=True)))
    print("  cosine to those of the full window:")
    for name, values in (("states", single), ("means over an utterance", pooled)):
        low, middle = np.quantile(values, (0.05, 0.5))
        print(f"    {name}: mean {values.mean():.3f}, median {middle:.3f}, 5 % {low:.3f}")


def compare_light(speech: list[Samples]) -> None:
    """whisper-light against transformers' Whisper over its first three blocks, on the same windows; then its speed."""
    light = create("features", "whisper-light", {"blocks": [3]})
    deep = create("features", "whisper", {"full_window": False, "layer": 3})
    whole = np.concatenate(speech)
    for duration_s in (1, 3, 8):
        size = duration_s * RATE_HZ
        windows = [whole[start : start + size] for start in range(0, WINDOWS_S * RATE_HZ, size)]
        windows = [window * np.float32(find_active(window)[1]) for window in windows]  # both hear the same level
        ours, theirs = (np.concatenate([feature(window) for window in windows]) for feature in (light, deep))
        difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
        assert difference < LIGHT_TOLERANCE, difference
        compare_times(f"whisper-light, windows of {duration_s} s", light, deep, windows)
        print(f"  norm of the difference of block 3's states: {difference:.3f} of the states'")


def compare_times(title: str, light: Feature, deep: Feature, windows: list[Samples]) -> None:
    """Window by window on one core, and how many times quicker than the windows last the light one is."""

    def run(feature: Feature) -> float:
        began_s = time.process_time()
        for window in windows:
            feature(window)
        return time.process_time() - began_s

    taken_s: list[float] = []
    timing.compare(
        title, lambda: taken_s.append(run(light)), lambda: run(deep), "theirs/ours >= 2", clock=time.process_time
    )
    print(f"  {WINDOWS_S / float(np.median(taken_s)):.0f} times real time")


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of the rows [N, D] of two arrays: [N]."""
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def main() -> None:
    torch.set_num_threads(1)
    THREADS.set(1)
    speech, texts = read_emotale()
    compare_batches("MiniLM, 32 sentences", create("features", "minilm"), texts, "theirs/ours > 1")
    with tempfile.TemporaryDirectory() as folder:
        config = transformers.Wav2Vec2Config(
            num_hidden_layers=2, feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True
        )
        transformers.Wav2Vec2Model(config).save_pretrained(folder)
        wav2vec2 = create("features", "wav2vec2", {"weights": folder})
        compare_batches("wav2vec2, 2 layers, 8 utterances", wav2vec2, speech[:8], "about 1 on a CPU")
    whisper = create("features", "whisper", {"full_window": False})
    compare_batches("whisper-base cut, 8 utterances", whisper, speech[:8], "theirs/ours >= 1")
    compare_windows(speech[:NUM_WINDOWS])
    compare_light(speech)


if __name__ == "__main__":
    main()
