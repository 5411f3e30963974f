"""A corpus, two systems, their reports and comparison, a bundle that predicts, a picture, scikit-learn's pipelines."""

from pathlib import Path

import corpus
from running import SPEECH, emotone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from emotone.sklearn import Features

RECIPE = "corpora: [calls]\ntargets: [emotion]\nsplit: {name: leave-speakers-out, num_folds: 4}\n"
SYSTEMS = {
    "light": "feature: {name: whisper-light, blocks: [1], pooled: mean}\nsystem: {name: light-heads}\n",
    "loop": "feature: {name: mel}\nsystem: {name: mel-convolution}\ntraining: {iterations: 2, validate_every: 1}\n",
}
corpus.prepare()
emotone("info", "calls", "--picture", "calls.svg")
emotone("export", "calls", "database")
for name, system in SYSTEMS.items():
    Path(f"{name}.yaml").write_text(RECIPE + system, encoding="utf-8")
    emotone("check", f"{name}.yaml")
    emotone("train", f"{name}.yaml", "--to", f"runs/{name}", "--quiet")
emotone("evaluate", "runs/light", "--report", "report.html")
emotone("compare", "runs/light", "runs/loop", "--report", "compared.html")
emotone("export-bundle", "runs/loop/fold-0", "hub", "--to", "hugging-face")
assert "neutral" in emotone("predict", SPEECH, "--model", "hub", "--picture", "talk.svg")

pieces = sorted(str(path) for path in Path("calls").glob("*.wav"))
pipeline = make_pipeline(Features("whisper-light"), LogisticRegression())
assert set(pipeline.fit(pieces, ["a", "b"] * 8).predict(pieces)) <= {"a", "b"}
