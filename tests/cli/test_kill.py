"""SIGKILL at moments of every command that resumes: the next run ends as an undisturbed one does, and leaves no more.

`benchmarks/bench_kills.py` does the same thirty times each.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from kills import check_kills, files_below, prepare_tones

NUM_KILLS = 8


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder with 24 tones of 4 speakers, prepared as the corpus `tones`."""
    folder = tmp_path / "prepared"
    prepare_tones(folder, "audio", "tones", 24)
    return folder


@pytest.mark.parametrize(("jobs", "num_kills"), [("1", NUM_KILLS), ("2", 5)])
def test_extract(prepared: Path, tmp_path: Path, jobs: str, num_kills: int) -> None:
    arguments = ["extract", "mel", "tones", "--jobs", jobs, "--quiet"]
    kills = check_kills(
        arguments, prepared, lambda folder: files_below(folder / "cache" / "features"), tmp_path, num_kills
    )
    assert kills.killed >= num_kills // 2  # on a busy machine some moments come after the end


RECIPE = "corpora: [tones]\ntargets: [arousal]\nsplit: {name: leave-speakers-out, num_folds: 4, fold: 0}\n"
PLAIN = """\
feature: {name: mel, scale: log, num_mels: 16}
system: {name: chunk-attention, aggregation: RnnAttenVec, chunk_s: 0.2, hidden_size: 16}
training: {batch_size: 4, iterations: 30, validate_every: 3, learning_rate: 1e-2, average: 0.9}
"""
DEEP_MI = """\
feature: scores
unlabelled: {corpora: [others]}
system: {name: curriculum-network, hidden_size: 16}
training: {batch_size: 4, epochs: 8, learning_rate: 1e-3}
curriculum:
  order: easy-first
  num_levels: 4
  epochs_per_level: 2
  score:
    name: deep-mi
    alpha: 0.5
    system: {name: deep-emo-clusters, model: dense-res-net, num_clusters: 4, hidden_std: null,
             model_settings: {widths: [16, 8], num_blocks: 1, always_drop: true}}
    training: {batch_size: 4, epochs: 4, learning_rate: 1e-3}
"""
DEEP_MI_FILES = {
    "metrics.csv",
    "predictions.parquet",
    "deep_mi.parquet",
    "deep_mi.json",
    "curriculum.parquet",
    "semi-supervised/metrics.csv",
    "semi-supervised/clusters.parquet",
    "semi-supervised/bundle/model.onnx",
}

SEQ2SEQ = """\
feature: {name: mel, scale: log, num_mels: 16}
system:
  name: emotion-seq2seq
  chunk_s: 0.2
  hidden_size: 16
  curve_std: 0.5
  ranker: {preferences: margin, hidden_size: 16, num_pairs: 100}
  ranker_training: {batch_size: 8, epochs: 5, learning_rate: 1e-2}
training: {batch_size: 4, epochs: 5, learning_rate: 1e-2}
"""
SEQ2SEQ_FILES = {
    "metrics.csv",
    "predictions.parquet",
    "curves.parquet",
    "bundle/model.onnx",
    "ranker/metrics.csv",
    "ranker/preferences.parquet",
    "ranker/bundle/model.onnx",
}


@pytest.mark.parametrize(
    ("recipe", "files", "num_kills"),
    [(PLAIN, {"metrics.csv"}, NUM_KILLS), (DEEP_MI, DEEP_MI_FILES, 5), (SEQ2SEQ, SEQ2SEQ_FILES, 5)],
)
def test_train(prepared: Path, tmp_path: Path, recipe: str, files: set[str], num_kills: int) -> None:
    (prepared / "tones.yaml").write_text(RECIPE + recipe)
    if "others" in recipe:
        prepare_tones(prepared, "more", "others", 10, seed=1)

    def results(folder: Path) -> dict[str, bytes]:
        found = files_below(folder / "run")
        assert files <= found.keys()
        del found["done.json"]  # which holds times
        result = json.loads(found.pop("test.json"))
        del result["cpu_s"]
        return found | {"test.json": json.dumps(result).encode()}

    arguments = ["train", "tones.yaml", "--to", "run", "--quiet"]
    assert check_kills(arguments, prepared, results, tmp_path, num_kills).killed >= num_kills // 2


def test_predict(prepared: Path, tmp_path: Path) -> None:
    arguments = ["predict", "audio", "--output", "scores.csv", "--quiet"]

    def results(folder: Path) -> dict[str, bytes]:
        return {"scores.csv": (folder / "scores.csv").read_bytes()}

    assert check_kills(arguments, prepared, results, tmp_path, NUM_KILLS).killed >= NUM_KILLS // 2


def test_predict_into_a_folder(prepared: Path, tmp_path: Path) -> None:
    arguments = ["predict", "audio", "--output", "grids", "--as", "textgrid", "--quiet"]
    results = lambda folder: files_below(folder / "grids")  # noqa: E731
    assert check_kills(arguments, prepared, results, tmp_path, 4, to="grids").killed >= 2


def test_retrieve(prepared: Path, tmp_path: Path) -> None:
    time_s = np.arange(14 * 16_000) / 16_000
    soundfile.write(prepared / "talk.wav", 0.3 * np.sin(2 * np.pi * (150 + 30 * np.sin(3 * time_s)) * time_s), 16_000)
    arguments = (
        "retrieve talk.wav --attribute arousal --highest 12 --length 1 --hop 1 --speech 0 --output clips --to clips"
    )
    results = lambda folder: files_below(folder / "clips")  # noqa: E731
    kills = check_kills([*arguments.split(), "--quiet"], prepared, results, tmp_path, 4, to="clips")
    assert kills.killed >= 2
