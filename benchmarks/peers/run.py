"""The same task by Emotone and by what else there is: `python benchmarks/peers/run.py WORK [PEER ..]`.

EmoDB, leave one speaker out, a linear SVM on eGeMAPS and ComParE functionals, C chosen on inner folds of the speakers
that train; then a corpus in which one file is cut off, and a run that is interrupted and begun again. Each peer has a
virtual environment of its own in WORK, made by the installation that is timed. Numbers go to WORK/peers.json.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
EMODB = Path(os.environ.get("EMOTONE_SHARED", CHECKOUT.parent / "shared")) / "data" / "emodb"
TORCH = ["--constraint", str(CHECKOUT / "constraints.txt")]
SETS = {"eGeMAPS": "eGeMAPSv02", "ComParE": "ComParE_2016"}
PACKAGES = {
    "emotone": [*TORCH, "torch", f"{CHECKOUT}[train,opensmile]"],
    "by-hand": ["opensmile", "scikit-learn"],
    "nkululeko": [*TORCH, "--prefer-binary", "torch", "nkululeko"],
}


def main(work: Path, peers: list[str]) -> None:
    """Install, run and measure the peers."""
    work.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for peer in peers:
        place = work / peer
        found[peer] = {"install": None if place.exists() else install(place, PACKAGES[peer])}  # None: it was there
        for name, feature_set in SETS.items():
            found[peer][name] = measure(commands(peer, place, EMODB, feature_set), fresh(place / name))
        found[peer]["cut off"] = measure(commands(peer, place, cut_off(work), "eGeMAPSv02"), fresh(place / "cut"))
        whole = found[peer]["eGeMAPS"]["wall_s"]
        found[peer]["interrupted"] = interrupt(commands(peer, place, EMODB, "eGeMAPSv02"), fresh(place / "stop"), whole)
        (work / "peers.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(peer, json.dumps(found[peer], indent=1), flush=True)


def install(place: Path, packages: list[str]) -> dict[str, float]:
    """Seconds and megabytes of a new environment."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return {"wall_s": round(time.monotonic() - begun, 1), "megabytes": round(size / 1e6)}


def commands(peer: str, place: Path, corpus: Path, feature_set: str) -> list[list[str]]:
    """What is run, one after another."""
    python, emotone = str(place / "bin" / "python"), str(place / "bin" / "emotone")
    if peer == "by-hand":
        return [[python, str(HERE / "by_hand.py"), str(corpus), feature_set]]
    if peer == "nkululeko":
        experiment = HERE / "nkululeko.ini"
        files = sorted(path for path in corpus.rglob("*") if path.suffix in (".wav", ".flac"))
        lines = ["file,speaker,emotion", *(f"{file},{file.stem[:2]},{file.stem[5]}" for file in files)]
        (place / "emodb.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        text = experiment.read_text(encoding="utf-8").format(table=place / "emodb.csv", feature_set=feature_set)
        (place / f"{feature_set}.ini").write_text(text, encoding="utf-8")
        return [[python, "-m", "nkululeko.nkululeko", "--config", str(place / f"{feature_set}.ini")]]
    train = [emotone, "train", "emodb-functionals-svm", f"feature.feature_set={feature_set}"]
    return [[emotone, "prepare", "emodb", str(corpus)], train]


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def variables(folder: Path) -> dict[str, str]:
    """The environment of a run: nothing kept from others, one thread."""
    others = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return others | {"EMOTONE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure(steps: list[list[str]], folder: Path) -> dict[str, Any]:
    """Seconds, CPU seconds, peak memory of the largest process, exit code, UAR and last line."""
    begun, cpu_s, peak, code, printed = time.monotonic(), 0.0, 0, 0, ""
    for step in steps:
        with (folder / "printed.txt").open("a") as log:
            process = subprocess.Popen(step, cwd=folder, env=variables(folder), stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        cpu_s, peak = cpu_s + used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss)
        code = os.waitstatus_to_exitcode(status)
        if code:
            break
    printed = (folder / "printed.txt").read_text(errors="replace")
    uar = re.findall(r"(?:\buar\s+|best \(TEST\) result=)(\d\.\d+)", printed)
    last = [line for line in printed.splitlines() if line.strip()][-1:]
    return {
        "wall_s": round(time.monotonic() - begun, 1),
        "cpu_s": round(cpu_s, 1),
        "peak_mb": round(peak / 1e3),
        "exit_code": code,
        "uar": float(uar[-1]) if uar else None,
        "lines": len(printed.splitlines()),
        "last": last[0][:300] if last else "",
    }


def can_interrupt() -> None:
    """What a shell starts in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def cut_off(work: Path) -> Path:
    """EmoDB with one file that ends in the middle."""
    copy = work / "cut-off"
    if not copy.exists():
        shutil.copytree(EMODB, copy, ignore=shutil.ignore_patterns("*.partial"))
        victim = sorted(copy.rglob("*.flac"))[100]
        content = victim.read_bytes()
        victim.unlink()
        victim.write_bytes(content[: len(content) // 2])
    return copy


def interrupt(steps: list[list[str]], folder: Path, whole_s: float) -> dict[str, Any]:
    """Stop the last step at 60% of the whole time with SIGINT, run all again: seconds of that."""
    begun = time.monotonic()
    for step in steps:
        with (folder / "first.txt").open("a") as log:
            process = subprocess.Popen(
                step, cwd=folder, env=variables(folder), stdout=log, stderr=log, preexec_fn=can_interrupt
            )
        try:
            process.wait(max(0.5, 0.6 * whole_s - (time.monotonic() - begun)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    said = [line for line in (folder / "first.txt").read_text(errors="replace").splitlines() if line.strip()]
    again = measure(steps, folder)
    return {"exit_code": process.returncode, "lines": len(said), "last": said[-1][:200], "again_s": again["wall_s"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(PACKAGES))
