"""Exported bundles: bundles again with the same scores, whose ONNX file alone says how to use it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import save
from voices import spoken

from emotone.base import plugins
from emotone.base.files import sha256_of
from emotone.bundle.bundle import Bundle
from emotone.bundle.exported import FORMS, Form, describe, export_bundle, with_metadata
from emotone.bundle.folder import read_about
from emotone.cli.main import main
from emotone.errors import EmotoneError

CHECKOUT = Path(__file__).resolve().parents[2]
RUN = CHECKOUT / "tests/fixtures/v1/trained/tones-chunk-attention/651f5048e1f8"
SAMPLES = [spoken(2.0), spoken(3.5, 1)]


@pytest.fixture(params=["default", "tiny", "run"])
def source(request: pytest.FixtureRequest, tiny_bundle: Path, run: Path) -> str:
    """A bundle that comes along, one with every kind of target, and one of chunks in a run's folder."""
    return {"default": "default", "tiny": str(tiny_bundle), "run": str(run / "fold-1")}[request.param]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run as an earlier version wrote it, whose bundles get weights, which are not kept with the tests."""
    run = Path(shutil.copytree(RUN, tmp_path / "run"))
    for path in run.glob("fold-*/bundle/bundle.json"):
        weights = path.with_name("weights.safetensors")
        weights.write_bytes(save({"weight": np.ones(3, np.float32)}))
        about = json.loads(path.read_text())
        about["sha256"]["weights.safetensors"] = sha256_of(weights)
        path.write_text(json.dumps(about))
    return run


@pytest.mark.parametrize("form", FORMS)
def test_it_is_a_bundle_again_with_equal_scores(source: str, tmp_path: Path, form: Form) -> None:
    folder = export_bundle(source, tmp_path / "new" / "out", form)
    before, after = Bundle.load(source, threads=1), Bundle.load(str(folder), threads=1)
    wanted, found = before.score_samples(SAMPLES), after.score_samples(SAMPLES)
    for name, values in (wanted.attributes | wanted.probabilities).items():
        np.testing.assert_array_equal(values, (found.attributes | found.probabilities)[name])
    files = {path.name for path in folder.iterdir()}
    extra = {"weights.safetensors"} if form == "hugging-face" else set()
    assert files == {"README.md", "arrays.safetensors", "bundle.json", "model.onnx"} | extra
    read_about(folder, sorted(files - {"README.md", "bundle.json"}))  # every hash
    assert (folder / "README.md").read_text().startswith("---\n") == (form == "hugging-face")


def test_another_export_of_it_is_the_same(source: str, tmp_path: Path) -> None:
    first = export_bundle(source, tmp_path / "first", "hugging-face")
    second = export_bundle(str(first), tmp_path / "second", "hugging-face")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_the_network_alone_says_how_to_use_it(source: str, tmp_path: Path) -> None:
    """Scores by onnxruntime and numpy, from nothing but the file and features [T, D]."""
    bundle = Bundle.load(source, threads=1)
    folder = export_bundle(source, tmp_path / "out", "onnx")
    session = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes())
    said = session.get_modelmeta().custom_metadata_map
    about = json.loads(said["emotone:preprocessing"])
    feature = plugins.create("features", about["feature"]["name"], about["feature"]["settings"])
    assert json.loads(said["emotone:features"]) == feature.names and about["rate_hz"] == 16_000
    if about["view"]["name"] != "whole":
        assert about["view"]["name"] == "chunks"  # which has its own way of cutting
        return
    frames = (feature(SAMPLES[0]) - np.array(about["mean"])) / np.array(about["std"])
    names = [output.name for output in session.get_outputs()]
    inputs = np.clip(frames, -about["clip"], about["clip"]).astype(np.float32)[None]
    outputs = dict(zip(names, session.run(names, {"features": inputs}), strict=True))
    wanted = bundle.score_samples(SAMPLES[:1])
    for target in json.loads(said["emotone:targets"]):
        output = outputs[target["name"]][0].astype(np.float64)
        if target["kind"] == "attribute":
            score = output * target["std"] + target["mean"]
            assert score == pytest.approx(wanted.attributes[target["name"]][0], rel=1e-4)
        else:
            shares = np.exp(output) / np.exp(output).sum()
            labels = json.loads(said["emotone:classes"])[target["name"]]
            assert dict(zip(labels, shares, strict=True)) == pytest.approx(
                {label: wanted.probabilities[label][0] for label in labels}, rel=1e-3
            )


def test_the_graph_is_untouched_and_foreign_metadata_stays(tiny_bundle: Path) -> None:
    network = (tiny_bundle / "model.onnx").read_bytes()
    once = with_metadata(network, {"theirs": "1", "emotone:name": "x"})
    twice = onnx.load_from_string(with_metadata(once, {"emotone:name": "y"}))
    assert {entry.key: entry.value for entry in twice.metadata_props} == {"theirs": "1", "emotone:name": "y"}
    assert twice.graph == onnx.load_from_string(network).graph
    onnx.checker.check_model(twice)


def test_chunks_and_their_clip_are_described(tiny_bundle: Path) -> None:
    said = describe(Bundle.load(str(RUN / "fold-1")))
    about = json.loads((RUN / "fold-1/bundle/bundle.json").read_text())
    found = json.loads(said["emotone:preprocessing"])
    assert found["view"] == about["view"] and found["normalise"] == about["normalise"]
    assert all(isinstance(value, str) for value in said.values())


def test_the_result_of_its_run_goes_along(run: Path, tmp_path: Path) -> None:
    folder = export_bundle(str(run / "fold-1"), tmp_path / "out", "hugging-face")
    [result] = read_about(folder).results
    written = json.loads((run / "test.json").read_text())
    assert result["metrics"] == written["metrics"] and result["protocol"] == written["protocol"]
    assert "## Measured" in (folder / "README.md").read_text()
    (run / "test.json").write_text(json.dumps(written | {"hash": "another"}))
    assert read_about(export_bundle(str(run / "fold-1"), tmp_path / "two", "onnx")).results == []


def test_damage_is_found_on_the_way_out_and_in(tiny_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))
    (copy / "README.md").write_bytes(b"\xff")  # no card is no end
    folder = export_bundle(str(copy), tmp_path / "out", "onnx")
    assert (folder / "README.md").read_text().startswith("# tiny\n")
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1])
    with pytest.raises(EmotoneError, match="damaged"):
        Bundle.load(str(folder))
    with pytest.raises(EmotoneError, match=r"weights.safetensors: missing from the bundle"):
        export_bundle(str(export_bundle("small", tmp_path / "small", "onnx")), tmp_path / "three", "hugging-face")
    (copy / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(EmotoneError, match=r"weights.safetensors: damaged"):
        export_bundle(str(copy), tmp_path / "two", "hugging-face")
    assert not (tmp_path / "two").exists()


def test_the_verb_and_what_it_refuses(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["export-bundle", str(tiny_bundle), str(tmp_path / "a b"), "--to"]
    assert main([*given, "onnx"]) == 0
    assert capsys.readouterr().err.endswith(f"try: emotone predict FILE --model '{tmp_path / 'a b'}'\n")
    assert main([*given, "onnx"]) == 2
    assert "is there already and not an empty folder; name a new one" in capsys.readouterr().err
    assert main([*given, "huging-face"]) == 2
    assert "did you mean 'hugging-face'?" in capsys.readouterr().err
    with pytest.raises(EmotoneError, match="unknown form 'x'"):
        export_bundle("small", tmp_path / "x", "x")  # type: ignore[arg-type]
