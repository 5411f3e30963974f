"""Large tables: `python benchmarks/bench_tables.py`.

A synthetic corpus of 100,000 utterances: making it, its checks and every split (wanted: 10 s each, 1 GB in all), and a
bootstrap of 10,000 resamples over 30,000 predictions (wanted: 5 s). Of a split with many folds the first one is made,
as training does it: fold after fold.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from emotone.corpora.agreement import alpha_of_votes
from emotone.corpora.check import check_corpus
from emotone.corpora.corpus import Corpus
from emotone.corpora.info import corpus_info
from emotone.data.leakage import class_balance, describe, find_crossings
from emotone.data.split import RAVDESS_FOLDS, SPLITS, Split
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.statistics import interval_over_speakers

NUM_UTTERANCES, NUM_SPEAKERS, NUM_PREDICTIONS, NUM_RESAMPLES = 100_000, 2_000, 30_000, 10_000
NUM_VOTES = 5
SETTINGS: dict[str, dict[str, Any]] = {
    "leave-speakers-out": {"num_folds": 10},
    "stratified-folds": {"num_folds": 10},
    "cross-corpus": {"test": ["b"]},
}
"""Of the splits that need some; those made from the table are set in `main`."""

Result = TypeVar("Result")


def measure(title: str, run: Callable[[], Result], wanted_s: float = 10) -> Result:
    """The result, once its time is printed."""
    began_s = time.perf_counter()
    result = run()
    print(f"{title:<48} {time.perf_counter() - began_s:8.2f} s   wanted: < {wanted_s:g} s", flush=True)
    return result


def synthetic_table(num_utterances: int = NUM_UTTERANCES, num_speakers: int = NUM_SPEAKERS) -> pd.DataFrame:
    """Utterances with every column; two speakers a session, the owner's split whole sessions."""
    random = np.random.default_rng(0)
    speaker = np.sort(random.permutation(np.arange(num_utterances) % num_speakers))
    emotions = np.array(["anger", "fear", "happiness", "neutral", "sadness"], dtype=object)
    parts = np.array(["train"] * 6 + ["validation"] * 2 + ["test"] * 2, dtype=object)
    table = pd.DataFrame(
        {
            "id": [f"utterance-{number:06d}" for number in range(num_utterances)],
            "file": [f"audio/{number:06d}.wav" for number in range(num_utterances)],
            "speaker": [f"s{number:04d}" for number in speaker],
            "session": [f"t{number // 2:04d}" for number in speaker],
            "gender": np.array(["female", "male"], dtype=object)[speaker % 2],
            "script": random.integers(500, size=num_utterances).astype(str).astype(object),
            "split": parts[speaker // 2 % len(parts)],
            "emotion": emotions[random.integers(len(emotions), size=num_utterances)],
            "recording": [f"r{number}" for number in speaker * 100 + random.integers(100, size=num_utterances)],
        }
    )
    for attribute in ("arousal", "dominance", "valence"):
        table[attribute] = random.uniform(1, 7, num_utterances)
    return table


def synthetic_scan(table: pd.DataFrame) -> pd.DataFrame:
    """A scan of the table, in which some recordings are there twice."""
    random = np.random.default_rng(1)
    content = random.integers(9 * len(table) // 10, size=len(table))
    columns = {"content": [f"{number:032x}" for number in content], "duration_s": random.gamma(4, 1, len(table))}
    return pd.DataFrame(columns | {"is_silent": False, "clipped_share": 0.0, "error": ""}, index=table["id"])


def main() -> None:
    table = synthetic_table()
    corpus = measure("corpus of 100,000 utterances", lambda: Corpus("synthetic", Path("audio"), table))
    measure("its fingerprint", lambda: corpus.fingerprint)
    scan, (split, *_) = synthetic_scan(table), SPLITS["official"](table)
    lines = measure("find_crossings and their description", lambda: describe(find_crossings(table, split, scan)))
    measure("class_balance", lambda: class_balance(table, split))
    measure("check_corpus", lambda: check_corpus(corpus, scan))
    measure("corpus_info", lambda: corpus_info(corpus, scan))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "folds.json"
        file.write_text(json.dumps([{part: getattr(split, part) for part in ("train", "validation", "test")}] * 5))
        speakers = sorted(table["speaker"].unique())
        made = {"given": {"file": file}, "speaker-folds": {"folds": [speakers[k::10] for k in range(10)]}}
        actors = sorted(actor for fold in RAVDESS_FOLDS for actor in fold)
        for name, function in SPLITS.items():
            own = table.assign(corpus=np.where(table["session"] < "t0500", "a", "b"))
            if name == "ravdess":
                own["speaker"] = np.array(actors, dtype=object)[np.arange(len(table)) % len(actors)]
            settings = SETTINGS.get(name, made.get(name, {}))
            measure(f"split {name}", lambda f=function, t=own, s=settings: _first_fold(f(t, **s)))
    _measure_votes(table)
    _measure_bootstrap()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak resident memory':<48} {peak_mb:8.0f} MB  wanted: < 1000 MB")
    print(*lines, sep="\n")


def _first_fold(folds: Sequence[Split]) -> Split:
    assert folds[0].train
    return folds[0]


def _measure_votes(table: pd.DataFrame) -> None:
    random = np.random.default_rng(2)
    ids = np.repeat(table["id"].to_numpy(), NUM_VOTES)
    votes = random.integers(1, 8, len(ids)).astype(float)
    for level in ("interval", "ordinal", "nominal"):
        measure(f"alpha of 500,000 votes, {level}", lambda level=level: alpha_of_votes(ids, votes, level))


def _measure_bootstrap() -> None:
    random = np.random.default_rng(3)
    speakers = np.array([f"s{number:04d}" for number in random.integers(NUM_SPEAKERS, size=NUM_PREDICTIONS)])
    target = random.uniform(1, 7, NUM_PREDICTIONS)
    prediction = target + random.normal(size=NUM_PREDICTIONS)
    classes = np.array(["anger", "fear", "happiness", "neutral", "sadness"])
    for metric, values in (
        (metrics.ccc, (prediction, target)),
        (metrics.uar, (classes[prediction.astype(int) % 5], classes[target.astype(int) % 5])),
    ):
        measure(
            f"bootstrap of {NUM_RESAMPLES:,} over {NUM_PREDICTIONS:,}, {metric.__name__}",
            lambda metric=metric, values=values: interval_over_speakers(
                metric, *values, speakers, NUM_RESAMPLES, method="percentile"
            ),
            wanted_s=5,
        )


if __name__ == "__main__":
    main()
