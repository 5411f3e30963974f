"""Runs on one archive that are killed again and again: `python benchmarks/bench_archive_kills.py [--kills N] [--ray]`.

30,000 short files. Two runs at once on one folder, of two processes each, of which a random one, run or worker, gets
SIGKILL at random moments, 200 in all; runs that die are begun anew, in another folder where all is done. With --ray the
two are drivers of one Ray cluster on this machine, and a random one of its nodes is killed, for which another is added,
or of the drivers. At the end the merged table must be that of an undisturbed run, row for row.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

NUM_FILES, ROWS_PER_SHARD = 30_000, 100
RATE_HZ = 16_000
LEAST_S, MOST_S = 0.5, 5.0
"""Between two kills."""
NUM_NODES, DRIVER_SHARE = 4, 0.25
"""Of the Ray cluster, one core each; and of the kills there those of drivers."""
Runs = list["subprocess.Popen[bytes]"]
Kill = Callable[[Runs, random.Random], str]
"""Kills one of what does the work of these runs; returns what it was, "" where nothing was there."""


def make_files(folder: Path, num: int, seconds: float = 0.15) -> Path:
    """Tones, one in 100 of which is no audio, and their manifest."""
    random_ = np.random.default_rng(0)
    (folder / "audio").mkdir()
    names = [f"audio/{number:06d}.wav" for number in range(num)]
    for number, name in enumerate(names):
        length = int(RATE_HZ * seconds * random_.uniform(0.8, 1.2))
        tone = 0.4 * np.sin(2 * np.pi * random_.uniform(100, 3000) * np.arange(length) / RATE_HZ)
        if number % 100 == 37:
            (folder / name).write_bytes(b"no audio")
        else:
            soundfile.write(folder / name, tone, RATE_HZ)
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(["file", *names]) + "\n")
    return manifest


def command(manifest: Path, out: Path, model: str, *more: object) -> list[str]:
    words = ["archive", manifest, "--to", out, "--model", model, "--shard-rows", ROWS_PER_SHARD, "--jobs", 2, *more]
    return [sys.executable, "-m", "emotone.cli.main", *map(str, words), "--quiet"]


def merged(out: Path) -> str:
    """The hash of the merged table."""
    table = out.with_suffix(".csv")
    words = ["archive", str(out), "--merge", str(table), "--quiet"]
    subprocess.run([sys.executable, "-m", "emotone.cli.main", *words], check=False)
    return hashlib.sha256(table.read_bytes()).hexdigest()


def kill_again_and_again(begun: list[str], folder: Path, kill: Kill, num_kills: int, expected: str) -> None:
    """Two runs at once, of which something is killed again and again. `begun` is their command, with OUT to put in."""
    lot, killed, num_folders = random.Random(0), Counter[str](), 0
    began_s = time.monotonic()
    while killed.total() < num_kills:
        out = folder / f"killed-{num_folders}"
        num_folders += 1
        words = [word.replace("OUT", str(out)) for word in begun]
        runs: Runs = []
        while not is_done(out):
            runs = [run for run in runs if run.poll() is None]
            while len(runs) < (2 if killed.total() < num_kills else 1):
                runs.append(subprocess.Popen(words, start_new_session=True))
            if killed.total() >= num_kills:
                runs[0].wait()
                continue
            time.sleep(lot.uniform(LEAST_S, MOST_S))
            if what := kill(runs, lot):
                killed[what] += 1
        for run in runs:
            run.wait()
        found = merged(out)
        is_equal = "equal" if found == expected else "DIFFERS"
        print(f"folder {num_folders}: {killed.total()} kills so far, {is_equal}", flush=True)
        assert found == expected
        left = [path.name for path in (out / "claims").iterdir()]
        num_temporary = sum(name.startswith(".") for name in left)
        print(f"  claims left: {len(left) - num_temporary}, temporary files: {num_temporary}", flush=True)
    took = f"in {time.monotonic() - began_s:.0f} s, {num_folders} archives"
    print(f"{killed.total()} SIGKILLs ({dict(killed)}) {took}: all rows")


def is_done(out: Path) -> bool:
    """Whether every shard has its part."""
    if not (out / "archive.json").exists():
        return False
    from emotone.archive.folder import Archive

    archive = Archive.read(out)
    there = {name for names in archive.parts().values() for name in names}
    return all(shard.part in there for shard in archive.plan.shards if shard.num_rows)


def kill_process(runs: Runs, lot: random.Random) -> str:
    """SIGKILL to one of the runs or of their workers."""
    alive: list[tuple[str, int]] = []
    for run in runs:
        try:
            children = psutil.Process(run.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        alive.append(("run", run.pid))
        alive += [("worker", child.pid) for child in children]
    if not alive:
        return ""
    kind, pid = lot.choice(alive)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return kind


@contextmanager
def cluster() -> Iterator[tuple[str, Kill]]:
    """A cluster of Ray: its address, and what kills a driver, or one of its nodes, for which another is added."""
    from ray.cluster_utils import Cluster

    own = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes: list[Any] = [own.add_node(num_cpus=1) for _ in range(NUM_NODES)]

    def kill(runs: Runs, lot: random.Random) -> str:
        alive = [run for run in runs if run.poll() is None]
        if alive and lot.random() < DRIVER_SHARE:
            lot.choice(alive).kill()
            return "driver"
        own.remove_node(nodes.pop(lot.randrange(NUM_NODES)), allow_graceful=False)
        nodes.append(own.add_node(num_cpus=1))
        return "node"

    try:
        yield own.address, kill
    finally:
        own.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--files", type=int, default=NUM_FILES)
    parser.add_argument("--model", default="small")
    parser.add_argument("--ray", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = make_files(folder, arguments.files)
        began_s = time.monotonic()
        subprocess.run(command(manifest, folder / "undisturbed", arguments.model), check=False)
        print(f"undisturbed, two processes: {time.monotonic() - began_s:.0f} s", flush=True)
        expected = merged(folder / "undisturbed")
        begun = command(manifest, Path("OUT"), arguments.model)
        if not arguments.ray:
            kill_again_and_again(begun, folder, kill_process, arguments.kills, expected)
            return
        with cluster() as (address, kill):
            begun += ["--engine", "ray", "--address", address]
            kill_again_and_again(begun, folder, kill, arguments.kills, expected)


if __name__ == "__main__":
    main()
