"""SIGKILL at ten moments of `extract`, `train` and a folder `predict`: the next run ends as an undisturbed one does."""

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
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["emotone.cli", "emotone.run", "emotone.batch", "emotone.predict", "torch", "lightning_fabric"]
)

Check = Callable[[Path], dict[str, bytes]]


def start(arguments: list[str], folder: Path) -> multiprocessing.Process:
    """The command line in a process of its own, started in `folder`, with small shards and its own cache."""
    code = (
        f"import os, sys; os.chdir({str(folder)!r}); os.environ['EMOTONE_CACHE'] = {str(folder / 'cache')!r}\n"
        "import emotone.store; emotone.store.UTTERANCES_PER_SHARD = 3\n"
        f"from emotone.cli import main; sys.exit(main({arguments!r}))"
    )
    process = FORKS.Process(target=exec, args=(code, {}))
    process.start()
    return process


def finish(arguments: list[str], folder: Path) -> float:
    """Run to the end; returns the seconds it took."""
    began = time.perf_counter()
    process = start(arguments, folder)
    process.join(120)
    assert process.exitcode == 0
    return time.perf_counter() - began


def check_kills(arguments: list[str], prepared: Path, results: Check, tmp_path: Path) -> None:
    """Kill at ten moments spread over the run, each in a fresh copy of `prepared`; finish; compare every result."""
    whole = shutil.copytree(prepared, tmp_path / "whole")
    finish(arguments, whole)
    expected = results(whole)
    again = shutil.copytree(prepared, tmp_path / "again")
    duration_s = finish(arguments, again)  # the second time, when everything is in the disk's cache
    assert results(again) == expected
    random = np.random.default_rng(0)
    num_killed = 0
    for kill in range(NUM_KILLS):
        folder = shutil.copytree(prepared, tmp_path / f"kill-{kill}")
        process = start(arguments, folder)
        time.sleep(duration_s * (kill + random.random()) / NUM_KILLS * 0.95)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            num_killed += 1
        process.join()
        finish(arguments, folder)
        found = results(folder)
        assert found.keys() == expected.keys()
        for name, content in expected.items():
            assert found[name] == content, f"kill {kill}: {name} differs"
        shutil.rmtree(folder)
    assert num_killed >= NUM_KILLS // 2  # on a busy machine some moments come after the end


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
    (folder / "audio").mkdir(parents=True)
    random = np.random.default_rng(0)
    lines = ["file,speaker,arousal"]
    for number in range(24):
        pitch = random.uniform(200, 2000)
        samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(random.uniform(0.4, 0.9) * 16_000)) / 16_000)
        soundfile.write(folder / "audio" / f"{number:02d}.wav", samples, 16_000)
        lines.append(f"{number:02d}.wav,{number % 4},{1 + 6 * (pitch - 200) / 1800:.3f}")
    (folder / "audio" / "table.csv").write_text("\n".join(lines))
    finish(["prepare", "table", str(folder / "audio"), "ranges={arousal: [1, 7]}", "--name", "tones"], folder)
    return folder


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_extract(prepared: Path, tmp_path: Path, jobs: str) -> None:
    arguments = ["extract", "mel", "tones", "--jobs", jobs, "--quiet"]
    check_kills(arguments, prepared, lambda folder: files_below(folder / "cache" / "features"), tmp_path)


def test_train(prepared: Path, tmp_path: Path) -> None:
    (prepared / "tones.yaml").write_text(
        "corpora: [tones]\ntargets: [arousal]\nfeature: {name: mel, scale: log, num_mels: 16}\n"
        "split: {name: leave-speakers-out, num_folds: 4, fold: 0}\n"
        "system: {name: chunk-attention, aggregation: RnnAttenVec, chunk_s: 0.2, hidden_size: 16}\n"
        "training: {batch_size: 4, iterations: 60, validate_every: 5, learning_rate: 1e-2, average: 0.9}\n"
    )

    def results(folder: Path) -> dict[str, bytes]:
        found = files_below(folder / "run")
        for name in [name for name in found if name.startswith("tensorboard") or name == "done.json"]:
            del found[name]  # they hold times
        result = json.loads(found.pop("test.json"))
        del result["cpu_s"]
        return found | {"test.json": json.dumps(result).encode()}

    check_kills(["train", "tones.yaml", "--to", "run", "--quiet"], prepared, results, tmp_path)


def test_predict(prepared: Path, tmp_path: Path) -> None:
    arguments = ["predict", "audio", "--output", "scores.csv", "--quiet"]

    def results(folder: Path) -> dict[str, bytes]:
        assert not (folder / "scores.csv.partial").exists()
        return {"scores.csv": (folder / "scores.csv").read_bytes()}

    check_kills(arguments, prepared, results, tmp_path)
