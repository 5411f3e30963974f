"""Tasks for Label Studio, held against the rules of its import."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from emotone.predict.formats.label_studio import task, write_tasks
from emotone.predict.formats.segments import Recording, Segment

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"
KINDS = {"Labels": "labels", "Number": "number", "TextArea": "textarea"}


def interface() -> ElementTree.Element:
    """The labelling interface of the documentation."""
    text = DOCS.read_text(encoding="utf-8")
    return ElementTree.fromstring(text[text.index("<View>") : text.index("</View>") + len("</View>")])


def check_result(result: dict[str, Any], view: ElementTree.Element) -> None:
    """A result is of a control of the interface, of its kind, about its object, with a value that it can show."""
    control = next(one for one in view if one.get("name") == result["from_name"])
    assert KINDS[control.tag] == result["type"] and control.get("toName") == result["to_name"] == "audio"
    value = result["value"]
    assert 0 <= value["start"] < value["end"] <= result["original_length"] and value["channel"] >= 0
    kind = {"labels": list, "number": float, "textarea": list}[result["type"]]
    assert isinstance(value["text" if result["type"] == "textarea" else result["type"]], kind)
    if control.tag != "Labels":
        assert control.get("perRegion") == "true"


def test_tasks_are_what_the_interface_shows(odd: Recording, tmp_path: Path) -> None:
    failed = Recording("silent.wav", 1.0, [], error="is silent")
    write_tasks(tmp_path / "x.json", [odd, failed], "default")
    first, second = json.loads((tmp_path / "x.json").read_text())
    assert first["data"] == {"audio": odd.file} and second == {"data": {"audio": "silent.wav", "error": "is silent"}}
    [prediction] = first["predictions"]
    assert prediction["model_version"] == "default" and 0 < prediction["score"] < 1
    for result in prediction["result"]:
        check_result(result, interface())
    labels = [result for result in prediction["result"] if result["type"] == "labels"]
    assert [one["value"]["labels"] for one in labels] == [[piece.labels["emotion"][0]] for piece in odd.segments]
    assert len({one["id"] for one in labels}) == len(odd.segments)  # the regions; what else is said shares their ids
    assert {one["id"] for one in prediction["result"]} == {one["id"] for one in labels}
    speakers = [one["value"]["text"] for one in prediction["result"] if one["from_name"] == "speaker"]
    assert speakers == [[piece.who] for piece in odd.segments]


def test_channels_count_from_none() -> None:
    segments = [Segment(0.0, 1.0, "channel 2", {"emotion": ("calm", 1.0)}, channel=2)]
    [labels, _] = task(Recording("a.wav", 2.0, segments), "default")["predictions"][0]["result"]
    assert labels["value"]["channel"] == 1


def test_attributes_alone_have_no_score() -> None:
    [prediction] = task(Recording("a.wav", 2.0, [Segment(0.0, 1.0, scores={"arousal": 4.0})]), "x")["predictions"]
    assert "score" not in prediction and prediction["result"][0]["type"] == "number"


def test_the_interface_has_the_default_bundle_s_columns() -> None:
    from emotone.predict.predictor import Predictor

    predictor, view = Predictor.load("default"), interface()
    labels = [label.get("value") for label in next(one for one in view if one.get("name") == "emotion")]
    assert labels == list(predictor.choices["emotion"])
    numbers = [one.get("name") for one in view if one.tag == "Number"]
    assert numbers == list(predictor.attributes)
