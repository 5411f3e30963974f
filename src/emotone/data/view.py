"""Views: what a network sees of an utterance's frames [T, D]: the whole of it, or its chunks.

The same view object serves training (on rows of the feature store) and the bundle (on what was just extracted).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emotone.data.chunk import chunk_frames_index
from emotone.errors import EmotoneError, unknown


@dataclass(frozen=True)
class Whole:
    """All frames [T, D] in order, repeated cyclically to at least `min_frames`."""

    name: ClassVar[str] = "whole"
    min_frames: int = 1

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Which frame stands where: int [max(T, min_frames)]."""
        return np.arange(max(num_frames, self.min_frames)) % num_frames


@dataclass(frozen=True)
class Chunks:
    """Dynamic chunks [C, m, D] (`emotone.data.chunk`): C = `num_chunks` (n * C of the paper), m = `chunk_frames`."""

    name: ClassVar[str] = "chunks"
    chunk_frames: int
    num_chunks: int

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Which frame stands where: int [C, m]."""
        return chunk_frames_index(num_frames, self.chunk_frames, self.num_chunks)


@dataclass(frozen=True)
class Crop:
    """`num_frames` frames from a random place on (0..1 of where it can begin), for training; cyclic where too short."""

    num_frames: int
    place: float

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Which frame stands where: int [num_frames]."""
        start = int(self.place * (max(0, num_frames - self.num_frames) + 1))
        return (start + np.arange(self.num_frames)) % num_frames


View = Whole | Chunks
VIEWS: dict[str, type[Whole] | type[Chunks]] = {view.name: view for view in (Whole, Chunks)}


def view_to_json(view: View) -> dict[str, Any]:
    """A view as a JSON object with its name.

    >>> view_to_json(Chunks(62, 11))
    {'name': 'chunks', 'chunk_frames': 62, 'num_chunks': 11}
    """
    return {"name": view.name, **dataclasses.asdict(view)}


def view_from_json(about: Mapping[str, Any], where: str = "view") -> View:
    """The view of a JSON object; raises EmotoneError for an unknown name or setting."""
    settings = {key: value for key, value in about.items() if key != "name"}
    name = str(about.get("name"))
    if name not in VIEWS:
        raise unknown("view", name, VIEWS, where=where)
    view = VIEWS[name]
    for key, value in settings.items():
        if key not in {field.name for field in dataclasses.fields(view)}:
            raise unknown("view setting", key, [field.name for field in dataclasses.fields(view)], where=where)
        if type(value) is not int or not 1 <= value <= 1_000_000:  # a bool is an int too
            raise EmotoneError(f"{where}: {key} must be a whole number from 1 to 1000000, not {value!r}")
    try:
        return view(**settings)
    except TypeError as error:
        raise EmotoneError(f"{where}: {error}") from None


def apply(view: View, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features [T, D] as the network sees them: [T', D] or [C, m, D].

    >>> apply(Chunks(62, 11), np.zeros((100, 130), np.float32)).shape
    (11, 62, 130)
    """
    return features[view.index(len(features))]
