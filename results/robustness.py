"""How the bundles that come along lose as audio gets worse: python results/robustness.py MODEL [MODEL ...].

Zero-shot on EmoTale (Danish, prepared as `emotale`): the same utterances, degraded alike for every model. Writes
robustness.json and robustness.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.degraded.robustness import robustness

RESULTS = Path(__file__).resolve().parent
NUM_UTTERANCES = 90
CURVES = ("noise", "reverberation", "gain", "bandwidth", "codec")
ATTRIBUTES = ("arousal", "dominance", "valence")


def main(models: list[str]) -> None:
    """Measure every model, write both files."""
    found: dict[str, Any] = {}
    for model in models:
        run = evaluate_model(model, "emotale", quiet=True)
        curves = robustness(run, num_utterances=NUM_UTTERANCES, quiet=True, only=CURVES)["curves"]
        found[Path(model).name] = curves
    (RESULTS / "robustness.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "robustness.md").write_text(render(found))


def render(found: dict[str, Any]) -> str:
    """The page of results."""
    models = list(found)
    lines = [
        "# Bundles as audio gets worse\n",
        "Made by `python results/robustness.py`; do not edit. CCC of arousal, dominance and valence, zero-shot on",
        f"{NUM_UTTERANCES} utterances of EmoTale (Danish), degraded alike for all; noise is pink. `bundle-v1` is",
        "the mel network that was the default before. Intervals stand in robustness.json.\n",
        f"| degradation | {' | '.join(models)} |",
        f"|---|{'---|' * len(models)}",
    ]
    for name, curve in found[models[0]].items():
        for place, point in enumerate(curve["points"]):
            cells = [
                ", ".join(f"{found[model][name]['points'][place]['metrics'][one]['value']:.3f}" for one in ATTRIBUTES)
                for model in models
            ]
            lines.append(f"| {curve['axis']}: {point['severity']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:] or ["default", "small"])
