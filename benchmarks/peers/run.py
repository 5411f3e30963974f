"""The same tasks by Emotone and by what else there is.

    python benchmarks/peers/run.py WORK [--tasks TASK,..] [PEER ..]

- eGeMAPS, ComParE: EmoDB, leave one speaker out, a linear SVM on functionals, C chosen on inner folds of the speakers
  that train. (nkululeko chooses no C within its folds; autrainer has networks alone; librosa has features of its own.)
- folder: fifty recordings of RAVDESS, one of them cut off in the middle, by what eGeMAPS has left.
- broken: six speakers of EmoDB, one file cut off in the middle.
- leak: six speakers of EmoDB; ten recordings of the first stand under other names as the second's, too.
- killed: six speakers of EmoDB; all processes are killed (SIGKILL) at 60% of the time, and the same is run again.

Each peer has a virtual environment of its own in WORK, made by the installation that is timed; none where it is there.
Numbers go to WORK/peers.json, task by task.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile
from peers import HERE, PACKAGES, audio_of, prediction, speakers_of, training

DATA = Path(os.environ.get("EMOTONE_SHARED", HERE.parents[2] / "shared")) / "data"
SETS = {"eGeMAPS": "eGeMAPSv02", "ComParE": "ComParE_2016"}
TASKS = ("eGeMAPS", "ComParE", "folder", "broken", "leak", "killed")
KILLED_AT = 0.6


def main(arguments: Sequence[str] | None = None) -> None:
    """Install, run and measure the peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, metavar="WORK")
    parser.add_argument("--tasks", default=",".join(TASKS), metavar="TASK,..")
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"of {', '.join(PACKAGES)}")
    options = parser.parse_intermixed_args(arguments)
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    numbers = work / "peers.json"
    for peer in options.peers or PACKAGES:
        if not (work / peer).exists():
            record(numbers, peer, "install", install(work / peer, PACKAGES[peer]))
        for task in options.tasks.split(","):
            record(numbers, peer, task, do(peer, task, work))


def record(numbers: Path, peer: str, task: str, found: dict[str, Any]) -> None:
    """Keep what was found beside what is known already."""
    known = json.loads(numbers.read_text(encoding="utf-8")) if numbers.exists() else {}
    known.setdefault(peer, {})[task] = found
    numbers.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(peer, task, json.dumps(found), flush=True)


def install(place: Path, packages: Sequence[str]) -> dict[str, Any]:
    """Seconds and megabytes of a new environment."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    return {"wall_s": round(time.monotonic() - begun, 1), "megabytes": round(size / 1e6)}


def do(peer: str, task: str, work: Path) -> dict[str, Any]:
    """One task of one peer."""
    place, folder = work / peer, fresh(work / "runs" / peer / task)
    if task in SETS:
        return measure(training(peer, place, DATA / "emodb", SETS[task], folder), folder)
    if task == "folder":
        trained = work / "runs" / peer / "eGeMAPS"
        steps = prediction(peer, place, trained, some_of_ravdess(work / "ravdess"), SETS["eGeMAPS"])
        return measure(steps, folder) | {"written": written(folder)} if steps else {}
    corpus = some_speakers(work / "corpora" / task, task)
    make = functools.partial(training, peer, place, corpus, SETS["eGeMAPS"])
    return kill(make, folder) if task == "killed" else measure(make(folder), folder)


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def variables(folder: Path) -> dict[str, str]:
    """The environment of a run: nothing kept from others, one thread."""
    others = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ours = {"EMOTONE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return others | ours | ({"PYTHONPATH": str(HERE / "autrainer")} if "autrainer" in folder.parts else {})


def measure(steps: Sequence[Sequence[str]], folder: Path) -> dict[str, Any]:
    """Seconds, CPU seconds, peak memory of the largest process, exit code, UAR and last line."""
    begun, cpu_s, peak, code = time.monotonic(), 0.0, 0, 0
    for step in steps:
        with (folder / "printed.txt").open("a") as log:
            process = subprocess.Popen(step, cwd=folder, env=variables(folder), stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        cpu_s, peak = cpu_s + used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss)
        code = os.waitstatus_to_exitcode(status)
        if code:
            break
    wall_s = time.monotonic() - begun
    printed = (folder / "printed.txt").read_text(errors="replace")
    lines = [line for line in printed.splitlines() if line.strip()]
    return {
        "wall_s": round(wall_s, 1),
        "cpu_s": round(cpu_s, 1),
        "peak_mb": round(peak / 1e3),
        "exit_code": code,
        "uar": uar_of(folder, printed),
        "lines": len(lines),
        "last": lines[-1][:300] if lines else "",
    }


def uar_of(folder: Path, printed: str) -> float | None:
    """Recall pooled over folds, as printed; of autrainer the mean of its folds, the only one it knows."""
    found = re.findall(r"(?:\buar\s+|best \(TEST\) result=)(\d\.\d+)", printed)
    folds = [path.read_text() for path in folder.glob("results/emodb/training/*/_test/test_holistic.yaml")]
    recalls = [float(match[1]) for text in folds if (match := re.search(r"(?s)\buar:\s*(?:all:\s*)?(\d\.\d+)", text))]
    if recalls:
        return round(sum(recalls) / len(recalls), 3)
    return float(found[-1]) if found else None


def kill(make: Any, folder: Path) -> dict[str, Any]:
    """The whole, then the same in another folder killed on its way and run again."""
    whole = measure(make(fresh(folder / "whole")), folder / "whole")
    steps, begun = make(fresh(folder / "killed")), time.monotonic()
    for step in steps:
        left_s = KILLED_AT * whole["wall_s"] - (time.monotonic() - begun)
        with (folder / "first.txt").open("a") as log:
            process = subprocess.Popen(
                step,
                cwd=folder / "killed",
                env=variables(folder / "killed"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            process.wait(max(0.5, left_s))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            break
    again = measure(steps, folder / "killed")
    return {"whole": whole, "again": again}


def some_speakers(copy: Path, task: str) -> Path:
    """Six speakers of EmoDB, as the task wants them."""
    if copy.exists():
        return copy
    copy.mkdir(parents=True)
    files = audio_of(DATA / "emodb")
    chosen = speakers_of(files)[:6]
    files = [file for file in files if file.stem[:2] in chosen]
    for file in files:
        shutil.copyfile(file, copy / file.name)
    if task == "broken":
        cut_off(copy / files[60].name)
    if task == "leak":
        for file in files[:10]:  # the tenth sign tells takes apart; y is nobody's
            shutil.copyfile(file, copy / f"{chosen[1]}{file.stem[2:6]}y{file.suffix}")
    return copy


def cut_off(victim: Path) -> None:
    """Leave the first half of a file."""
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) // 2])


def some_of_ravdess(copy: Path) -> Path:
    """Fifty recordings as wav, which all peers read, the last of them cut off."""
    if copy.exists():
        return copy
    copy.mkdir()
    wanted = audio_of(DATA / "ravdess")[:50]
    for file in wanted:
        samples, rate_hz = soundfile.read(file, dtype="int16")
        soundfile.write(copy / f"{file.stem}.wav", samples, rate_hz)
    cut_off(copy / f"{wanted[-1].stem}.wav")
    return copy


def written(folder: Path) -> dict[str, str]:
    """The head of each table that a prediction left."""
    tables = [path for path in folder.rglob("*") if path.suffix in (".csv", ".yaml", ".txt") and path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_text(errors="replace")[:300]
        for path in sorted(tables)
        if path.name != "printed.txt"
    }


if __name__ == "__main__":
    main()
