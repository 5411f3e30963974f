"""Everything in one environment: bundles of openSMILE, Whisper and MiniLM, with which those extras predict alone."""

import shutil
from pathlib import Path

import corpus
from running import MADE, SPEECH, emotone

RECIPE = "corpora: [calls]\nsplit: {name: leave-speakers-out, num_folds: 4}\n"
RECIPES = {
    "opensmile": "targets: [emotion]\nfeature: {name: functionals, feature_set: eGeMAPSv02}\n"
    "normalise: {clip: null}\nsystem: {name: functionals-svm}\n",
    "ssl": "targets: [emotion]\nfeature: {name: moments, of: whisper, settings: {layer: 3, full_window: false}}\n"
    "normalise: {clip: null}\nsystem: {name: functionals-svm}\n",
    "text": 'targets: [arousal]\nfeature: {name: whisper-light, blocks: [1], pooled: "no"}\n'
    "text_feature: {name: minilm}\nsystem: {name: multi-scale, hidden_size: 8, num_heads: 2, modality_dropout: 0.2}\n"
    "training: {batch_size: 4, iterations: 2, validate_every: 1}\n",
}
corpus.prepare()
for name, recipe in RECIPES.items():
    Path(f"{name}.yaml").write_text(RECIPE + recipe, encoding="utf-8")
    emotone("train", f"{name}.yaml", "--to", f"runs/{name}", "--quiet")
    shutil.copytree(f"runs/{name}/fold-0", MADE / name)
assert "speech" in emotone("predict", SPEECH, "--model", MADE / "text", "--transcript", "auto")
