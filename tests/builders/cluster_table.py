"""A table of clusters as training leaves it, for the tests of reports."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emotone.bundle.target import Target

AROUSAL = Target("arousal", "attribute", (1, 5))
EMOTION = Target("emotion", "category", labels=("anger", "calm", "fear"))


def clusters(num: int = 60, num_clusters: int = 4, network: str = "", seed: int = 0) -> pd.DataFrame:
    """Two thirds with labels (train and test), the rest unlabelled, of two corpora."""
    random = np.random.default_rng(seed)
    cluster = np.arange(num) % num_clusters
    is_labelled = np.arange(num) < num * 2 // 3
    label = np.clip(1.5 + cluster * 0.8 + random.normal(0, 0.5, num), 1, 5)
    return pd.DataFrame(
        {
            "network": network, "id": [f"u{n}" for n in range(num)], "speaker": "s",
            "corpus": np.where(is_labelled, "mine", "other"),
            "part": np.where(is_labelled, np.where(np.arange(num) % 5, "train", "test"), "unlabelled"),
            "cluster": cluster, "arousal": np.where(is_labelled, label, np.nan),
            "emotion": [EMOTION.labels[n % 3] if known else None for n, known in enumerate(is_labelled)],
            "embedding": list((random.normal(size=(num, 8)) + cluster[:, None]).astype(np.float32)),
        }
    )  # fmt: skip
