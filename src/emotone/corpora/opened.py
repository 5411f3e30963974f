"""Every file of a corpus opened once, cheaply: what cannot be used is known before anything is made of it."""

from __future__ import annotations

import dataclasses
import os
from typing import Literal

from emotone.audio.read import read_blocks
from emotone.base.processes import DIED, map_ordered
from emotone.base.progress import track
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError, name_some

BadFiles = Literal["refuse", "drop"]
"""What is done with audio that cannot be used."""
MOST_NAMED = 20
BEGINNING_S = 0.05
"""So much of a file is decoded."""
MANY = 2000
"""Files, of which more are opened by as many processes as there are cores: fewer take less than these need to start."""


def without_bad_files(corpus: Corpus, bad_files: BadFiles = "refuse", quiet: bool = False) -> Corpus:
    """The corpus, of which every file can be opened.

    Raises EmotoneError that names those that cannot; with `drop` their utterances and votes are left out with a note.
    """
    bad = find_bad_files(corpus, quiet)
    if not bad:
        return corpus
    table, raters = corpus.utterances, corpus.raters
    kept = ~table["file"].isin(bad)
    named = f"{len(bad)} of {table['file'].nunique()} files cannot be used: {name_some(list(bad.values()), MOST_NAMED)}"
    if bad_files != "drop":
        raise EmotoneError(f"corpus {corpus.name}: {named}; set bad_files=drop to leave them out")
    if not kept.any():
        raise EmotoneError(f"corpus {corpus.name}: {named}; none is left")
    notes = [*corpus.meta.get("notes", []), f"left out {int((~kept).sum())} of {len(table)} utterances: {named}"]
    return dataclasses.replace(
        corpus,
        utterances=table[kept],
        raters=None if raters is None else raters[raters["id"].isin(table.loc[kept, "id"])],
        meta=corpus.meta | {"notes": notes},
    )


def find_bad_files(corpus: Corpus, quiet: bool = False) -> dict[str, str]:
    """The files that cannot be opened, or whose beginning cannot be decoded: {file: a line that names it}."""
    files = list(corpus.utterances["file"].unique())
    jobs = (os.cpu_count() or 1) if len(files) > MANY else 1
    lines = map_ordered(_open, [str(corpus.path_of(file)) for file in files], jobs, died=_died)
    lines = track(lines, len(files), f"files of {corpus.name}", quiet)
    return {file: line for file, line in zip(files, lines, strict=True) if line}


def _open(path: str) -> str:
    try:
        next(read_blocks(path, end_s=BEGINNING_S))
    except EmotoneError as error:
        return str(error)
    return ""


def _died(path: str) -> str:
    return f"{path}: {DIED}"
