"""A program of somebody else, by which the release check tries Emotone's type information with mypy and pyright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import emotone

predictor: emotone.Predictor = emotone.load("default", threads=1)
samples: NDArray[np.float32] = np.zeros(16_000, np.float32)
prediction: emotone.Prediction = predictor.predict(samples, rate_hz=16_000)
scores: dict[str, float] = prediction.scores
emotion: str | None = prediction.emotion
parts = predictor.predict("talk.wav", parts=emotone.UtteranceRules(pause_s=0.3))
names: list[str] = predictor.columns
stream = emotone.Stream(predictor, rate_hz=16_000)
error: type[Exception] = emotone.EmotoneError
version: str = emotone.__version__
