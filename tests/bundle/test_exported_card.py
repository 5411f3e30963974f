"""Cards for the hub, read by the hub's own client: licence, data sets, metrics with intervals, and no guesses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.bundle import Bundle
from emotone.bundle.exported_card import LICENCES, exported_card, hub_metadata
from emotone.bundle.folder import available, read_about


@pytest.fixture(scope="module")
def default() -> Bundle:
    return Bundle.load("default")


def card_of(bundle: Bundle, own: str = "# x\n", **changes: Any) -> str:
    return exported_card(dataclasses.replace(bundle.about, **changes), bundle, own, for_hub=True)


def test_the_hub_s_own_client_reads_it(default: Bundle) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(card_of(default, (default.folder / "README.md").read_text()))
    assert (card.data.license, card.data.pipeline_tag, card.data.library_name) == (
        "mit",
        "audio-classification",
        "emotone",
    )
    assert card.data.datasets == ["emodb", "librispeech"] and {"ccc", "uar"} <= set(card.data.metrics)
    found = {(one.dataset_type, one.metric_args["target"], one.metric_type): one for one in card.data.eval_results}
    measured = next(result for result in default.about.results if "emotale" in result.get("corpora", {}))
    ccc, wanted = found["emotale", "arousal", "ccc"], measured["metrics"]["arousal"]["ccc"]
    assert ccc.metric_value == pytest.approx(wanted["value"], abs=1e-4)
    assert ccc.metric_args["low"] == pytest.approx(wanted["low"], abs=1e-4)
    assert ccc.metric_name == "arousal ccc, 95% interval [{:.3f}, {:.3f}]".format(wanted["low"], wanted["high"])
    assert ccc.dataset_name == "default on all of emotale"
    number = sum(len(by) for result in default.about.results for by in result["metrics"].values())
    assert len(card.data.eval_results) == number
    assert "&id" not in card.content and card.text.strip().startswith("# default")


def test_published_numbers_have_no_interval_and_what_is_none_is_left_out(default: Bundle) -> None:
    published = {"protocol": "MSP-Podcast 1.6 test, as published", "metric": "CCC", "arousal": 0.7, "valence": None}
    training = Provenance(corpus="MSP-Podcast 1.6")
    about = dataclasses.replace(default.about, results=[published], training=training)
    [model] = hub_metadata(about)["model-index"]
    [result] = model["results"]
    assert result["dataset"]["type"] == "msp-podcast-1.6"
    assert result["metrics"] == [
        {"type": "ccc", "name": "arousal ccc, no interval", "value": 0.7, "args": {"target": "arousal"}}
    ]
    undefined = {"protocol": "x", "metrics": {"arousal": {"ccc": {"low": None, "value": float("nan"), "high": None}}}}
    for results in ([], [undefined]):
        found = hub_metadata(dataclasses.replace(about, results=results))
        assert "model-index" not in found and "metrics" not in found


@pytest.mark.parametrize(
    ("licence", "found"),
    [
        ("CC0", {"license": "cc0-1.0"}),
        ("CC BY 4.0", {"license": "cc-by-4.0"}),
        ("ODbL 1.0", {"license": "odbl"}),
        ("", {"license": "other", "license_name": "not stated"}),
        ("MIT (the features\nare not)", {"license": "other", "license_name": "MIT (the features are not)"}),
        ("a: [b]\n---\n", {"license": "other", "license_name": "a: [b] ---"}),
    ],
)
def test_licences_are_the_hub_s_or_named(default: Bundle, licence: str, found: dict[str, str]) -> None:
    front = yaml.safe_load(card_of(default, licence=licence).split("\n---\n")[0].removeprefix("---\n"))
    assert {key: front.get(key) for key in found} == found
    assert set(LICENCES.values()) >= {"mit", "cc-by-nc-sa-4.0"}


def test_what_an_export_added_is_not_added_again(default: Bundle) -> None:
    own = (default.folder / "README.md").read_text()
    once = card_of(default, own)
    assert card_of(default, once) == once and once.count("## Preprocessing and output") == 1
    assert own.strip() in once


def test_the_card_says_what_goes_in_and_out(default: Bundle) -> None:
    card = card_of(default)
    for words in (
        '`whisper-light` with `{"blocks": [2, 3]',
        "D = 1024",
        "clipped to ±3",
        "score = output * 2.5 + 5.1 on 1..7",
        "logits of anger, boredom, disgust, fear, happiness, neutral, sadness, in this order",
        "emotone predict talk.wav --model .",
        "| default on all of emotale | arousal | ccc | 0.860, 95% interval [0.815, 0.891] |",
    ):
        assert words in card, words


def test_every_bundle_that_is_here_has_metadata() -> None:
    for folder in [*available().values(), Path(__file__).parents[2] / "bundles" / "acted"]:
        about: BundleAbout = read_about(folder)
        found = hub_metadata(about)
        assert yaml.safe_load(yaml.safe_dump(found)) == found and found["license"] != "other"
