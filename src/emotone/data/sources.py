"""What the features of utterances are made of, and how it is known again: the identity by which a store resumes."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from emotone.base.files import file_state, sha256_of
from emotone.corpora.corpus import Corpus


class Source(NamedTuple):
    """A part of a file, or a text; unknown times are those of the whole file.

    `made_with` is the identity of what else decides the features (`made_with`). `state` is, as text, all by which the
    source is known without being read: file, times, size and time of its last change; "" for a text, as the name of a
    store knows all transcripts.
    """

    id: str
    path: str
    start_s: float
    end_s: float | None
    text: str | None
    made_with: str
    state: str

    @property
    def content(self) -> str:
        """A hash of the file's content, times and what else decides; "" for a text, or where it cannot be read."""
        digest = _digest(self.path, file_state(self.path)) if self.path else ""
        return _hash([digest, self.start_s, self.end_s, self.made_with]) if digest else ""

    def is_same(self, state: str, content: str) -> bool:
        """Whether features of this state and content are its own; those of earlier versions have neither: believed."""
        return state in ("", self.state) or (content != "" and content == self.content)


def sources_of(corpus: Corpus, also: str = "") -> list[Source]:
    """The parts of files that all utterances are, in their order; `also` is what is `made_with` them."""
    table = corpus.utterances
    paths = {file: str(corpus.path_of(file)) for file in table["file"].unique()}
    states = {file: file_state(path) for file, path in paths.items()}
    found = []
    for id_, file, start_s, end_s in table[["id", "file", "start_s", "end_s"]].itertuples(index=False):
        times = 0.0 if pd.isna(start_s) else start_s, None if pd.isna(end_s) else end_s
        state = json.dumps([file, *times, *states[file], *([also] if also else [])])
        found.append(Source(id_, paths[file], *times, None, also, state))
    return found


def texts_of(corpus: Corpus) -> list[Source]:
    """The transcripts of all utterances, in their order."""
    pairs = zip(corpus.utterances["id"], corpus.utterances["transcript"], strict=True)
    return [Source(id_, "", 0.0, None, text, "", "") for id_, text in pairs]


def made_with(feature: Any, transform: Any) -> str:
    """The identity of other files that decide all features: recordings mixed as babble, bundles that give scores."""
    states = [str(file_state(file)) for file in getattr(transform, "babble_files", ())]
    found = [*states, *getattr(feature, "made_with", ())]
    return _hash(found) if found else ""


def _hash(about: Any) -> str:
    return hashlib.sha256(json.dumps(about).encode("utf-8", "surrogateescape")).hexdigest()[:16]


@functools.lru_cache(maxsize=16)
def _digest(path: str, state: tuple[int, int]) -> str:
    """A file's SHA-256, kept for the last files: several utterances may be parts of one."""
    try:
        return sha256_of(Path(path))
    except (OSError, ValueError):
        return ""
