"""What an archive costs: `python benchmarks/bench_archive.py [--files N] [--engine-files N] [--rows N] [--real]`.

First `emotone archive` against `emotone predict --output` on 20,000 short files, in turns, and two processes against
one. Then Ray against processes on 4,000 files, two of each that have begun, in turns. Then a manifest of a million rows
about 300 files: its plan, going through it (each row's answer is made up, since hearing them is what the first part
measures), memory, status, a run that finds all done, and the merged table. With --real in place of all this every row
is heard, by a network of a few weights, and the table is compared with what `emotone predict` says of a thousand rows.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from bench_archive_kills import make_files

TURNS = 3
NUM_FILES = 300
"""That a manifest of many rows is about."""
NUM_CHECKED = 1_000
LOOK_S = 1.0
"""Between two looks at the memory of a run."""


def run(*words: object) -> tuple[float, float]:
    """Wall and CPU seconds of a command of Emotone."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "emotone.cli.main", *map(str, words), "--quiet"], check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began_s, cpu_s


def compare_with_predict(folder: Path, num_files: int, model: str) -> None:
    manifest = make_files(folder, num_files)
    found: dict[str, list[tuple[float, float]]] = {"predict": [], "archive": [], "archive, two": []}
    for turn in range(TURNS):
        found["predict"].append(run("predict", folder / "audio", "--model", model, "--output", folder / f"{turn}.csv"))
        for name, jobs in (("archive", 1), ("archive, two", 2)):
            out = folder / f"{name[-3:]}-{turn}"
            found[name].append(run("archive", manifest, "--to", out, "--model", model, "--jobs", jobs))
        for name, times in found.items():
            wall_s, cpu_s = times[-1]
            print(f"  {name}: {wall_s:.1f} s, CPU {cpu_s:.1f} s", flush=True)
    best = {name: [min(one[kind] for one in times) for kind in (0, 1)] for name, times in found.items()}
    print(
        f"{num_files} files, archive against predict, CPU: {best['archive'][1] / best['predict'][1]:.3f} (wanted: 1.05)"
    )
    print(f"two processes against one, wall: {best['archive'][0] / best['archive, two'][0]:.2f} (wanted: 1.8)")


def compare_engines(folder: Path, num_files: int, model: str) -> None:
    """Ray against processes on the same archive, by workers that have begun and have the bundle loaded."""
    from emotone.archive.engines.processes import Processes
    from emotone.archive.engines.ray_cluster import RayCluster
    from emotone.archive.folder import open_archive
    from emotone.archive.run import go_through
    from emotone.archive.worker import Worker
    from emotone.predict.settings import PredictSettings

    archive = open_archive(make_files(folder, num_files), folder / "out", PredictSettings(model=model), None, 100)
    worker = Worker(archive.folder)
    took: dict[str, list[float]] = {"processes": [], "Ray": []}
    with Processes(worker, 2) as processes, RayCluster(worker, 2) as ray:
        for turn in range(3 * TURNS + 1):
            for name, engine in (("processes", processes), ("Ray", ray)):
                for part in archive.folder.glob("part-*"):
                    part.unlink()
                began_s = time.perf_counter()
                go_through(archive, engine)
                took_s = time.perf_counter() - began_s
                print(f"  {name}: {took_s:.2f} s{'' if turn else ' (they begin)'}", flush=True)
                if turn:
                    took[name].append(took_s)
    least, middle = (kind(took["processes"]) / kind(took["Ray"]) for kind in (min, statistics.median))
    print(f"{num_files} files, two of each: Ray {least:.3f} times as fast as processes at best (wanted: 0.9)")
    print(f"the same by medians: {middle:.3f}")


def write_many(folder: Path, num_rows: int, seconds: float) -> Path:
    """A manifest of so many rows, each from another place in one of a few files."""
    make_files(folder, NUM_FILES, seconds)
    manifest = folder / "many.csv"
    with open(manifest, "w") as file:
        file.write("file,start\n")
        rows = (divmod(row, NUM_FILES) for row in range(num_rows))
        file.writelines(f"audio/{number:06d}.wav,{place * 1e-5:.5f}\n" for place, number in rows)
    return manifest


def write_trivial_bundle(folder: Path) -> Path:
    """A bundle as cheap as they get: arousal, linear in mean and deviation of four mel bands; its weights are drawn."""
    import torch

    from emotone.base.plugins import Choice
    from emotone.bundle.about import BundleAbout
    from emotone.bundle.target import Target
    from emotone.bundle.view.streams import StreamNormalisers
    from emotone.bundle.view.view import Normaliser, Whole
    from emotone.models.export import write_bundle
    from emotone.models.networks.linear import Linear

    torch.manual_seed(0)
    about = BundleAbout(
        name="trivial",
        description="A bundle for benchmarks",
        max_utterance_s=10.0,
        feature=Choice("moments", {"of": "mel", "settings": {"num_mels": 4}}),
        view=Whole(1),
        targets=[Target("arousal", "attribute", (1, 7), 4.0, 1.0)],
    )
    normalisers = StreamNormalisers(Normaliser(np.zeros(8), np.full(8, 10.0)))
    return write_bundle(folder, Linear(8, {"arousal": 1}), about, normalisers, "A bundle for benchmarks")


