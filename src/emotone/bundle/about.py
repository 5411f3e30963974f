"""What `bundle.json` says of a bundle, as types: keys, types and bounds are checked here and nowhere else."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emotone.base.plugins import Choice
from emotone.base.settings import describe, fits
from emotone.bundle.target import Target
from emotone.bundle.view.view import CLIP, Chunks, View, view_from_json, view_to_json
from emotone.errors import EmotoneError, unknown

FORMAT = 1
UTTERANCE_S = (0.05, 3_600.0)
CLIPS = (1e-3, 1e6)
SETTINGS = (16_384, 1e6)
"""Whole numbers in a feature's settings go up to the first, other numbers to the second; below, to minus that."""
LONGEST_TEXT = 10_000
LONGEST_SENTENCE = 300


@dataclass(frozen=True)
class Provenance:
    """How a bundle was made (`training` in bundle.json); what is unknown is None or empty.

    From published weights: `system` {name, settings...}, the `corpus` it was trained on and its `parts` (of which
    validation chose the weights), `repository`, `commit` and `files` {path: SHA-256}. By a recipe: `recipe` as plain
    data, `recipe_hash`, `corpora` {name: fingerprint}, `split_hash`, `seed`, `repeat`, `fold`, and `warnings` of the
    checks before training.
    """

    system: dict[str, Any] = field(default_factory=dict)
    corpus: str | None = None
    parts: list[str] | None = None
    repository: str | None = None
    commit: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    recipe_hash: str | None = None
    corpora: dict[str, str] = field(default_factory=dict)
    split_hash: str | None = None
    seed: int | None = None
    repeat: int | None = None
    fold: int | None = None
    warnings: list[str] | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def trained_system(self) -> dict[str, Any]:
        """The system that was trained, {name, settings...}; empty where bundle.json does not say."""
        return self.system or self.recipe.get("system", {})

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is not known."""
        known = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "more"}
        return {key: value for key, value in known.items() if value is not None and value != {}} | self.more


@dataclass(frozen=True, kw_only=True)
class BundleAbout:
    """The description of a bundle: `bundle.json` without its format version.

    max_utterance_s: the longest utterance that is scored as a whole. normalise: `clip` (None: not clipped), and what
    else a recipe says of normalising. curves: whether the network also gives a score of each chunk. results: measured
    or published, a mapping for each protocol. reliability: how far scores may be relied on, a sentence by the name of
    their target, where that is to be said. sha256: {file: hex digest} of the bundle's other files. more: keys that
    later versions may have added, kept as they are.

    >>> about = BundleAbout(name="x", max_utterance_s=9.0, feature=Choice("mel"), view=Chunks(62, 9), targets=[])
    >>> about.clip, about.normalises_by_speaker, about.to_json()["view"]
    (3.0, False, {'name': 'chunks', 'chunk_frames': 62, 'num_chunks': 9})
    """

    normalise: dict[str, Any] = field(default_factory=lambda: {"clip": CLIP})
    name: str
    description: str = ""
    max_utterance_s: float
    feature: Choice
    text_feature: Choice | None = None
    view: View
    targets: list[Target]
    curves: bool = False
    training: Provenance = Provenance()
    results: list[dict[str, Any]] = field(default_factory=list)
    reliability: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    citation: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def clip(self) -> float | None:
        """Where z-scores of features are clipped; None: nowhere."""
        return self.normalise["clip"]

    @property
    def normalises_by_speaker(self) -> bool:
        """Whether features are normalised by their speaker's utterances, not by the training part."""
        return self.normalise.get("by") == "speaker"

    @classmethod
    def from_json(cls, about: Mapping[str, Any], where: str) -> BundleAbout:
        """The description of plain data; raises EmotoneError, beginning with `where`, for what is missing or unfit."""
        try:
            text, training = about.get("text_feature"), about.get("training")
            feature = _choice(about["feature"], where)
            targets = [Target.from_json(target, where) for target in about["targets"]]
            typed = {
                "feature": feature,
                "text_feature": _choice(text, where) if text else None,
                "view": view_from_json(about["view"], where),
                "targets": targets,
                "training": Provenance(**_fields(Provenance, training or {})),
            }
            if not targets or "name" not in about:
                raise EmotoneError(f"{where}: name, targets, max_utterance_s and normalise.clip must be there")
            _check_columns(targets, where)
            _check_number("max_utterance_s", about["max_utterance_s"], UTTERANCE_S, where)
            if about["normalise"]["clip"] is not None:
                _check_number("normalise.clip", about["normalise"]["clip"], CLIPS, where)
            for key in ("name", "description", "licence", "citation"):
                _check_text(key, about.get(key, ""), where)
            _check_reliability(about.get("reliability", {}), targets, where)
            if about.get("curves", False) not in ([False, True] if isinstance(typed["view"], Chunks) else [False]):
                raise EmotoneError(f"{where}: curves must be true or false, and true needs the view 'chunks'")
            return cls(**_fields(cls, {key: about[key] for key in about if key != "format"} | typed))
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise EmotoneError(f"{where}: not a complete bundle description ({error!r})") from None

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads, in the order of `bundle.json`."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        values |= {
            "feature": dataclasses.asdict(self.feature),
            "view": view_to_json(self.view),
            "targets": [target.to_json() for target in self.targets],
            "training": self.training.to_json(),
        }
        if self.text_feature is None:
            del values["text_feature"]
        else:
            values["text_feature"] = dataclasses.asdict(self.text_feature)
        for key in ("curves", "reliability"):
            if not values[key]:
                del values[key]
        sha256, more = values.pop("sha256"), values.pop("more")
        return {"format": FORMAT, **values, **more, "sha256": sha256}


