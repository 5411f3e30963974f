"""Three mistakes, each of which mypy and pyright must find."""

from __future__ import annotations

import emotone

predictor = emotone.load("default")
predictor.predict(7)
emotone.UtteranceRules(pause="short")
mood: int = predictor.predict("talk.wav").emotion
