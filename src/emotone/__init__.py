"""Emotone: speech emotion recognition, from audio to arousal, dominance, valence and emotion categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotone.errors import EmotoneError
    from emotone.predict.predictor import Predictor

__version__ = "0.1.0"
__all__ = ["EmotoneError", "Predictor", "load"]


def load(name: str = "default", **options: Any) -> Predictor:
    """A predictor from a bundle's name or folder (see `emotone.predict.predictor.Predictor`).

    >>> predictor = load("default")
    >>> sorted(predictor.attributes)
    ['arousal', 'dominance', 'valence']
    """
    from emotone.predict.predictor import Predictor

    return Predictor.load(name, **options)


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import emotone` costs nothing.
    if name == "Predictor":
        from emotone.predict.predictor import Predictor

        return Predictor
    if name == "EmotoneError":
        from emotone.errors import EmotoneError

        return EmotoneError
    raise AttributeError(f"module 'emotone' has no attribute {name!r}")
