"""What an archive costs: `python benchmarks/bench_archive.py [--files N] [--rows N]`.

First `emotone archive` against `emotone predict --output` on 20,000 short files, in turns, and two processes against
one. Then a manifest of a million rows about 300 files: its plan, going through it (each row's answer is made up, since
hearing them is what the first part measures), memory, status, a run that finds all done, and the merged table.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_archive_kills import make_files

TURNS = 3


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

    make_files(folder, 300)
    manifest = folder / "many.csv"
    with open(manifest, "w") as file:
        file.write("file,start\n")
        file.writelines(f"audio/{row % 300:06d}.wav,{row // 300 * 1e-5:.5f}\n" for row in range(num_rows))
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
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--model", default="small")
    arguments = parser.parse_args()
    for measure, num in ((compare_with_predict, arguments.files), (go_through_many, arguments.rows)):
        with tempfile.TemporaryDirectory() as name:
            if num:
                measure(Path(name), num, arguments.model)


if __name__ == "__main__":
    main()
