"""Damaged audio and bundles: `python benchmarks/fuzz.py [--files 2000] [--bundles 2000] [--seed 0]`.

Each is predicted in a process that is watched. Wanted: a row or one line for each, no traceback, none that takes 1 GB
or 20 s. What a decoder or onnxruntime itself crashes on is counted; with `--jobs` such a file is a row of its own.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import argparse
import io
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from emotone.audio.read import load_audio
from emotone.base.files import sha256_of
from emotone.bundle.folder import BUNDLED
from emotone.errors import EmotoneError

FAULTS = ("TRACEBACK", "CRASH", "SLOW", "SAID")
MOST_S, MOST_MB = 20.0, 1_000.0
Random = np.random.Generator
NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 3, 1e308, -1e-308, 10**30, float("nan"), float("inf"), "", "x", "file", 'a"b\n', "../..",
    "a" * 9_999, [], {}, [[]], {"x": None}, [1, 2, 3], "default", "mel", "lld", "chunks",
)  # fmt: skip


# ---- audio ------------------------------------------------------------------------------------------------------


def audio_seeds() -> dict[str, bytes]:
    """A second of speech in every format: {suffix: content}."""
    speech = load_audio(timing.EXAMPLE, 0.5, 1.7)
    forms = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "MS_ADPCM"), ("RF64", "PCM_24")]
    forms += [("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "ULAW"), ("CAF", "ALAC_16"), ("FLAC", "PCM_16")]
    forms += [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
    seeds = {}
    for form, subtype in forms:
        file = io.BytesIO()
        soundfile.write(file, np.stack([speech, 0.5 * speech], 1), 16_000, format=form, subtype=subtype)
        seeds[f"{subtype}.{form.lower()}"] = file.getvalue()
    for name, codec in (
        ("mp4", "aac"),
        ("matroska", "flac"),
        ("webm", "libopus"),
        ("mpegts", "aac"),
        ("adts", "aac"),
        ("avi", "mp2"),
    ):
        seeds[f"{codec}.{name}"] = encode(speech, name, codec)
    return seeds


def encode(speech: np.ndarray, name: str, codec: str) -> bytes:
    """Speech in a container that PyAV writes."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=name) as container:
        stream = container.add_stream(codec, rate=16_000, layout="mono")
        form = stream.codec_context.codec.audio_formats[0].name
        for start in range(0, len(speech), 320):
            block = speech[None, start : start + 320]
            block = (block * 32_767).astype(np.int16) if form.startswith("s16") else block
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=form, layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def mutate(content: bytes, others: list[bytes], rng: Random) -> bytes:
    """Content with one to four faults, most of them in its first 200 bytes, where headers are."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(0, min(len(data), 200) if rng.random() < 0.7 else len(data)) if data else 0)
        match rng.integers(0, 8):
            case 0:
                data[place : place + 1] = rng.bytes(1)
            case 1 | 2:
                number = int(rng.choice(NUMBERS)) << int(rng.choice([0, 0, 32]))
                size = int(rng.choice([2, 4, 8]))
                order = "little" if rng.random() < 0.6 else "big"
                data[place : place + size] = (number % 256**size).to_bytes(size, order)
            case 3:
                del data[int(rng.integers(0, len(data) + 1)) :]
            case 4:
                del data[place : place + int(rng.integers(1, 4_000))]
            case 5:
                data[place:place] = bytes(int(rng.integers(1, 4_000)))
            case 6:
                data[place : place + 400] = rng.bytes(400)
            case 7:
                data += others[rng.integers(0, len(others))]
    return bytes(data)


def write_audio(folder: Path, number: int, rng: Random) -> Iterator[str]:
    """So many damaged files, one after another."""
    seeds = audio_seeds()
    for index in range(number):
        name = str(rng.choice(list(seeds)))
        path = folder / f"{index}-{name}"
        path.write_bytes(mutate(seeds[name], list(seeds.values()), rng))
        yield str(path)


# ---- bundles ----------------------------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places of plain data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def write_bundles(folder: Path, number: int, rng: Random) -> Iterator[str]:
    """So many copies of the default with faults in the description, the arrays or the network; hashes are right."""
    files = {path.name: path.read_bytes() for path in (BUNDLED / "default").iterdir() if path.is_file()}
    names = ["model.onnx", "arrays.safetensors"]
    for index in range(number):
        copy = folder / f"bundle-{index}"
        copy.mkdir()
        for name, content in files.items():
            if name != "weights.safetensors":
                is_damaged = name in names and rng.random() < 0.15
                (copy / name).write_bytes(mutate(content, [content], rng) if is_damaged else content)
        about = json.loads(files["bundle.json"])
        for _ in range(rng.integers(0, 3)):
            change(about, rng)
        if isinstance(about, dict) and isinstance(about.get("sha256"), dict):
            about["sha256"] |= {name: sha256_of(copy / name) for name in names}
        (copy / "bundle.json").write_text(json.dumps(about))
        yield str(copy)


def change(about: dict[str, Any], rng: Random) -> None:
    """Another value at a place of the description, or none; most of what makes it is rarely looked at."""
    known = [path for path in places(about) if path[0] not in ("training", "results") or rng.random() < 0.05]
    if not known:
        return
    *path, key = known[rng.integers(0, len(known))]
    inside: Any = about
    for step in path:
        inside = inside[step]
    if rng.random() < 0.15:
        del inside[key]
    else:
        inside[key] = VALUES[rng.integers(0, len(VALUES))]


# ---- running ----------------------------------------------------------------------------------------------------


def work(kind: str) -> None:
    """Predict what lines of stdin name, and say how that went, a line for each."""
    from emotone.predict.predictor import Predictor

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print is heard, too
    predictor = Predictor.load("default", threads=1)
    predict: Callable[[str], str] = {
        "files": lambda name: predictor.try_predict(name).error,
        "bundles": lambda name: Predictor.load(name, threads=1).predict(timing.EXAMPLE).error,
    }[kind]
    for line in sys.stdin:
        try:
            outcome = predict(json.loads(line)) or "scored"
        except EmotoneError as error:
            outcome = str(error)
        except BaseException:
            outcome = "TRACEBACK " + traceback.format_exc()
        print(
            json.dumps([outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]), file=answers, flush=True
        )


class Worker:
    """A process that predicts, made anew where it dies or is too slow."""

    def __init__(self, kind: str) -> None:
        self._kind, self._process = kind, None
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115

    def predict(self, name: str) -> tuple[str, float, float]:
        """What came of it, the seconds it took, and the memory of the process since it began, in MB."""
        if self._process is None:
            command = [sys.executable, __file__, "--work", self._kind]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
            )
            self._process.stdin.write(
                json.dumps(timing.EXAMPLE.as_posix() if self._kind == "files" else "default") + "\n"
            )
            self._process.stdin.flush()
            self._process.stdout.readline()  # imports and the first prediction are not what is measured
        begin_s = time.perf_counter()
        self._process.stdin.write(json.dumps(name) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], MOST_S)
        line = self._process.stdout.readline() if ready else ""
        taken_s = time.perf_counter() - begin_s
        self._said.seek(0)
        said = self._said.read().strip()
        self._said.truncate(0)
        if line:
            outcome, peak_mb = json.loads(line)
            return f"SAID {said}" if said and outcome.split()[0] not in FAULTS else outcome, taken_s, peak_mb
        self._process.kill()
        status = self._process.wait()
        self._process = None
        return ("CRASH " + str(status) if ready else "SLOW"), taken_s, 0.0


def run(kind: str, names: Iterator[str]) -> int:
    """Predict all; print counts and faults; returns the number of faults."""
    worker, counts, faults = Worker(kind), Counter(), []
    slowest_s = peak_mb = 0.0
    for name in names:
        outcome, taken_s, memory_mb = worker.predict(name)
        word = outcome.split()[0]
        counts[word if word in ("scored", *FAULTS) else "one line"] += 1
        slowest_s, peak_mb = max(slowest_s, taken_s), max(peak_mb, memory_mb)
        if word in FAULTS or memory_mb > MOST_MB or "\n" in outcome:
            faults.append(f"{Path(name).name}: {outcome[-400:]}, {memory_mb:.0f} MB")
            kept = Path(tempfile.gettempdir()) / f"fuzz-{kind}"
            kept.mkdir(exist_ok=True)
            shutil.copytree(name, kept / Path(name).name, dirs_exist_ok=True) if kind == "bundles" else shutil.copy(
                name, kept
            )
        shutil.rmtree(name) if kind == "bundles" else Path(name).unlink()
    print(f"{kind}: {sum(counts.values())} damaged, {dict(counts)}, slowest {slowest_s:.1f} s, peak {peak_mb:.0f} MB")
    print("\n".join(faults[:20]))
    return len(faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("files", 2_000), ("bundles", 2_000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--work", choices=("files", "bundles"))
    options = parser.parse_args()
    if options.work:
        return work(options.work)
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(options.seed)
        num_faults = run("files", write_audio(Path(folder), options.files, rng))
        num_faults += run("bundles", write_bundles(Path(folder), options.bundles, rng))
    sys.exit(1 if num_faults else 0)


if __name__ == "__main__":
    main()
