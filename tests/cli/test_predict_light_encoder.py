"""`emotone predict` with bundles on the encoder that comes with Emotone: what is wrong with it, inputs of all sizes."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from bundle_edits import Edit, change
from numpy.typing import NDArray
from safetensors.numpy import load_file

from emotone.audio.read import RATE_HZ, load_audio
from emotone.base.plugins import Choice, create, settings_of
from emotone.bundle.about import BundleAbout
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Whole
from emotone.features import light_encoder
from emotone.features.extractors.whisper_light import WhisperLight
from emotone.models.export import write_bundle
from emotone.models.networks.linear import Linear

EXAMPLE = Path(__file__).parents[2] / "examples" / "jfk.wav"
LABELS = ("calm", "tense")
SIZES = {"arousal": 1, "emotion": len(LABELS)}
Run = Callable[..., Any]
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def light_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random linear heads on the means of two blocks' states, at most a minute at once; not to be changed."""
    import torch

    feature = create("features", "whisper-light", {"blocks": [1, 2], "pooled": "mean"})
    about = BundleAbout(
        name="light",
        max_utterance_s=60.0,
        feature=Choice("whisper-light", settings_of(feature)),
        view=Whole(),
        targets=[Target("arousal", "attribute", (1.0, 7.0), 4.0, 2.0), Target("emotion", "category", labels=LABELS)],
    )
    width = len(feature.names)
    torch.manual_seed(0)
    network = Linear(width, SIZES).eval()
    normalisers = StreamNormalisers(Normaliser(np.full(width, 0.1), np.full(width, 2.0)))
    return write_bundle(tmp_path_factory.mktemp("bundles") / "light", network, about, normalisers, "# light\n")


