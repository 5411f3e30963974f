"""Rank sequences as files, as published: {utterance: {"ChunkRankSeq": [ranks]}}, one for each part and attribute.

Files are named `PART_ATTRIBUTE.json` with the attribute's published name (`train_Act.json`, `validation_Val.json`), as
in the published folder `EmoChunkRankSeq`; utterances are named by the last part of their file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base.files import replace_file
from emotone.base.kept import read_object
from emotone.bundle.target import PUBLISHED_NAMES
from emotone.errors import EmotoneError

KEY = "ChunkRankSeq"
Ranks = NDArray[np.int64]
"""Rank of each chunk of an utterance, int64 [C], 1 the chunk with most of the attribute."""


def rank_file(part: str, attribute: str) -> str:
    """The name of a part's file.

    >>> rank_file("validation", "valence"), rank_file("test", "calm")
    ('validation_Val.json', 'test_calm.json')
    """
    return f"{part}_{PUBLISHED_NAMES.get(attribute, attribute)}.json"


def write_ranks(path: Path, ranks: Mapping[str, Ranks]) -> None:
    """Write the rank sequences {utterance: [C]} of one file."""
    text = json.dumps({name: {KEY: [int(rank) for rank in own]} for name, own in ranks.items()})
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_ranks(path: Path) -> dict[str, Ranks]:
    """The rank sequences of one file; raises EmotoneError for what is none, counted and named."""
    entries = read_object(path)
    found = {name: _ranks_of(entry) for name, entry in entries.items()}
    bad = [name for name, ranks in found.items() if ranks is None]
    if bad or not found:
        example = f"; {len(bad)} of {len(found)} entries are not, e.g. {bad[0]!r}" if bad else ""
        what = f'must hold {{utterance: {{"{KEY}": [..]}}}}, a rank is 1 + the number of chunks before it'
        raise EmotoneError(f"{path}: {what}{example}")
    return {name: ranks for name, ranks in found.items() if ranks is not None}


def _ranks_of(entry: Any) -> Ranks | None:
    """A rank sequence, or None where it is none: equal chunks share the smaller rank."""
    ranks = entry.get(KEY) if isinstance(entry, dict) else None
    if not isinstance(ranks, list) or not ranks or not all(type(rank) is int for rank in ranks):
        return None
    ordered = sorted(ranks)
    return np.array(ranks, np.int64) if [ordered.index(rank) + 1 for rank in ordered] == ordered else None


def read_all_ranks(folder: Path, attribute: str) -> dict[str, Ranks]:
    """The rank sequences of an attribute in all files of a folder, whatever their part.

    Raises EmotoneError where there is none, for an utterance in two files, and for sequences of several lengths.
    """
    pattern = rank_file("*", attribute)
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise EmotoneError(f"{folder}: no rank sequences of {attribute} (files {pattern}); emotone rank writes them")
    ranks: dict[str, Ranks] = {}
    for path in paths:
        own = read_ranks(path)
        if twice := ranks.keys() & own.keys():
            raise EmotoneError(f"{path}: {len(twice)} utterances have ranks in another file too, e.g. {min(twice)!r}")
        ranks |= own
    sizes = sorted({len(own) for own in ranks.values()})
    if len(sizes) > 1:
        raise EmotoneError(f"{folder}: rank sequences of {attribute} have from {sizes[0]} to {sizes[-1]} chunks")
    return ranks
