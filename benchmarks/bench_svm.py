"""The classical baseline against scikit-learn's SVC: `python benchmarks/bench_svm.py [emodb] [ravdess]`.

From ComParE and eGeMAPS functionals to the predictions of all test speakers, on one core: EmoDB, leave one speaker out,
and the six published folds of RAVDESS. Each side in a process of its own that has loaded the same packages and
features; what counts is the CPU time and the memory that it takes from there on, z-scores included. "C 1" is
`SVC(kernel="linear")` as it comes, and ours without `refit`, which would score inner folds, too; "C chosen" tries the
six of `c_grid` on the same five inner folds over training speakers, theirs by `GridSearchCV`.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import process_memory
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.moments import Moments
from emotone.bundle.view.view import Normaliser
from emotone.data.dataset import Dataset
from emotone.data.recipe_yaml import load_recipe
from emotone.data.selection import Selection
from emotone.evaluate.numbers import metrics
from emotone.training.experiment import Experiment
from emotone.training.systems.functionals_svm import SPEAKER

RECIPES = {"emodb": "emodb-functionals-svm", "ravdess": "ravdess-functionals-svm"}


def keep_features(corpus: str, feature_set: str, path: Path) -> None:
    """Features, labels, speakers and the test part of each fold, of a prepared corpus."""
    recipe = load_recipe(RECIPES[corpus], [f"feature.feature_set={feature_set}"])
    experiment = Experiment.resolve(recipe)
    selection = Selection.read(recipe, quiet=True)
    dataset = Dataset.extract(selection, experiment.feature)
    table = dataset.table
    tests = np.array([table["id"].isin(fold.test) for fold in selection.folds(0).values()])
    labels, speakers = (np.unique(table[name], return_inverse=True)[1] for name in ("emotion", "speaker"))
    inputs = np.concatenate(dataset.rows(table).utterances)
    np.savez(path, inputs=inputs, labels=labels, speakers=speakers, tests=tests)


def ours(train: Any, test: Any, labels: Any, speakers: Any, c: float | None) -> Any:
    moments = Moments()
    for row in train:
        moments.update(row[None])
    normaliser = Normaliser.of(moments, clip=None)
    num = int(labels.max()) + 1
    target = Target("emotion", "category", labels=tuple(map(str, range(num))))
    system = plugins.create("systems", "functionals-svm", {"c": c, "refit": c is None})
    network = system.build(train.shape[1], [target])
    hot = np.eye(num, dtype=np.float32)[labels]
    known = {"emotion": hot, SPEAKER: speakers.astype(np.float32)}
    system.solve(network, [target], (normaliser(train)[:, None], known), None, 0)
    with torch.inference_mode():
        scores = network(torch.from_numpy(normaliser(test))[:, None])
    return scores["emotion"].argmax(dim=1).numpy()


def theirs(train: Any, test: Any, labels: Any, speakers: Any, c: float | None) -> Any:
    pipeline = make_pipeline(StandardScaler(), SVC(kernel="linear", C=c or 1.0))
    if c is None:
        inner = np.unique(speakers, return_inverse=True)[1] % 5
        folds = [(np.flatnonzero(inner != fold), np.flatnonzero(inner == fold)) for fold in range(5)]
        grid = {"svc__C": sorted(plugins.create("systems", "functionals-svm").c_grid)}
        pipeline = GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=folds)
    return pipeline.fit(train, labels).predict(test)


def measure(side: str, path: str, c: float | None, to: Path) -> None:
    """Write UAR and CPU seconds of one side, as JSON."""
    data = dict(np.load(path))
    run, found = {"ours": ours, "theirs": theirs}[side], np.zeros(len(data["labels"]), int)
    run(
        data["inputs"][:40], data["inputs"][:40], data["labels"][:40] % 2, np.arange(40) % 5, 1.0
    )  # loads what it needs
    print("ready", flush=True)
    time.sleep(2 * process_memory.INTERVAL_S)
    began = time.process_time()
    for test in data["tests"]:
        rest = ~test
        found[test] = run(data["inputs"][rest], data["inputs"][test], data["labels"][rest], data["speakers"][rest], c)
    to.write_text(json.dumps({"uar": metrics.uar(found, data["labels"]), "cpu_s": time.process_time() - began}))


def compare(title: str, path: Path, c: str) -> None:
    """Both sides, each in a process of its own."""
    found = {}
    for side in ("ours", "theirs"):
        to = path.with_suffix(".json")
        memory = process_memory.watch(__file__, side, str(path), c, str(to))
        found[side] = json.loads(to.read_text()) | {"mb": max(memory.anonymous) - memory.anonymous[0]}
    a, b = found["ours"], found["theirs"]
    print(
        f"{title:<34} UAR {a['uar']:.3f} {b['uar']:.3f}   CPU {a['cpu_s']:6.1f} s {b['cpu_s']:6.1f} s "
        f"(ours/theirs {a['cpu_s'] / b['cpu_s']:.2f})   memory {a['mb']:4.0f} MB {b['mb']:4.0f} MB "
        f"({a['mb'] / max(b['mb'], 1):.2f})   wanted: UAR no less, ratios <= 1",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", default=list(RECIPES), help="prepared ones; default: both")
    parser.add_argument("--train", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        side, features, c, to = arguments.train
        measure(side, features, None if c == "chosen" else float(c), Path(to))
        return
    with tempfile.TemporaryDirectory() as folder:
        for corpus in arguments.corpora:
            for feature_set in ("ComParE_2016", "eGeMAPSv02"):
                path = Path(folder) / f"{corpus}-{feature_set}.npz"
                keep_features(corpus, feature_set, path)
                for c in ("1", "chosen"):
                    compare(f"{corpus}, {feature_set}, C {c}", path, c)


if __name__ == "__main__":
    main()
