"""Descriptions of bundles: plain data and back, byte for byte; what is refused; what later versions add is kept."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from bundle_edits import Edit

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.folder import BUNDLED
from emotone.bundle.target import UNBOUNDED, Target
from emotone.bundle.view.view import Chunks, Whole
from emotone.errors import EmotoneError

PLAIN: dict[str, Any] = {
    "format": 1,
    "normalise": {"by": "speaker", "clip": None, "over": "frames", "scale": "z-score"},
    "name": "x",
    "description": "y",
    "max_utterance_s": 9.5,
    "feature": {"name": "mel", "settings": {"num_mels": 16}},
    "text_feature": {"name": "roberta", "settings": {}},
    "view": {"name": "chunks", "chunk_frames": 62, "num_chunks": 11},
    "targets": [
        {"name": "arousal", "kind": "attribute", "range": [1.0, 5.0], "mean": 3.0, "std": 0.5},
        {"name": "valence", "kind": "attribute", "range": None, "mean": 0.0, "std": 1.0},
        {"name": "emotion", "kind": "category", "labels": ["anger", "calm"]},
    ],
    "curves": True,
    "training": {
        "recipe": {"alignment": "corpus", "system": {"name": "multi-scale"}},
        "recipe_hash": "0a1b",
        "corpora": {"mine": "feed"},
        "split_hash": "2c3d",
        "seed": 0,
        "repeat": 0,
        "fold": 2,
        "warnings": [],
    },
    "results": [{"protocol": "p", "metric": "CCC", "arousal": 0.5}],
    "reliability": {"valence": "weak (CCC .3 on Danish)", "emotion": "of acted speech"},
    "licence": "CC0",
    "citation": "Us",
    "sha256": {"model.onnx": "ff"},
}
LEAST = {key: PLAIN[key] for key in ("format", "normalise", "name", "max_utterance_s", "feature", "view", "targets")}


def test_every_key_has_its_type() -> None:
    about = BundleAbout.from_json(PLAIN, "bundle.json")
    assert (about.name, about.description, about.max_utterance_s, about.curves) == ("x", "y", 9.5, True)
    assert (about.feature, about.text_feature) == (Choice("mel", {"num_mels": 16}), Choice("roberta"))
    assert about.view == Chunks(62, 11) and about.clip is None and about.normalises_by_speaker
    assert about.targets == [
        Target("arousal", "attribute", (1.0, 5.0), 3.0, 0.5),
        Target("valence", "attribute", UNBOUNDED),
        Target("emotion", "category", labels=("anger", "calm")),
    ]
    training = about.training
    assert (training.recipe_hash, training.split_hash, training.corpora) == ("0a1b", "2c3d", {"mine": "feed"})
    assert (training.seed, training.repeat, training.fold, training.warnings) == (0, 0, 2, [])
    assert training.recipe["alignment"] == "corpus" and training.trained_system == {"name": "multi-scale"}
    assert about.results[0]["arousal"] == 0.5 and about.sha256 == {"model.onnx": "ff"}
    assert about.reliability["valence"] == "weak (CCC .3 on Danish)"


def test_json_and_back_is_the_same_text() -> None:
    assert json.dumps(BundleAbout.from_json(PLAIN, "").to_json()) == json.dumps(PLAIN)


def bundles_of_the_first_version() -> list[Path]:
    fixtures = Path(__file__).parents[1] / "fixtures"
    return [BUNDLED / "default" / "bundle.json", *sorted(fixtures.rglob("bundle.json"))]


@pytest.mark.parametrize("path", bundles_of_the_first_version(), ids=lambda path: path.parents[1].name)
def test_bundles_that_were_written_before_are_written_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    about = BundleAbout.from_json(json.loads(text), str(path))
    assert json.dumps(about.to_json(), indent=1, ensure_ascii=False) == text


def test_what_later_versions_add_is_kept() -> None:
    later = copy.deepcopy(PLAIN)
    later["energy_wh"], later["training"]["device"] = 3.5, "tpu"
    again = BundleAbout.from_json(later, "").to_json()
    assert again == later and list(again)[-2:] == ["energy_wh", "sha256"]


def test_little_is_enough() -> None:
    about = BundleAbout.from_json(LEAST, "")
    assert (about.description, about.results, about.training, about.text_feature) == ("", [], Provenance(), None)
    assert not about.curves and about.to_json()["training"] == {} and about.reliability == {}
    assert not {"text_feature", "reliability", "curves"} & about.to_json().keys()
    assert BundleAbout.from_json(LEAST | {"training": None, "text_feature": None}, "").training == Provenance()


def test_a_new_description_clips_as_published() -> None:
    about = BundleAbout(name="x", max_utterance_s=1, feature=Choice("mel"), view=Whole(), targets=[])
    assert about.to_json()["normalise"] == {"clip": 3.0} and not about.normalises_by_speaker


def test_the_system_of_published_weights() -> None:
    training = Provenance(system={"name": "a"}, recipe={"system": {"name": "b"}}, files={"w": "ff"}, commit="c0ffee")
    assert training.trained_system == {"name": "a"} and Provenance().trained_system == {}
    assert list(training.to_json()) == ["system", "commit", "files", "recipe"]


WHOLE = {"name": "whole"}
EDITS: list[tuple[str, Edit, str]] = [
    ("no feature", lambda about: about.pop("feature"), "not a complete bundle description (KeyError('feature'))"),
    ("feature a word", lambda about: about.update(feature="mel"), "not a complete bundle description"),
    ("feature of no name", lambda about: about["feature"].update(name=None), "name must be text, not None"),
    ("no settings", lambda about: about["feature"].pop("settings"), "description (KeyError('settings'))"),
    ("settings a list", lambda about: about["feature"].update(settings=[]), "settings must be a mapping, not []"),
    ("no view", lambda about: about.pop("view"), "not a complete bundle description (KeyError('view'))"),
    ("other view", lambda about: about["view"].update(name="chunk"), "unknown view 'chunk'; did you mean 'chunks'?"),
    ("view setting", lambda about: about["view"].update(chunk_frame=4), "did you mean 'chunk_frames'?"),
    ("huge view", lambda about: about["view"].update(num_chunks=10**9), "from 1 to 100000"),
    ("view of too many frames", lambda about: about["view"].update(num_chunks=9_999), "at most 100000 frames"),
    ("no targets", lambda about: about.update(targets=[]), "name, targets, max_utterance_s and normalise.clip must be"),
    ("targets a number", lambda about: about.update(targets=3), "not a complete bundle description"),
    ("target a word", lambda about: about.update(targets=["arousal"]), "is not complete"),
    ("target kind", lambda about: about["targets"][0].update(kind="x"), "target kind must be"),
    ("curves of frames", lambda about: about.update(view=WHOLE), "curves must be true or false, and true needs"),
    ("curves a word", lambda about: about.update(curves="no"), "curves must be true or false"),
    ("emotion a label", lambda about: about["targets"][2].update(labels=["calm", "emotion"]), "'emotion' cannot name"),
    ("emotion an attribute", lambda about: about["targets"][0].update(name="emotion"), "'emotion' cannot name"),
    ("no name", lambda about: about.pop("name"), "must be there"),
    ("name a number", lambda about: about.update(name=3), "name must be text without control characters, not 3"),
    ("limit zero", lambda about: about.update(max_utterance_s=0), "from 0.05 to 3600, not 0"),
    ("limit below zero", lambda about: about.update(max_utterance_s=-5.0), "from 0.05 to 3600"),
    ("limit NaN", lambda about: about.update(max_utterance_s=float("nan")), "from 0.05 to 3600, not nan"),
    ("limit endless", lambda about: about.update(max_utterance_s=float("inf")), "from 0.05 to 3600, not inf"),
    ("clip zero", lambda about: about.update(normalise={"clip": 0}), "normalise.clip must be a number from"),
    (
        "huge setting",
        lambda about: about["feature"]["settings"].update(num_fft=10**9),
        "num_fft must be a number from -16384",
    ),
    (
        "settings NaN",
        lambda about: about["feature"]["settings"].update(log_floor=float("nan")),
        "log_floor must be a number",
    ),
    (
        "list in settings",
        lambda about: about["feature"]["settings"].update(x=[{"y": 1e9}]),
        "x must be a number from -1e+06",
    ),
    ("name twice", lambda about: about["targets"].append(about["targets"][0]), "must have different names (arousal)"),
    (
        "name that steers",
        lambda about: about.update(description="a\x1b[31mb"),
        "description must be text without control",
    ),
    ("no limit", lambda about: about.pop("max_utterance_s"), "not a complete bundle description"),
    (
        "limit a word",
        lambda about: about.update(max_utterance_s="x"),
        "max_utterance_s must be a number from 0.05 to 3600, not 'x'",
    ),
    (
        "limit a flag",
        lambda about: about.update(max_utterance_s=True),
        "max_utterance_s must be a number from 0.05 to 3600, not True",
    ),
    ("no clip", lambda about: about.update(normalise={}), "not a complete bundle description (KeyError('clip'))"),
    (
        "clip a word",
        lambda about: about.update(normalise={"clip": "3"}),
        "normalise.clip must be a number from 0.001 to 1e+06",
    ),
    (
        "reliability a word",
        lambda about: about.update(reliability="weak"),
        "must be a mapping of targets to a sentence",
    ),
    ("of a label", lambda about: about["reliability"].update(angr="weak"), "reliability: unknown target 'angr'"),
    ("of a column", lambda about: about["reliability"].update({"val\x1b[1m": "weak"}), "unknown target 'val\\x1b[1m'"),
    (
        "a number",
        lambda about: about["reliability"].update(valence=0.3),
        "must be a line of 1 to 300 characters, not 0.3",
    ),
    ("nothing", lambda about: about["reliability"].update(valence=""), "reliability of valence must be a line of 1 to"),
    ("two lines", lambda about: about["reliability"].update(valence="a\nb"), "must be a line of 1 to 300 characters"),
    ("a page", lambda about: about["reliability"].update(valence="a" * 301), "must be a line of 1 to 300 characters"),
    ("results a mapping", lambda about: about.update(results={}), "results must be a list (a mapping), not {}"),
    ("training a word", lambda about: about.update(training="mine"), "not a complete bundle description"),
    ("corpora a list", lambda about: about["training"].update(corpora=["mine"]), "corpora must be a mapping"),
    ("seed a word", lambda about: about["training"].update(seed="1"), "seed must be a whole number or nothing"),
]


@pytest.mark.parametrize(("edit", "words"), [pytest.param(*rest, id=name) for name, *rest in EDITS])
def test_descriptions_that_are_refused(edit: Edit, words: str) -> None:
    about = copy.deepcopy(PLAIN)
    edit(about)
    with pytest.raises(EmotoneError) as caught:
        BundleAbout.from_json(about, "b/bundle.json")
    assert str(caught.value).startswith("b/bundle.json: ") and words in str(caught.value)