@pytest.fixture
def copy(light_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that may be changed, and that no process has loaded."""
    return Path(shutil.copytree(light_bundle, tmp_path / "copy"))


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the encoder's networks that may be changed, in place of its own."""
    folder = Path(shutil.copytree(light_encoder.FOLDER, tmp_path / "networks"))
    monkeypatch.setattr(light_encoder, "FOLDER", folder)
    return folder


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Ten seconds without pauses at their ends."""
    return load_audio(EXAMPLE)[5_000:165_000]


def repeated(speech: Samples, duration_s: float) -> Samples:
    return np.resize(speech, round(duration_s * RATE_HZ))


# ---- the encoder ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["first.onnx", "next.onnx"])
@pytest.mark.parametrize("fault", ["missing", "truncated", "other"])
def test_an_encoder_that_is_not_the_one_is_one_line(
    run: Run, copy: Path, networks: Path, tmp_path: Path, name: str, fault: str
) -> None:
    path, content = networks / name, (networks / name).read_bytes()
    if fault == "missing":
        path.unlink()
        words = "cannot be read (No such file or directory)"
    else:
        path.write_bytes(content[: len(content) // 2] if fault == "truncated" else content[:-1] + b"\0")
        words = "damaged (its SHA-256 is not the encoder's)"
    for more in ((), ("--jobs", 2), ("--output", tmp_path / "x.csv")):
        ran = run("predict", EXAMPLE, "--model", copy, *more)
        assert (ran.code, ran.out) == (2, "") and not (tmp_path / "x.csv").exists()
        assert ran.line == (
            f"emotone: {copy / 'bundle.json'}: its feature cannot be used: {path}: {words}; install Emotone again"
        )


FEATURES: list[tuple[Edit, str]] = [
    (lambda about: about["feature"].update(name="whisper-lite"), "unknown feature 'whisper-lite'; did you mean 'whis"),
    (
        lambda about: about["feature"]["settings"].update(sha256="ab" * 32),
        "needs the encoder whose SHA-256 is abababababab…; the one that comes with this version of Emotone is "
        f"{light_encoder.identity(2)[:12]}…; take the version that it was made with, or make it anew",
    ),
    (lambda about: about["feature"]["settings"].update(sha256=3), "sha256 must be text or nothing (null), not 3"),
    (lambda about: about["feature"]["settings"].update(blocks=[3, 4]), "blocks must be some of 0, 1, 2, 3 in this ord"),
    (
        lambda about: about.update(feature={"name": "wav2vec2", "settings": {"weights": "no/such"}}),
        "the encoder 'no/such' is not here, and is never downloaded by itself; get it with: hf download no/such",
    ),
]


@pytest.mark.parametrize(("edit", "words"), FEATURES)
def test_a_bundle_of_an_encoder_that_is_not_here_is_one_line(run: Run, copy: Path, edit: Edit, words: str) -> None:
    change(copy, edit)
    ran = run("predict", EXAMPLE, "--model", copy)
    assert (ran.code, ran.out) == (2, "") and words in ran.line
    assert ran.line.startswith(f"emotone: {copy / 'bundle.json'}: its feature cannot be used: ")


def test_an_encoder_of_other_width_is_one_line(run: Run, copy: Path) -> None:
    change(copy, lambda about: about["feature"]["settings"].update(blocks=[2]))
    ran = run("predict", EXAMPLE, "--model", copy)
    assert ran.code == 2 and "feature_mean must be there with shape (512,)" in ran.line
    assert str(copy / "arrays.safetensors") in ran.line


# ---- inputs -----------------------------------------------------------------------------------------------------


def expected(bundle: Path, samples: Samples) -> dict[str, float]:
    """The scores by hand: the feature, the normaliser and the heads, in float64."""
    mean = WhisperLight(blocks=(1, 2), pooled="mean")(samples)[0].astype(np.float64)
    vector = np.clip((mean - 0.1) / 2.0, -3, 3)
    heads = {name: array.astype(np.float64) for name, array in load_file(bundle / "weights.safetensors").items()}
    raw = {name: heads[f"outputs.{name}.weight"] @ vector + heads[f"outputs.{name}.bias"] for name in SIZES}
    odds = np.exp(raw["emotion"])
    return {"arousal": 4 + 2 * raw["arousal"][0]} | dict(zip(LABELS, odds / odds.sum(), strict=True))


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_inputs_of_any_length_have_the_scores_of_their_states(
    run: Run, light_bundle: Path, speech: Samples, tmp_path: Path
) -> None:
    """From the shortest that is encoded to past the 30 s that the encoder takes at once."""
    durations_s = (0.05, 0.07, 30.0, 30.02)
    for number, duration_s in enumerate(durations_s):
        soundfile.write(tmp_path / f"{number}.wav", repeated(speech, duration_s), RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "4.wav", speech[: RATE_HZ // 20 - 1], RATE_HZ, subtype="FLOAT")
    ran = run("predict", tmp_path, "--model", light_bundle, "--output", tmp_path / "x.csv", "--quiet")
    *rows, short = read(tmp_path / "x.csv")
    assert ran.code == 1 and [float(row["end_s"]) for row in rows] == list(durations_s)
    for row, duration_s in list(zip(rows, durations_s, strict=True))[::-2]:
        scores = expected(light_bundle, repeated(speech, duration_s))
        assert {name: float(row[name]) for name in scores} == pytest.approx(scores, rel=1e-4)
        assert row["emotion"] == max(LABELS, key=scores.__getitem__)
    *_, half, over = rows
    assert float(over["arousal"]) == pytest.approx(float(half["arousal"]), abs=0.01)  # one frame of 1501 more
    assert (short["emotion"], short["arousal"]) == ("", "")
    assert short["error"] == "feature whisper-light: 49.9375 ms are too short; it needs 50 ms"


def test_a_long_recording_has_the_scores_of_its_windows_from_end_to_end(
    run: Run, light_bundle: Path, speech: Samples, tmp_path: Path
) -> None:
    """Speech that repeats itself is the same in all windows, however the file is read."""
    period = repeated(speech, 4.0)
    soundfile.write(tmp_path / "a.wav", repeated(period, 62.0), RATE_HZ, subtype="FLOAT")
    windows = ("--window", 4, "--hop", 4, "--output", tmp_path / "x.csv")
    assert run("predict", tmp_path / "a.wav", "--model", light_bundle, *windows, "--quiet").code == 0
    *rows, last = read(tmp_path / "x.csv")
    assert [float(row["start_s"]) for row in rows] == [4.0 * number for number in range(15)]
    scores, end = expected(light_bundle, period), expected(light_bundle, period[: 2 * RATE_HZ])
    for row in rows:
        assert {name: float(row[name]) for name in scores} == pytest.approx(scores, rel=1e-4)
    assert {name: float(last[name]) for name in end} == pytest.approx(end, rel=1e-4) and last["end_s"] == "62.0"