def _choice(about: Mapping[str, Any], where: str) -> Choice:
    """A feature of `bundle.json`, all numbers in its settings within bounds."""
    choice = Choice(**_fields(Choice, {"name": about["name"], "settings": about["settings"]}))
    waiting = list(choice.settings.items())
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, list | dict):
            waiting += [(key, item) for item in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, str):
            _check_text(f"feature {choice.name}: {key}", value, where)
        elif fits(value, float):
            most = SETTINGS[isinstance(value, float)]
            _check_number(f"feature {choice.name}: {key}", value, (-most, most), where)
    return choice


def _check_number(key: str, value: Any, bounds: tuple[float, float], where: str) -> None:
    if not fits(value, float) or not bounds[0] <= value <= bounds[1]:
        raise EmotoneError(f"{where}: {key} must be a number from {bounds[0]:g} to {bounds[1]:g}, not {value!r:.80}")


def _check_text(key: str, value: Any, where: str) -> None:
    """Raise EmotoneError for text that would steer a terminal, or is none."""
    is_text = isinstance(value, str) and len(value) <= LONGEST_TEXT
    if not is_text or not all(mark.isprintable() or mark in "\n\t" for mark in value):
        raise EmotoneError(f"{where}: {key} must be text without control characters, not {value!r:.80}")


def _check_reliability(about: Any, targets: list[Target], where: str) -> None:
    """Raise EmotoneError unless it is a mapping of names of targets to a line of text each."""
    if not isinstance(about, dict):
        raise EmotoneError(f"{where}: reliability must be a mapping of targets to a sentence each, not {about!r:.80}")
    for name, sentence in about.items():
        if name not in (names := [target.name for target in targets]):
            raise unknown("target", ascii(name)[1:-1], names, where=f"{where}: reliability")
        is_line = isinstance(sentence, str) and sentence.isprintable() and 1 <= len(sentence) <= LONGEST_SENTENCE
        if not is_line or sentence != sentence.strip():
            raise EmotoneError(
                f"{where}: reliability of {name} must be a line of 1 to {LONGEST_SENTENCE} characters, not "
                f"{sentence!r:.80}"
            )


def _check_columns(targets: list[Target], where: str) -> None:
    """Raise EmotoneError where two scores would have one name."""
    names = [name for target in targets for name in target.columns.values() or (target.name,)]
    twice = sorted({name for name in names if names.count(name) > 1})
    outputs = [target.name for target in targets]
    both = sorted({target.name for target in targets if target.labels and target.name in names})
    if twice or both or len(set(outputs)) < len(outputs):
        found = ", ".join(twice or both or outputs)
        raise EmotoneError(f"{where}: targets and labels must have different names ({found})")


def _fields(cls: type, about: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a dataclass's fields by name, other keys as `more`; raises TypeError for a value of another type."""
    hints = typing.get_type_hints(cls)
    known = {key: value for key, value in about.items() if key in hints and key != "more"}
    for key, value in known.items():
        if not fits(value, hints[key]):
            raise TypeError(f"{key} must be {describe(hints[key])}, not {value!r}")
    others = {key: value for key, value in about.items() if key not in known}
    return known | ({"more": others} if "more" in hints else {})