def hear_many(folder: Path, num_rows: int) -> None:
    """Hear every row of a large manifest in one process, and look at how memory and speed go."""
    from emotone.archive.folder import Archive
    from emotone.archive.status import read_status

    manifest, model, out = write_many(folder, num_rows, 0.2), write_trivial_bundle(folder / "trivial"), folder / "out"
    words = ["archive", manifest, "--to", out, "--model", model, "--quiet"]
    began_s = time.perf_counter()
    run_of_it = psutil.Popen([sys.executable, "-m", "emotone.cli.main", *map(str, words)])
    looks: list[tuple[int, float, float]] = []
    while run_of_it.poll() is None:
        try:
            times = run_of_it.cpu_times()
            looks.append((len(list(out.glob("part-*"))), run_of_it.memory_info().rss / 1e6, times.user + times.system))
        except psutil.NoSuchProcess:
            break
        time.sleep(LOOK_S)
    archive = Archive.read(out)
    num_shards = len(archive.plan.shards)
    for share in (0.01, 0.1, 0.25, 0.5, 0.75, 1.0):
        num, memory, cpu_s = next((look for look in looks if look[0] >= share * num_shards), looks[-1])
        print(f"  {num} of {num_shards} parts: {memory:.0f} MB, {cpu_s:.0f} s of CPU", flush=True)
    cpu_ms = looks[-1][2] / num_rows * 1e3
    print(f"{num_rows} rows heard in {time.perf_counter() - began_s:.0f} s: {cpu_ms:.2f} ms of CPU a row", flush=True)
    for jobs in (1, 2):
        wall_s, cpu_s = run("archive", out, "--jobs", jobs)
        print(f"all done, command with {jobs} processes: {wall_s:.2f} s, CPU {cpu_s:.2f} s (wanted: 10)", flush=True)
    wall_s, _ = run("archive", out, "--status")
    print(timed("status", lambda: read_status(archive)).text, f"(command: {wall_s:.2f} s)", sep="\n")
    table = folder / "all.parquet"
    wall_s, _ = run("archive", out, "--merge", table)
    print(f"merge to Parquet: {wall_s:.1f} s")
    check_rows(table, folder, str(model), num_rows)


def check_rows(path: Path, root: Path, model: str, num_rows: int) -> None:
    """Compare rows of a merged table with what `predict` says of them."""
    import pyarrow.parquet

    from emotone.predict.files import Input, predict_file
    from emotone.predict.predictor import Predictor
    from emotone.predict.settings import PredictSettings
    from emotone.predict.table import Table

    settings = PredictSettings(model=model)
    form = Table.of(Predictor.load(model), settings.over)
    table, lot = pyarrow.parquet.read_table(path), random.Random(0)
    assert len(table) == num_rows
    for row in lot.sample(range(num_rows), min(NUM_CHECKED, num_rows)):
        place, number = divmod(row, NUM_FILES)
        found = table.slice(row, 1).to_pylist()[0]
        file = f"audio/{number:06d}.wav"
        [expected] = form.rows(predict_file(settings, Input(str(root / file), None, file, place / 1e5))[0])
        assert all(found[name] == expected[name] for name in ("file", "arousal", "note", "error")), (found, expected)
    print(f"{num_rows} rows in order, {min(NUM_CHECKED, num_rows)} of them as predicted alone")


def go_through_many(folder: Path, num_rows: int, model: str) -> None:
    from emotone.archive import worker as workers
    from emotone.archive.engines.processes import Processes
    from emotone.archive.folder import open_archive
    from emotone.archive.merge import merge
    from emotone.archive.run import go_through
    from emotone.archive.status import read_status
    from emotone.archive.worker import Worker
    from emotone.predict.files import predict_file
    from emotone.predict.prediction import Prediction
    from emotone.predict.settings import PredictSettings

    manifest = write_many(folder, num_rows, 0.15)
    settings = PredictSettings(model=model)
    timed("plan", lambda: open_archive(manifest, folder / "out", settings))
    archive = timed("the same manifest again", lambda: open_archive(manifest, folder / "out", settings))
    known: dict[str, list[Prediction]] = {}

    def answer(settings: PredictSettings, given: object) -> list[Prediction]:
        if given.file not in known:  # type: ignore[attr-defined]
            known[given.file] = predict_file(settings, given)  # type: ignore[attr-defined, arg-type]
        return known[given.file]  # type: ignore[attr-defined]

    workers.predict_file = answer  # type: ignore[assignment]
    print(f"memory before {memory_mb():.0f} MB")
    timed("all shards, answers made up, one process", lambda: go_through(archive, Processes(Worker(archive.folder))))
    for jobs in (1, 2):
        with Processes(Worker(archive.folder), jobs) as engine:
            timed(f"all done, {jobs} processes", lambda engine=engine: go_through(archive, engine))
    print(timed("status", lambda: read_status(archive)).text)
    timed("merge to Parquet", lambda: merge(archive, folder / "all.parquet"))
    sizes = [path.stat().st_size for path in archive.folder.glob("part-*")]
    print(f"{len(sizes)} parts, {sum(sizes) / 1e6:.0f} MB")


def timed(what: str, call):  # type: ignore[no-untyped-def]
    began_s = time.perf_counter()
    found = call()
    print(f"{what}: {time.perf_counter() - began_s:.2f} s, peak memory {memory_mb():.0f} MB", flush=True)
    return found


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--engine-files", type=int, default=4_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--model", default="small")
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    measures = [
        (compare_with_predict, options.files),
        (compare_engines, options.engine_files),
        (go_through_many, options.rows),
    ]
    for measure, num in measures if not options.real else []:
        with tempfile.TemporaryDirectory() as name:
            if num:
                measure(Path(name), num, options.model)
    if options.real:
        with tempfile.TemporaryDirectory() as name:
            hear_many(Path(name), options.rows)


if __name__ == "__main__":
    main()
