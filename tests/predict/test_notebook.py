"""Predictions in notebooks: well-formed HTML, names as text, a player that holds the sound, and a curve with gaps."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voices import spoken

import emotone
from emotone.predict.curve import Curve
from emotone.predict.prediction import Prediction, failed
from emotone.predict.predictor import Predictor

TAGS = set(
    ["all", "style", "div", "p", "b", "small", "audio", "table", "tr", "td", "span", "svg", "text", "path", "title"]
)


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return emotone.load(str(tiny_bundle), threads=1)


def shown(prediction: Prediction) -> ElementTree.Element:
    """The element that a notebook gets; it must be XML as well, scripts and addresses elsewhere must not be there."""
    html = prediction._repr_html_()
    assert "http" not in html
    tree = ElementTree.fromstring(f"<all>{html.replace('controls ', '').replace('&nbsp;', ' ')}</all>")
    for element in tree.iter():
        assert element.tag in TAGS and not [name for name in element.attrib if name.startswith("on")]
    return tree.find("div")  # type: ignore[return-value]


def heard(tree: ElementTree.Element) -> np.ndarray:
    """The samples of the player."""
    [player] = tree.iter("audio")
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(player.get("src", "").partition(",")[2])))
    assert rate_hz == 16_000
    return samples


def words(tree: ElementTree.Element) -> str:
    return " ".join(tree.itertext())


def test_a_file_is_heard_and_drawn(predictor: Predictor, tmp_path: Path) -> None:
    path, samples = tmp_path / 'a<b onload="x">&.wav', spoken(6.0)
    soundfile.write(path, samples, 16_000)
    prediction = predictor.predict(path, window_s=1.0)
    tree = shown(prediction)
    assert str(path) in words(tree) and "6.0 s" in words(tree)
    cells = {row[0].text: "".join(row[1].itertext()) for row in tree.iter("tr")}
    assert cells["emotion"] == prediction.emotion
    assert {name: f"{score:.2f}" for name, score in (prediction.scores | prediction.probabilities).items()}.items() <= (
        cells.items()
    )
    assert [path.find("title").text for path in tree.iter("path")] == ["arousal", "dominance", "valence"]  # type: ignore[union-attr]
    played = heard(tree)[: len(samples)]
    assert np.corrcoef(played, samples[: len(played)])[0, 1] > 0.9


def test_a_short_recording_has_no_curve_and_a_long_one_is_heard_in_part(predictor: Predictor, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", spoken(3.0), 16_000)
    assert list(shown(predictor.predict(tmp_path / "a.wav")).iter("svg")) == []
    soundfile.write(tmp_path / "b.wav", np.resize(spoken(10.0), 130 * 16_000), 16_000)
    html = predictor.predict(tmp_path / "b.wav")
    assert len(heard(shown(html))) == pytest.approx(120 * 16_000, abs=1_600)
    assert "the first 2 minutes" in words(shown(html)) and len(html._repr_html_()) < 1_000_000


def test_what_cannot_be_heard_says_why(predictor: Predictor, tmp_path: Path) -> None:
    assert "no player: a prediction of samples" in words(shown(predictor.predict(spoken(2.0), 16_000)))
    soundfile.write(tmp_path / "gone.wav", spoken(2.0), 16_000)
    prediction = predictor.predict(tmp_path / "gone.wav")
    (tmp_path / "gone.wav").unlink()
    assert "no player: the file does not exist" in words(shown(prediction))
    assert "x<i>.wav" in words(bad := shown(failed("x<i>.wav", "is no <b>sound</b>")))
    assert "error: is no <b>sound</b>" in words(bad) and list(bad.iter("audio")) == []
    text = Prediction("text", None, None, {"arousal": 4.0})
    assert "no player: a prediction of a text" in words(shown(text))


def test_a_curve_has_gaps_where_nothing_is_scored_or_said() -> None:
    start_s = np.array([0.0, 1.0, 2.0, 3.0, 9.0])
    curve = Curve(start_s, start_s + 1, {"arousal": np.array([1, 2, np.nan, 3, 4.0])}, [""] * 5)
    tree = shown(Prediction("array", 0.0, 10.0, {"arousal": 2.0}, {}, curve, curve))
    [path] = tree.iter("path")
    assert [len(run.split("L")) for run in path.get("d", "").split("M")[1:]] == [2, 1, 1]
    assert re.findall(r">(\S+ s)<", ElementTree.tostring(tree.find("svg")).decode()) == ["0.0 s", "10.0 s"]  # type: ignore[arg-type]


def test_hours_are_drawn_by_some_points_and_failures_not_at_all() -> None:
    start_s = np.arange(14_400) / 4
    curve = Curve(start_s, start_s + 1, {"arousal": np.sin(start_s), "x": np.full(14_400, np.nan)}, [""] * 14_400)
    prediction = Prediction("array", 0.0, 3_601.0, {"arousal": 2.0, "x": 1.0}, {}, curve, curve)
    [path] = shown(prediction).iter("path")
    assert 900 < path.get("d", "").count("L") < 1_000
    empty = Curve(start_s, start_s + 1, {"x": np.full(14_400, np.nan)}, [""] * 14_400)
    assert list(shown(Prediction("array", 0.0, 3_601.0, {"x": 1.0}, {}, empty, empty)).iter("svg")) == []


def test_categories_alone_are_drawn(predictor: Predictor) -> None:
    curve = Curve(np.array([0.0, 1.0]), np.array([1.0, 2.0]), {"calm": np.array([0.2, 0.4])}, ["", ""])
    tree = shown(Prediction("array", 0.0, 2.0, {}, {"calm": 0.3}, curve, curve))
    assert [path.find("title").text for path in tree.iter("path")] == ["calm"]  # type: ignore[union-attr]
