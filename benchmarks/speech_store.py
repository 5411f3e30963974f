"""What benchmarks of semi-supervised training share: a store of mel spectrograms of real speech, a cheap network."""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor, nn

from emotone.audio.read import RATE_HZ, load_audio
from emotone.bundle.view.moments import Moments
from emotone.bundle.view.view import Chunks, Normaliser
from emotone.corpora.corpus import Corpus
from emotone.data.store import FeatureStore, extract
from emotone.features.extractors.mel import Mel
from emotone.training.examples import StoreExamples

SHORTEST_S, LONGEST_S = 3.0, 11.0
VIEW = Chunks(chunk_frames=62, num_chunks=11)


def make_store(folder: Path, num_utterances: int) -> FeatureStore:
    """Random parts of 3 to 11 s of all LibriSpeech there is, in `folder`; more of them begin with the same ones."""
    recording = folder / "recording.wav"
    if not recording.is_file():
        files = sorted((timing.SHARED / "data" / "librispeech").rglob("*.flac"))
        soundfile.write(recording, np.concatenate([load_audio(file) for file in files]), RATE_HZ)
    whole_s = soundfile.info(recording).duration
    place, length = np.random.default_rng(0).random((num_utterances, 2)).T
    start_s = place * (whole_s - LONGEST_S)
    table = pd.DataFrame({"id": [f"{number:06d}" for number in range(num_utterances)], "file": recording.name})
    table = table.assign(start_s=start_s, end_s=start_s + SHORTEST_S + length * (LONGEST_S - SHORTEST_S))
    os.environ["EMOTONE_CACHE"] = str(folder)
    return extract(Corpus("parts", folder, table), "mel", Mel(), quiet=True)


def examples(store: FeatureStore, ids: Sequence[str], moments: Moments, labelled: bool) -> StoreExamples:
    """Utterances of the store as training sees them, 11 chunks of 62 frames each; labels are random."""
    labels = torch.randn(len(ids), generator=torch.Generator().manual_seed(0))
    return StoreExamples(store.rows(ids), VIEW, Normaliser.of(moments), {"arousal": labels} if labelled else {})


class Mean(nn.Module):
    """A network that costs next to nothing: a linear layer of a chunk's mean; embeddings as large as published."""

    items: ClassVar[str] = "chunks"
    embedding_size = 256

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(128, self.embedding_size)
        self.heads = nn.ModuleDict({"arousal": nn.Linear(self.embedding_size, 1)})

    def embed(self, chunks: Tensor) -> Tensor:
        return self.embedding(chunks.mean(dim=-2))

    def score(self, embeddings: Tensor) -> dict[str, Tensor]:
        return {"arousal": self.heads["arousal"](embeddings)[..., 0]}

    def forward(self, chunks: Tensor) -> dict[str, Tensor]:
        return {name: value.mean(dim=1) for name, value in self.score(self.embed(chunks)).items()}
