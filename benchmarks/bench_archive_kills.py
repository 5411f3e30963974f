"""Runs on one archive that are killed again and again: `python benchmarks/bench_archive_kills.py [--kills N] [--ray]`.

30,000 short files. Two runs at once on one folder, of two processes each, of which a random one, run or worker, gets
SIGKILL at random moments, 200 in all; runs that die are begun anew, in another folder where all is done. With --ray a
cluster of Ray on this machine, whose nodes are killed and added. At the end the merged table must be that of an
undisturbed run, row for row.
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
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import soundfile

NUM_FILES, ROWS_PER_SHARD = 30_000, 100
RATE_HZ = 16_000
LEAST_S, MOST_S = 0.5, 5.0
"""Between two kills."""


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


def command(manifest: Path, out: Path, model: str, jobs: int) -> list[str]:
    words = ["archive", manifest, "--to", out, "--model", model, "--shard-rows", ROWS_PER_SHARD, "--jobs", jobs]
    return [sys.executable, "-m", "emotone.cli.main", *map(str, words), "--quiet"]


def merged(out: Path) -> str:
    """The hash of the merged table."""
    table = out.with_suffix(".csv")
    words = ["archive", str(out), "--merge", str(table), "--quiet"]
    subprocess.run([sys.executable, "-m", "emotone.cli.main", *words], check=False)
    return hashlib.sha256(table.read_bytes()).hexdigest()


def kill_processes(manifest: Path, folder: Path, model: str, num_kills: int, expected: str) -> None:
    """Two runs at once, of which a random process is killed again and again."""
    lot, killed, num_folders = random.Random(0), Counter[str](), 0
    began_s = time.monotonic()
    while killed.total() < num_kills:
        out = folder / f"killed-{num_folders}"
        num_folders += 1
        runs: list[subprocess.Popen[bytes]] = []
        while True:
            runs = [run for run in runs if run.poll() is None]
            if is_done(out):
                break
            while len(runs) < 2 and killed.total() < num_kills:
                runs.append(subprocess.Popen(command(manifest, out, model, 2), start_new_session=True))
            if not runs:
                runs.append(subprocess.Popen(command(manifest, out, model, 2)))
            if killed.total() >= num_kills:
                runs[0].wait()
                continue
            time.sleep(lot.uniform(LEAST_S, MOST_S))
            kill_one(runs, lot, killed)
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


def kill_one(runs: list[subprocess.Popen[bytes]], lot: random.Random, killed: Counter[str]) -> None:
    alive: list[tuple[str, int]] = []
    for run in runs:
        try:
            children = psutil.Process(run.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        alive.append(("run", run.pid))
        alive += [("worker", child.pid) for child in children]
    if alive:
        kind, pid = lot.choice(alive)
        try:
            os.kill(pid, signal.SIGKILL)
            killed[kind] += 1
        except ProcessLookupError:
            pass


def kill_nodes(manifest: Path, folder: Path, model: str, num_kills: int, expected: str) -> None:
    """A cluster of Ray, of which a random node is killed again and again, and another one added."""
    import ray
    from ray.cluster_utils import Cluster

    from emotone.archive.engines.ray_cluster import RayCluster
    from emotone.archive.folder import open_archive
    from emotone.archive.run import go_through
    from emotone.archive.worker import Worker
    from emotone.predict.settings import PredictSettings

    settings = PredictSettings(model=model)
    archive = open_archive(manifest, folder / "nodes", settings, rows_per_shard=ROWS_PER_SHARD)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes, lot, num = [cluster.add_node(num_cpus=1) for _ in range(3)], random.Random(0), 0
    began_s = time.monotonic()
    with RayCluster(Worker(archive.folder), 3, cluster.address) as engine:
        run = threading.Thread(target=go_through, args=(archive, engine))
        run.start()
        while run.is_alive() and num < num_kills:
            run.join(lot.uniform(4, 8))
            if run.is_alive():
                cluster.remove_node(nodes.pop(lot.randrange(len(nodes))), allow_graceful=False)
                num += 1
                nodes.append(cluster.add_node(num_cpus=1))
        run.join()
    ray.shutdown()
    cluster.shutdown()
    found = merged(folder / "nodes")
    is_equal = "equal" if found == expected else "DIFFERS"
    print(f"Ray: {num} nodes killed in {time.monotonic() - began_s:.0f} s: {is_equal}", flush=True)
    assert found == expected


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
        subprocess.run(command(manifest, folder / "undisturbed", arguments.model, 2), check=False)
        print(f"undisturbed, two processes: {time.monotonic() - began_s:.0f} s", flush=True)
        expected = merged(folder / "undisturbed")
        check = kill_nodes if arguments.ray else kill_processes
        check(manifest, folder, arguments.model, arguments.kills, expected)


if __name__ == "__main__":
    main()
