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
from emotone.errors import EmotoneError

FORMAT = 1


@dataclass(frozen=True)
class Provenance:
    """How a bundle was made (`training` in bundle.json); what is unknown is None or empty.

    From published weights: `system` {name, settings...}, the `corpus` it was trained on, `repository`, `commit` and
    `files` {path: SHA-256}. By a recipe: `recipe` as plain data, `recipe_hash`, `corpora` {name: fingerprint},
    `split_hash`, `seed`, `repeat`, `fold`, and `warnings` of the checks before training.
    """

    system: dict[str, Any] = field(default_factory=dict)
    corpus: str | None = None
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
    or published, a mapping for each protocol. sha256: {file: hex digest} of the bundle's other files. more: keys that
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
            typed = {
                "feature": _choice(about["feature"]),
                "text_feature": _choice(text) if text else None,
                "view": view_from_json(about["view"], where),
                "targets": [Target.from_json(target, where) for target in about["targets"]],
                "training": Provenance(**_fields(Provenance, training or {})),
            }
            has_numbers = fits(about["max_utterance_s"], float) and fits(about["normalise"]["clip"], float | None)
            if not typed["targets"] or "name" not in about or not has_numbers:
                raise EmotoneError(f"{where}: name, targets, max_utterance_s and normalise.clip must be there")
            if about.get("curves", False) not in ([False, True] if isinstance(typed["view"], Chunks) else [False]):
                raise EmotoneError(f"{where}: curves must be true or false, and true needs the view 'chunks'")
            return cls(**_fields(cls, {key: about[key] for key in about if key != "format"} | typed))
        except (KeyError, TypeError, AttributeError) as error:
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
        if not self.curves:
            del values["curves"]
        sha256, more = values.pop("sha256"), values.pop("more")
        return {"format": FORMAT, **values, **more, "sha256": sha256}


def _choice(about: Mapping[str, Any]) -> Choice:
    """A feature of `bundle.json`."""
    return Choice(**_fields(Choice, {"name": about["name"], "settings": about["settings"]}))


def _fields(cls: type, about: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a dataclass's fields by name, other keys as `more`; raises TypeError for a value of another type."""
    hints = typing.get_type_hints(cls)
    known = {key: value for key, value in about.items() if key in hints and key != "more"}
    for key, value in known.items():
        if not fits(value, hints[key]):
            raise TypeError(f"{key} must be {describe(hints[key])}, not {value!r}")
    others = {key: value for key, value in about.items() if key not in known}
    return known | ({"more": others} if "more" in hints else {})
