"""Runs whose predictions are made up, for tests of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle.target import Target
from emotone.evaluate.degraded.measured import Measured, MeasuredCurves, Point
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import score_predictions

LABELS = ("anger", "calm", "fear")
AROUSAL = Target("arousal", "attribute", (1, 7))
VALENCE = Target("valence", "attribute", (1, 7))
EMOTION = Target("emotion", "category", labels=LABELS)
TARGETS = [AROUSAL, VALENCE, EMOTION]


def predictions(num: int = 120, num_speakers: int = 6, name: str = "s", seed: int = 0) -> pd.DataFrame:
    """One fold of as many utterances, half of whose speakers are women, that is right more often than not."""
    random = np.random.default_rng(seed)
    number = np.arange(num) % num_speakers
    label, truth = random.integers(3, size=num), random.normal(4, 1, (num, 2))
    logits = random.normal(size=(num, 3))
    logits[np.arange(num), label] += 1
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    noisy = truth * 0.7 + 1 + random.normal(size=(num, 2)) * 0.5
    ids = [f"{name}{n}.wav" for n in range(num)]
    return pd.DataFrame(
        {
            "id": ids,
            "own_id": ids,
            "corpus": name,
            "speaker": [f"{name}{n}" for n in number],
            "gender": np.where(number % 2, "female", "male"),
            "language": "da",
            "duration_s": random.uniform(0.5, 9, num),
            "repeat": 0,
            "fold": 0,
            "true_arousal": truth[:, 0],
            "predicted_arousal": noisy[:, 0],
            "true_valence": truth[:, 1],
            "predicted_valence": noisy[:, 1],
            "true_emotion": [LABELS[k] for k in label],
            **{f"p_{one}": p[:, k] for k, one in enumerate(LABELS)},
        }
    )


def make_run(test: pd.DataFrame, targets: list[Target] | None = None, **result: Any) -> Run:
    """A finished run of these predictions; `result` is added to what `test.json` says."""
    targets = TARGETS if targets is None else targets
    measured = {
        "protocol": "mine: leave-one-speaker-out by speaker",
        "hash": "0a1b2c",
        "seed": 3,
        "corpora": {"mine": "feed"},
        "splits": ["s1", "s2"],
        "versions": {"emotone": "1"},
        "left_out": {"no label": 2},
        "cpu_s": 90.0,
        **score_predictions(test, targets),
        **result,
    }
    recipe = {"name": "mine", "corpora": ["mine"], "seed": 3}
    return Run(Path("run"), recipe, measured, targets, test, predictions(60, seed=1))


def measured_curves() -> MeasuredCurves:
    """A curve of noise with three points; the worst has no emotion."""
    value: Measured = {"low": 0.4, "value": 0.5, "high": 0.6, "change": {"low": -0.2, "value": -0.1, "high": 0.0}}

    def point(severity: float | str) -> Point:
        metrics = {"arousal": value, "valence": value, "emotion": value if severity != -5.0 else None}
        return {"severity": severity, "is_clean": severity == "clean", "num_failed": 0, "metrics": metrics}

    return {
        "num_utterances": 9,
        "num_speakers": 3,
        "notes": [],
        "metrics": {"arousal": "ccc", "valence": "ccc", "emotion": "uar"},
        "curves": {
            "noise": {
                "title": "Noise (pink noise, not recorded)",
                "axis": "SNR (dB)",
                "num_utterances": 9,
                "points": [point(severity) for severity in ("clean", 10.0, -5.0)],
            }
        },
    }
