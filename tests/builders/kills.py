"""Commands that are killed at moments spread over their run, and run again: results as of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

LIMIT_S = 900  # of a run of seconds, on however busy a machine
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "emotone.cli.verbs",
        "emotone.training.run",
        "emotone.predict.files",
        "emotone.predict.predictor",
        "torch",
        "lightning_fabric",
    ]
)

Check = Callable[[Path], dict[str, bytes]]


class Kills(NamedTuple):
    """How often a command was killed, had ended before that, and left files that the next run had to remove."""

    killed: int
    ended: int
    untidy: int


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
    arguments: list[str], prepared: Path, results: Check, scratch: Path, num_kills: int, seed: int = 0, to: str = ""
) -> Kills:
    """Kill at moments spread over the run, each in a fresh copy of `prepared`; finish; compare every result.

    No file may be left that an undisturbed run does not leave. A run that has come to its output `to` is not repeated.
    """
    whole = shutil.copytree(prepared, scratch / "whole")
    finish(arguments, whole)
    expected, names = results(whole), names_below(whole)
    again = shutil.copytree(prepared, scratch / "again")
    duration_s = finish(arguments, again)  # the second time, when everything is in the disk's cache
    assert results(again) == expected
    random = np.random.default_rng(seed)
    num_killed = num_untidy = 0
    for kill in range(num_kills):
        folder = shutil.copytree(prepared, scratch / f"kill-{kill}")
        process = start(arguments, folder)
        time.sleep(duration_s * (kill + random.random()) / num_kills * 0.95)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            num_killed += 1
        else:
            duration_s /= 2  # less is going on beside this than when it was measured
        process.join()
        num_untidy += bool(names_below(folder) - names)
        if not to or not (folder / to).exists():
            finish(arguments, folder)
        found = results(folder)
        assert found.keys() == expected.keys(), f"kill {kill}"
        for name, content in expected.items():
            assert found[name] == content, f"kill {kill}: {name} differs"
        assert names_below(folder) == names, f"kill {kill}"
        shutil.rmtree(folder)
    for folder in (whole, again):
        shutil.rmtree(folder)
    return Kills(num_killed, num_kills - num_killed, num_untidy)


def names_below(folder: Path) -> set[str]:
    """Paths of all files, but for TensorBoard's events: a resumed run has its own beside the first one's."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "tensorboard")
    return {path.relative_to(folder).as_posix() for path in files}


def files_below(folder: Path) -> dict[str, bytes]:
    """Contents of all files, by relative path."""
    return {name: (folder / name).read_bytes() for name in sorted(names_below(folder))}


def prepare_tones(folder: Path, below: str, name: str, num_tones: int, seed: int = 0) -> None:
    """A folder with tones of four speakers, whose pitch is arousal, prepared as a corpus."""
    (folder / below).mkdir(parents=True)
    random = np.random.default_rng(seed)
    lines = ["file,speaker,arousal"]
    for number in range(num_tones):
        pitch = random.uniform(200, 2000)
        samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(random.uniform(0.4, 0.9) * 16_000)) / 16_000)
        soundfile.write(folder / below / f"{number:02d}.wav", samples, 16_000)
        lines.append(f"{number:02d}.wav,{number % 4},{1 + 6 * (pitch - 200) / 1800:.3f}")
    (folder / below / "table.csv").write_text("\n".join(lines))
    finish(["prepare", "table", str(folder / below), "ranges={arousal: [1, 7]}", "--name", name, "--quiet"], folder)
