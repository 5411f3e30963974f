"""Emotone: speech emotion recognition, from audio to arousal, dominance, valence and emotion categories.

What users import stands here, loaded when it is first used: `import emotone` costs nothing.

    load(name)     a `Predictor` from a bundle's name or folder
    Predictor      scores files, arrays and text
    Prediction     what comes out: scores, probabilities, the curve over time
    Stream         the same for speech that is still going on: rows as utterances end
    UtteranceRules what ends an utterance
    EmotoneError   whatever a user can put right, in one line

`emotone.sklearn` is a second front door, with the transformer `Features`, for those who have scikit-learn.

Everything else is internal and may move. The rooms of the package in the order in which they import each other:

    errors     the one exception that users see
    base       knows no audio: files, settings, plugins, processes, tables, pages, figures
    audio      reading files, speech in them, changes to them, the words that are said
    bundle     from features to scores: the contract of training and prediction; the bundles that come along
    features   from samples or text to numbers; `extractors` has one file a feature
    predict    from files to scores, windows, curves and the strongest moments
    serve      the same for a browser and for programs, over HTTP and WebSockets
    archive    the same prediction over millions of recordings, by any number of machines
    corpora    owners' folders as tables of utterances; `readers` has one file a corpus
    data       recipes, splits, the store of features, labels made of votes
    models     networks, their export as bundles, published weights
    evaluate   metrics with intervals, reports, comparisons, degraded and missing inputs
    training   runs: folds, the loop, systems, curricula
    cli        the command line, one file per group of verbs
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import is most of the time that this one takes
if TYPE_CHECKING:
    from typing import Any

    from emotone.audio.utterances import UtteranceRules
    from emotone.base.version import __version__
    from emotone.errors import EmotoneError
    from emotone.predict.prediction import Prediction
    from emotone.predict.predictor import Predictor
    from emotone.predict.stream import Stream

__all__ = ["EmotoneError", "Prediction", "Predictor", "Stream", "UtteranceRules", "__version__", "load"]

_PLACES = {
    "EmotoneError": "emotone.errors",
    "Prediction": "emotone.predict.prediction",
    "Predictor": "emotone.predict.predictor",
    "Stream": "emotone.predict.stream",
    "UtteranceRules": "emotone.audio.utterances",
    "__version__": "emotone.base.version",
}


def load(name: str = "default", **options: Any) -> Predictor:
    """A predictor from a bundle's name or folder (see `Predictor.load`).

    >>> predictor = load("default")
    >>> sorted(predictor.attributes)
    ['arousal', 'dominance', 'valence']
    """
    from emotone.predict.predictor import Predictor

    return Predictor.load(name, **options)


def __getattr__(name: str) -> Any:
    import importlib

    if name == "sklearn":  # no name of `__all__`, since it needs scikit-learn
        return importlib.import_module("emotone.sklearn")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'emotone' has no attribute {name!r}")
