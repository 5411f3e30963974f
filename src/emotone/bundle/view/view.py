"""Views: how a network takes an utterance: normalised, as all frames [T, D], as chunks or segments, or as word chunks.

The same view object serves training (on rows of the feature store) and the bundle (on features just extracted).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.base.settings import check_settings
from emotone.bundle.view.chunk import chunk_frames_index
from emotone.bundle.view.moments import Extremes, Moments
from emotone.errors import EmotoneError, unknown

MOST_FRAMES = 100_000
"""No utterance is shown to a network as more."""
CLIP = 3.0
"""Where z-scores are clipped, in all published systems."""
Strategy = Literal["multi-scale", "lexical"]
StreamsTaken = Literal["both", "speech", "text"]
Padding = Literal["white", "floor"]


@dataclass(frozen=True)
class Whole:
    """All frames [T, D] in order, repeated cyclically to at least `min_frames`."""

    name: ClassVar[str] = "whole"
    min_frames: int = 1

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Index of the frame at each place: int [max(T, min_frames)]."""
        return np.arange(max(num_frames, self.min_frames)) % num_frames


@dataclass(frozen=True)
class Chunks:
    """Dynamic chunks [C, m, D] (`view.chunk`): C = `num_chunks` (n * C of the paper), m = `chunk_frames`."""

    name: ClassVar[str] = "chunks"
    chunk_frames: int
    num_chunks: int

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Index of the frame at each place: int [C, m]."""
        return chunk_frames_index(num_frames, self.chunk_frames, self.num_chunks)


@dataclass(frozen=True)
class Segments:
    """Consecutive segments [S, m, D], as many as hold all frames, the last filled up with `padding`.

    segment_frames: m. num_channels: of a spectrogram, which lie side by side in D. padding: "white" is 0 dB, the
    greatest value of any spectrogram, as published; "floor" the least value in the training part.
    """

    name: ClassVar[str] = "segments"
    segment_frames: int = 300
    num_channels: int = 1
    padding: Padding = "white"

    def count(self, num_frames: int) -> int:
        """Number of segments, S."""
        return -(-num_frames // self.segment_frames)

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Index of the frame at each place: int [S, m]; T, the row that `fill_up` adds, beyond the last frame.

        >>> Segments(2).index(3).tolist()
        [[0, 1], [2, 3]]
        """
        places = np.arange(self.count(num_frames) * self.segment_frames).reshape(-1, self.segment_frames)
        return np.minimum(places, num_frames)


@dataclass(frozen=True)
class Crop:
    """A part of `num_frames` frames for training; a shorter utterance repeats. place: where it begins, from 0 to 1."""

    num_frames: int
    place: float

    def index(self, num_frames: int) -> NDArray[np.intp]:
        """Index of the frame at each place: int [num_frames]."""
        start = int(self.place * (max(0, num_frames - self.num_frames) + 1))
        return (start + np.arange(self.num_frames)) % num_frames


@dataclass(frozen=True)
class WordChunks:
    """Speech as one pooled vector per word chunk, text as tokens (`view.streams`), at most `max_steps` of each.

    chunk_frames: m, of multi-scale chunks. hop_s: seconds from one frame to the next. num_text_features: of a token; 1
    without text. strategy: multi-scale chunks lie evenly, lexical ones are aligned words. streams: those it takes.
    """

    name: ClassVar[str] = "word-chunks"
    chunk_frames: int
    hop_s: float
    num_text_features: int = 1
    strategy: Strategy = "multi-scale"
    streams: StreamsTaken = "both"
    max_steps: int = 127


FrameView = Whole | Chunks | Segments
"""Views that are an index of frames."""
View = FrameView | WordChunks
VIEWS: dict[str, type[View]] = {view.name: view for view in (Whole, Chunks, Segments, WordChunks)}


