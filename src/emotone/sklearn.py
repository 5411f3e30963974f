"""Features as a scikit-learn transformer: recordings in, one row of numbers each out, anywhere in a Pipeline.

    from emotone.sklearn import Features

A front door beside `emotone` itself, which needs scikit-learn (the train extra); nothing inside the package imports it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import from_array, load_audio
from emotone.base import plugins
from emotone.base.processes import map_ordered
from emotone.base.settings import fits
from emotone.errors import EmotoneError, missing_extra, unknown
from emotone.features.extractors.moments import moments_of
from emotone.features.feature import BatchedFeature

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError:
    raise missing_extra("scikit-learn", "train", "emotone.sklearn") from None

POOLS = ("mean", "mean-and-deviation")
GROUP = 32
"""Inputs that an encoder is given at once, which sorts them by length."""


class Features(TransformerMixin, BaseEstimator):
    """Any feature of `emotone list features` over files or arrays: n inputs -> float32 [n, D].

    feature: its name. settings: {setting: value}. pool: what becomes of frames [T, D]: their "mean", or
    "mean-and-deviation" (the population's), [2 D]. whisper-light pools by itself, over active frames, and is told to;
    features with one vector per recording stay as they are. rate_hz: of inputs that are arrays. n_jobs: processes; None
    is one, -1 one per core.

    Inputs are paths, or arrays [N] or [N, channels] in [-1, 1], of different lengths; texts for a feature of
    transcripts. `fit` learns nothing but which weights an encoder has (`settings_`), and takes no other later. Every
    input must be usable: EmotoneError names the one that is not.

    >>> tones = [np.sin(np.arange(16_000) / divisor).astype(np.float32) for divisor in (20, 30, 40)]
    >>> features = Features("mel", {"num_mels": 8}).fit(tones)
    >>> features.transform(tones).shape, features.get_feature_names_out()[0]
    ((3, 8), 'mel_0_mean')
    """

    def __init__(
        self,
        feature: str = "whisper-light",
        settings: dict[str, Any] | None = None,
        pool: str = "mean",
        rate_hz: int = 16_000,
        n_jobs: int | None = None,
    ) -> None:
        self.feature = feature
        self.settings = settings
        self.pool = pool
        self.rate_hz = rate_hz
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Features:  # noqa: N803
        """Check the parameters, and find the weights of an encoder; `X` and `y` are not looked into."""
        if self.pool not in POOLS:
            raise unknown("pool", str(self.pool), POOLS)
        _num_processes(self.n_jobs)
        settings = dict(self.settings or {})
        if "pooled" in getattr(plugins.find("features", self.feature), "__dataclass_fields__", {}):
            settings.setdefault("pooled", self.pool)
        made = plugins.create("features", self.feature, settings)
        self.feature_ = self.feature
        self.pool_ = self.pool
        self.settings_ = plugins.settings_of(made)
        self.names_ = list(made.names) if _is_vector(made) else _names(made.names, self.pool)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Inputs -> float32 [n, D], in their order."""
        check_is_fitted(self)
        sources = _inputs(X)
        made = plugins.create("features", self.feature_, self.settings_)
        rows = list(self._rows(made, sources))
        return np.stack(rows) if rows else np.zeros((0, len(self.names_)), np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the D columns; `input_features` are not looked at, since inputs are recordings."""
        check_is_fitted(self)
        return np.array(self.names_, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array, tags.input_tags.string = True, False, True
        tags.no_validation = True
        return tags

    def _rows(self, made: Any, sources: Sequence[Any]) -> Iterator[NDArray[np.float32]]:
        """A row [D] of each input; an encoder is given several at once, other features run in processes."""
        read = functools.partial(_read, made.input, self.rate_hz)
        pool = functools.partial(_pool, _is_vector(made), self.pool_)
        numbered = list(enumerate(sources))
        if not isinstance(made, BatchedFeature):
            compute = functools.partial(_compute, read, made, pool)
            yield from map_ordered(compute, numbered, _num_processes(self.n_jobs))
            return
        for start in range(0, len(numbered), GROUP):
            group = [read(one) for one in numbered[start : start + GROUP]]
            for one, source in zip(numbered[start : start + GROUP], group, strict=True):
                _named(one, made.check, source)
            yield from map(pool, made.encode(group))


def _is_vector(made: Any) -> bool:
    """Whether a feature gives one vector per recording; tokens of a text have no times, but are many."""
    return made.input == "audio" and made.hop_s is None


def _names(names: Iterable[str], pool: str) -> list[str]:
    return [f"{name}_{moment}" for moment in ("mean", "std")[: 1 + (pool != "mean")] for name in names]


def _pool(is_vector: bool, pool: str, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames [T, D] as a row [D] or [2 D]."""
    if is_vector:
        return frames[0]
    moments = moments_of(frames)[0]
    return moments if pool != "mean" else moments[: frames.shape[1]]


def _num_processes(n_jobs: int | None) -> int:
    if n_jobs is not None and (not fits(n_jobs, int) or n_jobs < -1 or n_jobs == 0):
        raise EmotoneError(f"n_jobs must be None, -1 or a whole number from 1, not {n_jobs!r}")
    return (os.cpu_count() or 1) if n_jobs == -1 else n_jobs or 1


def _inputs(X: Any) -> list[Any]:  # noqa: N803
    """The inputs as a list; raises EmotoneError for one input in place of several, and for a table."""
    if isinstance(X, str | os.PathLike) or not isinstance(X, Iterable):
        raise EmotoneError(f"Features takes a list of files or arrays, not {type(X).__name__}")
    if getattr(X, "ndim", 1) == 2 and not isinstance(X, np.ndarray):
        raise EmotoneError("Features takes one column of a table, with the files: table['file']")
    return list(X)


def _read(kind: str, rate_hz: int, numbered: tuple[int, Any]) -> Any:
    """Samples at 16 kHz, or the text, of an input."""
    place, source = numbered
    if kind == "text":
        if isinstance(source, str):
            return source
    elif isinstance(source, str | os.PathLike):
        return load_audio(source)
    elif isinstance(source, np.ndarray) and source.ndim:
        return _named(numbered, from_array, source, rate_hz)
    wanted = "a text" if kind == "text" else "a file or an array"
    raise EmotoneError(f"input {place} must be {wanted}, not {type(source).__name__}")


def _compute(read: Any, made: Any, pool: Any, numbered: tuple[int, Any]) -> NDArray[np.float32]:
    return pool(_named(numbered, made, read(numbered)))


def _named(numbered: tuple[int, Any], function: Any, *arguments: Any) -> Any:
    """What a function gives; its EmotoneError names the file, or the number of the input."""
    place, source = numbered
    try:
        return function(*arguments)
    except EmotoneError as error:
        is_file = isinstance(source, str | os.PathLike) and os.path.isfile(source)
        raise EmotoneError(f"{os.fspath(source) if is_file else f'input {place}'}: {error}") from None
