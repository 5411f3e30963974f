"""Runs the tutorials: `python tools/tutorials.py [--keep] NAME ..`, each in a new folder with the setup of this file.

A page of `docs/tutorials` is a list of blocks. Those with a title (```` ```yaml title="calls.yaml" ````) are files,
`shell` and `python` blocks are run one after another, each as a program of its own; all others are shown only. A page
that takes longer is run with `--keep`, which writes what was run and what it printed to `docs/logs/NAME.txt`; a test
holds the page to the blocks of its log.
"""

from __future__ import annotations

import csv
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[1]
TUTORIALS, LOGS = CHECKOUT / "docs" / "tutorials", CHECKOUT / "docs" / "logs"
SHARED = Path(os.environ.get("EMOTONE_SHARED", CHECKOUT.parent / "shared"))
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
TIMEOUT_S = 900.0


class Block(NamedTuple):
    """A block of a page: its language, the file that it is ("": none), its text."""

    language: str
    file: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    """The blocks that are files or are run, in their order."""
    found = [Block(*match.groups(default="")) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return [block for block in found if block.file or block.language in ("shell", "python")]


# ---- what readers have -----------------------------------------------------------------------------------------


def recordings(folder: Path) -> None:
    """`talk.wav` and a folder `calls/` of three recordings."""
    shutil.copy(CHECKOUT / "examples" / "jfk.wav", folder / "talk.wav")
    (folder / "calls").mkdir()
    for index, name in enumerate(("03a01Fa", "03a01Nc", "03a01Wa")):
        shutil.copy(SHARED / "data" / "emodb" / "wav" / f"{name}.flac", folder / "calls" / f"{index + 1:04d}.flac")


def labelled_calls(folder: Path, num_sentences: int = 3) -> None:
    """`calls/` with audio and `labels.csv`: EmoTale in the clothes of a corpus of one's own.

    It has so many sentences of each speaker and emotion.
    """
    source = SHARED / "data" / "emotale-da"
    words = {"A": "angry", "B": "dull", "H": "glad", "N": "plain", "S": "sad"}
    with (source / "speaker_info.csv").open(encoding="utf-8") as table:
        sexes = {row["speaker"]: row["gender"].lower() for row in csv.DictReader(table)}
    with (source / "sentences.tsv").open(encoding="utf-8") as table:
        said = {row["sentence"]: row["danish"] for row in csv.DictReader(table, delimiter="\t")}
    (folder / "calls" / "audio").mkdir(parents=True)
    lines = [["path", "who", "sex", "what", "excitement", "words"]]
    with (source / "annotations.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            audio = source / "wav" / row["file"].replace(".wav", ".flac")
            _, who, emotion, sentence = audio.stem.split("_")
            if audio.is_file() and int(sentence) <= num_sentences:
                (folder / "calls" / "audio" / audio.name).symlink_to(audio)
                excitement = sum(float(row[f"a{rater}_A"]) for rater in (1, 2, 3)) / 3
                lines.append(
                    [f"audio/{audio.name}", who, sexes[who], words[emotion], f"{excitement:.2f}", said[sentence]]
                )
    with (folder / "calls" / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows(lines)


def published(folder: Path) -> None:
    """The corpus EmoTale and the repositories of published weights, as their owners have them."""
    (folder / "EmoTale").symlink_to(SHARED / "data" / "emotale-da")
    (folder / "repositories").symlink_to(SHARED / "published")
    shutil.copy(CHECKOUT / "examples" / "jfk.wav", folder / "talk.wav")


def clone(folder: Path) -> None:
    """A clone of the package's source, and the corpus EmoDB."""
    shutil.copytree(CHECKOUT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / "EmoDB").symlink_to(SHARED / "data" / "emodb")
    shutil.copy(CHECKOUT / "examples" / "jfk.wav", folder / "talk.wav")


SETUPS: dict[str, Callable[[Path], None]] = {
    "recordings": recordings,
    "moments": recordings,
    "serve": recordings,
    "archive": recordings,
    "own-corpus": labelled_calls,
    "compare": labelled_calls,
    "published": published,
    "audio-and-text": functools.partial(labelled_calls, num_sentences=1),
    "plugin": clone,
}


# ---- running ---------------------------------------------------------------------------------------------------


def run(name: str, folder: Path) -> str:
    """Run a page's blocks in a folder; returns what was run and printed. Raises RuntimeError where one fails."""
    SETUPS[name](folder)
    source = folder / "src" if (folder / "src").is_dir() else CHECKOUT / "src"
    cache = folder / ".cache"
    variables = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(source),
        "EMOTONE_CACHE": str(cache),
        "COLUMNS": "120",
    }
    log = []
    for block in blocks_of(TUTORIALS / f"{name}.md"):
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
            log.append(f"=== {block.file}\n{block.text}")
            continue
        command = ["bash", "-euo", "pipefail", "-c"] if block.language == "shell" else [sys.executable, "-c"]
        begun = time.monotonic()
        pipes: dict[str, Any] = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run([*command, block.text], cwd=folder, env=variables, timeout=TIMEOUT_S, **pipes)
        printed = done.stdout.replace(str(folder), ".").rstrip()
        log.append(f"=== {block.language}\n{block.text}--- {time.monotonic() - begun:.0f} s\n{printed}\n")
        if done.returncode:
            raise RuntimeError(f"{name}: exit code {done.returncode}\n{log[-1]}")
    return "\n".join(log)


def kept_blocks(log: str) -> list[str]:
    """The texts of the blocks of which a log is, in their order."""
    return [
        part.partition("\n")[2].partition("--- ")[0].strip() for part in re.split(r"^=== ", log, flags=re.MULTILINE)[1:]
    ]


def main(arguments: list[str]) -> int:
    """Run the named pages, or all."""
    keep = "--keep" in arguments
    for name in [name for name in arguments if name != "--keep"] or SETUPS:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            log = run(name, Path(folder))
        print(f"{name}: {time.monotonic() - begun:.0f} s")
        if keep:
            LOGS.mkdir(exist_ok=True)
            (LOGS / f"{name}.txt").write_text(log, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