def view_to_json(view: View) -> dict[str, Any]:
    """A view as plain data with its name.

    >>> view_to_json(Chunks(62, 11))
    {'name': 'chunks', 'chunk_frames': 62, 'num_chunks': 11}
    """
    return {"name": view.name, **dataclasses.asdict(view)}


def view_from_json(about: Mapping[str, Any], where: str = "view") -> View:
    """The view of plain data; raises EmotoneError for an unknown name or setting."""
    settings = {key: value for key, value in about.items() if key != "name"}
    name = str(about.get("name"))
    if name not in VIEWS:
        raise unknown("view", name, VIEWS, where=where)
    view = VIEWS[name]
    checked = check_settings(view, settings, where=f"{where}: view {name}")
    for key, value in checked.items():
        if isinstance(value, int) and not 1 <= value <= MOST_FRAMES:
            raise EmotoneError(f"{where}: {key} must be a whole number from 1 to {MOST_FRAMES}, not {value!r}")
        if isinstance(value, float) and not 0 < value < math.inf:
            raise EmotoneError(f"{where}: {key} must be a positive number, not {value!r}")
    made = view(**checked)
    if isinstance(made, Chunks) and made.chunk_frames * made.num_chunks > MOST_FRAMES:
        raise EmotoneError(f"{where}: all chunks together must have at most {MOST_FRAMES} frames")
    return made


def shape_of(view: FrameView, num_frames: int, num_features: int) -> tuple[int, ...]:
    """Shape of an utterance of `num_frames` frames in a view: [T', D], [C, m, D] or [S, m, D].

    >>> shape_of(Chunks(62, 11), 100, 130)
    (11, 62, 130)
    """
    return (*view.index(num_frames).shape, num_features)


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Features [..., D] -> z-scores (x - mean) / std, clipped to [-clip, clip] (None: not clipped), NaN as 0; float32.

    `mean` and `std` are [D]. Training, evaluation and prediction share this code.

    >>> Normaliser(np.zeros(3), np.ones(3))(np.array([[1.0, np.nan, 99.0]], np.float32)).tolist()
    [[1.0, 0.0, 3.0]]
    """

    mean: NDArray[np.floating]
    std: NDArray[np.floating]
    clip: float | None = CLIP

    @classmethod
    def of(cls, moments: Moments | Extremes, clip: float | None = CLIP) -> Normaliser:
        """A normaliser by accumulated moments, in float32."""
        return cls(moments.mean.astype(np.float32), moments.std.astype(np.float32), clip)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = features - self.mean.astype(np.float32, copy=False)
        scores /= self.std.astype(np.float32, copy=False)
        if self.clip is not None:
            np.clip(scores, -self.clip, self.clip, out=scores)
        flat = scores.ravel(order="K")
        if np.isnan(np.dot(flat, flat)):  # one quick pass: no square but NaN's is NaN, and no sum of squares
            scores[np.isnan(scores)] = 0.0
        return scores


def apply(view: FrameView, features: NDArray[np.float32], normaliser: Normaliser) -> NDArray[np.float32]:
    """Features [T, D] normalised and arranged for the network: [T', D], [C, m, D] or [S, m, D].

    >>> apply(Chunks(62, 11), np.zeros((100, 130), np.float32), Normaliser(np.zeros(130), np.ones(130))).shape
    (11, 62, 130)
    """
    return normaliser(fill_up(view, features))[view.index(len(features))]


def fill_up(view: FrameView | Crop, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features [T, D], not normalised yet; of a view of segments [T + 1, D] with the frame of padding in row T.

    >>> fill_up(Segments(300), np.full((2, 1), -7, np.float32)).tolist()
    [[-7.0], [-7.0], [0.0]]
    """
    if not isinstance(view, Segments):
        return features
    filling = np.float32(0.0 if view.padding == "white" else np.nan)  # NaN becomes 0, the least value
    return np.concatenate([features, np.full((1, features.shape[1]), filling)])
