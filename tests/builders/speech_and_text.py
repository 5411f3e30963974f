"""Speech and text: a few utterances of real speech with sentences that are made up, and untrained bundles of both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, WordChunks
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.nemo import Nemo
from emotone.data.heard import CORPUS_COLUMNS

SENTENCES = ("see good moods so soon", "so good", "oo no", "good dogs see", "a wood so good do see", "go")


@pytest.fixture(scope="session")
def few_spoken(shared: Path) -> Corpus:
    """Three utterances each of four nEMO speakers, with sentences and arousal that are made up; not to be changed."""
    whole = Nemo().read(shared / "data/nemo")
    table = whole.utterances[whole.utterances["emotion"].isin(["anger", "neutral", "sadness"])]
    few = table[table["speaker"].isin(sorted(table["speaker"].unique())[:4])]
    few = few.groupby(["speaker", "emotion"]).head(1).reset_index(drop=True)
    random = np.random.default_rng(0)
    texts = [SENTENCES[number % len(SENTENCES)] for number in range(len(few))]
    return Corpus(
        "nemo",
        whole.root,
        few.assign(transcript=texts, arousal=random.uniform(1, 5, len(few))),
        None,
        {"ranges": {"arousal": [1, 5]}},
    )


@pytest.fixture(scope="session")
def spoken_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of all tests of this corpus: its features are extracted once."""
    return tmp_path_factory.mktemp("spoken-cache")


@pytest.fixture
def spoken(few_spoken: Corpus, spoken_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """The corpus of `few_spoken`, prepared."""
    monkeypatch.setenv("EMOTONE_CACHE", str(spoken_cache))
    few_spoken.save()
    return few_spoken


@pytest.fixture
def hears(spoken: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recognition that hears all words but the first, evenly over 0.6 s, at once."""
    import pandas as pd

    said = dict(zip(spoken.utterances["id"], spoken.utterances["transcript"], strict=True))

    def transcribe_corpus(corpus: Corpus, transcriber: Any = None, quiet: bool = False) -> pd.DataFrame:
        rows = []
        for name in corpus.utterances["id"]:
            heard = said[name].split()[1:]
            step_s = 0.6 / max(1, len(heard))
            words = [(word, n * step_s, (n + 1) * step_s) for n, word in enumerate(heard)]
            rows.append((name, " ".join(heard) or None, "en", words, ""))
        return pd.DataFrame(rows, columns=list(CORPUS_COLUMNS))

    for module in ("data.words_and_text", "evaluate.degraded.missing_inputs"):
        monkeypatch.setattr(f"emotone.{module}.transcribe_corpus", transcribe_corpus)


@pytest.fixture(scope="session")
def two_streams(tmp_path_factory: pytest.TempPathFactory, tiny_roberta: Path) -> list[Path]:
    """Two bundles of speech and text with other scores, a category and an attribute; not to be changed."""
    one = _write(tmp_path_factory.mktemp("bundles"), tiny_roberta)
    other = shutil.copytree(one, one.parent / "other")
    about = json.loads((other / "bundle.json").read_text())
    about["targets"][0]["labels"].reverse()
    about["targets"][1]["std"] = 0.25
    (other / "bundle.json").write_text(json.dumps(about))
    return [one, other]


def _write(folder: Path, text_encoder: Path) -> Path:
    import torch

    from emotone.models.export import write_bundle
    from emotone.models.networks.co_attention import CoAttention

    torch.manual_seed(0)
    network = CoAttention(7 * 16, 32, {"emotion": 6, "arousal": 1}, 8, 2, 1, 1).eval()
    about = BundleAbout(
        name="both",
        description="A bundle for tests",
        max_utterance_s=10.0,
        feature=Choice("mel", {"num_mels": 16, "scale": "log", "log_floor": 1e-5}),
        text_feature=Choice("roberta", {"weights": str(text_encoder)}),
        view=WordChunks(chunk_frames=20, hop_s=0.016, num_text_features=32),
        targets=[
            Target("emotion", "category", labels=tuple(sorted(Nemo.emotions))),
            Target("arousal", "attribute", (1.0, 5.0), 3.0, 1.0),
        ],
        training=Provenance(recipe={"alignment": "transcript"}),
        licence="CC0",
    )
    normalisers = StreamNormalisers(
        Normaliser(np.full(16, -5.0), np.full(16, 2.0)), Normaliser(np.zeros(32), np.full(32, 0.5))
    )
    return write_bundle(folder / "bundle", network, about, normalisers, "# both\n", num_frames=60)
