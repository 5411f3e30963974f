"""SIGKILL at moments of `extract`, `train` and a folder `predict`: the next run ends as an undisturbed one does."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

NUM_KILLS = 10
LIMIT_S = 900  # of a run of seconds, on however busy a machine
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "emotone.cli.main",
        "emotone.training.run",
        "emotone.predict.files",
        "emotone.predict.predictor",
        "torch",
        "lightning_fabric",
    ]
)

Check = Callable[[Path], dict[str, bytes]]


def start(arguments: list[str], folder: Path) -> multiprocessing.Process:
    """The command line in a process of its own, started in `folder`, with small shards and its own cache."""
    code = (
        f"import os, sys; os.chdir({str(folder)!r}); os.environ['EMOTONE_CACHE'] = {str(folder / 'cache')!r}\n"
        "import emotone.data.store; emotone.data.store.UTTERANCES_PER_SHARD = 3\n"
        f"from emotone.cli.main import main; sys.exit(main({arguments!r}))"
    )
    process = FORKS.Process(target=exec, args=(code, {}))
    process.start()
    return process


def finish(arguments: list[str], folder: Path) -> float:
    """Run to the end; returns the seconds it took."""
    began = time.perf_counter()
    process = start(arguments, folder)
    process.join(LIMIT_S)
    assert process.exitcode == 0
    return time.perf_counter() - began


def check_kills(
    arguments: list[str], prepared: Path, results: Check, tmp_path: Path, num_kills: int = NUM_KILLS
) -> None:
    """Kill at moments spread over the run, each in a fresh copy of `prepared`; finish; compare every result."""
    whole = shutil.copytree(prepared, tmp_path / "whole")
    finish(arguments, whole)
    expected = results(whole)
    again = shutil.copytree(prepared, tmp_path / "again")
    duration_s = finish(arguments, again)  # the second time, when everything is in the disk's cache
    assert results(again) == expected
    random = np.random.default_rng(0)
    num_killed = 0
    for kill in range(num_kills):
        folder = shutil.copytree(prepared, tmp_path / f"kill-{kill}")
        process = start(arguments, folder)
        time.sleep(duration_s * (kill + random.random()) / num_kills * 0.95)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            num_killed += 1
        else:
            duration_s /= 2  # less is going on beside this than when it was measured
        process.join()
        finish(arguments, folder)
        found = results(folder)
        assert found.keys() == expected.keys()
        for name, content in expected.items():
            assert found[name] == content, f"kill {kill}: {name} differs"
        shutil.rmtree(folder)
    assert num_killed >= num_kills // 2  # on a busy machine some moments come after the end


def files_below(folder: Path) -> dict[str, bytes]:
    """Contents of all files, by relative path; temporary files that a kill left have no place in a result."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder with 24 tones of 4 speakers, prepared as the corpus `tones`."""
    folder = tmp_path / "prepared"
    prepare_tones(folder, "audio", "tones", 24)
    return folder


def prepare_tones(folder: Path, below: str, name: str, num_tones: int, seed: int = 0) -> None:
    (folder / below).mkdir(parents=True)
    random = np.random.default_rng(seed)
    lines = ["file,speaker,arousal"]
    for number in range(num_tones):
        pitch = random.uniform(200, 2000)
        samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(random.uniform(0.4, 0.9) * 16_000)) / 16_000)
        soundfile.write(folder / below / f"{number:02d}.wav", samples, 16_000)
        lines.append(f"{number:02d}.wav,{number % 4},{1 + 6 * (pitch - 200) / 1800:.3f}")
    (folder / below / "table.csv").write_text("\n".join(lines))
    finish(["prepare", "table", str(folder / below), "ranges={arousal: [1, 7]}", "--name", name], folder)


@pytest.mark.parametrize(("jobs", "num_kills"), [("1", NUM_KILLS), ("2", 5)])
def test_extract(prepared: Path, tmp_path: Path, jobs: str, num_kills: int) -> None:
    arguments = ["extract", "mel", "tones", "--jobs", jobs, "--quiet"]
    check_kills(arguments, prepared, lambda folder: files_below(folder / "cache" / "features"), tmp_path, num_kills)


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
        for name in [name for name in found if "tensorboard" in name or name == "done.json"]:
            del found[name]  # they hold times
        result = json.loads(found.pop("test.json"))
        del result["cpu_s"]
        return found | {"test.json": json.dumps(result).encode()}

    check_kills(["train", "tones.yaml", "--to", "run", "--quiet"], prepared, results, tmp_path, num_kills)


def test_predict(prepared: Path, tmp_path: Path) -> None:
    arguments = ["predict", "audio", "--output", "scores.csv", "--quiet"]

    def results(folder: Path) -> dict[str, bytes]:
        assert not (folder / "scores.csv.partial").exists()
        return {"scores.csv": (folder / "scores.csv").read_bytes()}

    check_kills(arguments, prepared, results, tmp_path)
