"""Thirty kills each: `python benchmarks/bench_kills.py [--kills N] [predict extract train retrieve]`.

predict with `--output`, extract, train and retrieve with clips are ended by SIGKILL at seeded moments spread over their
run, and run again. Wanted: every result is byte for byte that of an undisturbed run, and no file is left over.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(timing.CHECKOUT / "tests" / "builders"))
from kills import check_kills, files_below, prepare_tones  # noqa: E402

NUM_KILLS, NUM_TONES, TALK_S = 30, 24, 14
RECIPE = """\
corpora: [tones]
targets: [arousal]
split: {name: leave-speakers-out, num_folds: 4, fold: 0}
feature: {name: mel, scale: log, num_mels: 16}
system: {name: chunk-attention, aggregation: RnnAttenVec, chunk_s: 0.2, hidden_size: 16}
training: {batch_size: 4, iterations: 30, validate_every: 3, learning_rate: 1e-2, average: 0.9}
"""
RETRIEVE = "retrieve talk.wav --attribute arousal --highest 12 --length 1 --hop 1 --speech 0 --output clips --to clips"
COMMANDS = {
    "predict": "predict audio --output scores.csv",
    "extract": "extract mel tones",
    "train": "train tones.yaml --to run",
    "retrieve": RETRIEVE,
}


def results(command: str, folder: Path) -> dict[str, bytes]:
    """What a command makes, without times."""
    if command == "predict":
        return {"scores.csv": (folder / "scores.csv").read_bytes()}
    if command == "extract":
        return files_below(folder / "cache" / "features")
    if command == "retrieve":
        return files_below(folder / "clips")
    found = files_below(folder / "run")
    result = {name: value for name, value in json.loads(found.pop("test.json")).items() if name != "cpu_s"}
    del found["done.json"]
    return found | {"test.json": json.dumps(result).encode()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)} (default: all)")
    parser.add_argument("--kills", type=int, default=NUM_KILLS, metavar="N", help=f"of each (default {NUM_KILLS})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared"
        prepare_tones(prepared, "audio", "tones", NUM_TONES)
        (prepared / "tones.yaml").write_text(RECIPE)
        time_s = np.arange(TALK_S * 16_000) / 16_000
        talk = 0.3 * np.sin(2 * np.pi * (150 + 30 * np.sin(3 * time_s)) * time_s)
        soundfile.write(prepared / "talk.wav", talk, 16_000)
        for name in options.commands or COMMANDS:
            began_s = time.perf_counter()
            kills = check_kills(
                [*COMMANDS[name].split(), "--quiet"],
                prepared,
                lambda folder, name=name: results(name, folder),
                Path(scratch),
                options.kills,
                to="clips" if name == "retrieve" else "",
            )
            taken_s = time.perf_counter() - began_s
            print(
                f"{name:<8} {kills.killed} killed, {kills.ended} had ended, {kills.untidy} left files to the next: "
                f"all {options.kills} results the same, nothing left over ({taken_s:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
