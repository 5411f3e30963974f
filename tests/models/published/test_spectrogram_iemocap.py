"""Published spectrogram networks from a folder: known by shape, equal to the network of these weights, or refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from emotone.base import plugins
from emotone.base.files import sha256_of
from emotone.bundle.bundle import Bundle
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.evaluate.trained_on import training_warnings
from emotone.models.networks import alexnet_gap
from emotone.models.published import spectrogram_iemocap
from emotone.models.published.spectrogram_iemocap import LABELS, find
from emotone.models.pull import pull
from emotone.predict.predictor import Predictor

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch, of what it refuses


def weights_of(kind: str, num_classes: int = 4) -> dict[str, Tensor]:
    """Weights as the published programs save them: the head of `alexnet-gap` is a convolution in a sequence."""
    torch.manual_seed(0)
    state = plugins.find("models", kind)(num_classes).state_dict()
    if kind == "alexnet-gap":
        state = {name.replace("classifier.", "classifier.0."): value for name, value in state.items()}
    return state


def test_a_bundle_is_the_network_on_published_pictures(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "fork/models").mkdir(parents=True)
    torch.save(weights_of("alexnet-gap"), tmp_path / "fork/models/fcn_model.pth")
    (tmp_path / "fork/app.py").write_text("# not weights")
    bundle = Bundle.load(str(pull("spectrogram-iemocap", tmp_path / "fork", tmp_path / "bundle")))
    assert [target.labels for target in bundle.targets] == [LABELS] == [("anger", "sadness", "happiness", "neutral")]
    assert bundle.about.training.files == {"fcn_model.pth": sha256_of(tmp_path / "fork/models/fcn_model.pth")}
    golden = np.load(shared / "golden/systems/03a01Fa.npz")
    audio = shared / str(golden["audio"])
    network = alexnet_gap.AlexNetGap(4).eval()
    network.load_state_dict(
        {name.replace("classifier.0.", "classifier."): value for name, value in weights_of("alexnet-gap").items()}
    )
    found = Predictor.load(str(tmp_path / "bundle")).predict(audio)
    expected = by_hand(network, bundle, audio)
    for label, probability in zip(LABELS, expected, strict=True):
        assert found.probabilities[label] == pytest.approx(probability, abs=1e-4)
    assert "nobody says which speakers trained it" in (tmp_path / "bundle/README.md").read_text()
    corpus = Corpus("mine", tmp_path, pd.DataFrame({"id": ["a"], "file": ["a.wav"]}), None, {"reader": "iemocap"})
    (warning,) = training_warnings(bundle.name, bundle.about.training, corpus, "all")
    assert "was trained on IEMOCAP itself: this is no test" in warning


def by_hand(network: nn.Module, bundle: Bundle, audio: Path) -> Any:
    """Probabilities of an utterance: 8-bit pictures of -80..0 dB, filled up with 0 dB, low bins at the bottom."""
    from PIL import Image

    from emotone.audio.read import load_audio

    frames = bundle.extract(load_audio(audio))
    padded = np.zeros((-(-len(frames) // 300) * 300, 200), np.float32)
    padded[: len(frames)] = frames
    scores = []
    for segment in padded.reshape(-1, 300, 200):
        grey = ((segment + 80) / 80 * 255).astype(np.uint8).T[::-1]
        picture = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize((384, 256), Image.Resampling.BILINEAR))
        colours = torch.from_numpy(np.repeat(picture[None] / 255, 3, axis=0)).float()
        mean, std = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        with torch.inference_mode():
            scores.append(torch.log_softmax(network(((colours - mean) / std)[None]), dim=1)[0])
    return torch.softmax(torch.stack(scores).mean(dim=0), dim=0).tolist()


@pytest.mark.parametrize("kind", ["alexnet", "alexnet-gap", "resnet18"])
def test_networks_are_known_by_their_shapes(kind: str, tmp_path: Path) -> None:
    save_file(weights_of(kind), tmp_path / "w.safetensors")
    assert find(tmp_path) == {kind: tmp_path / "w.safetensors"} == find(tmp_path / "w.safetensors")


def test_other_files_are_none(tmp_path: Path) -> None:
    torch.save(weights_of("alexnet-gap", 5), tmp_path / "five.pth")
    torch.save(weights_of("resnet18") | {"more": torch.zeros(1)}, tmp_path / "more.pth")
    lacking = weights_of("alexnet-gap")
    del lacking["features.0.bias"]
    torch.save(lacking, tmp_path / "lacking.pth")
    (tmp_path / "torn.pt").write_bytes(b"torn")
    (tmp_path / "code.pth").write_bytes(pickle.dumps(Path))
    words = "no plain weights of alexnet, alexnet-gap, resnet18, vgg11 for 4 categories among 5 files"
    with pytest.raises(EmotoneError, match=words):
        pull("spectrogram-iemocap", tmp_path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    with pytest.raises(EmotoneError, match="nowhere: not found"):
        pull("spectrogram-iemocap", tmp_path / "nowhere", tmp_path / "bundle")


def test_of_several_one_must_be_named(tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        torch.save(weights_of("alexnet-gap"), tmp_path / name)
    with pytest.raises(EmotoneError, match=r"2 files of published networks; name one of them: .*a.pth \(alexnet-gap\)"):
        find(tmp_path)
    assert find(tmp_path / "b.pth") == {"alexnet-gap": tmp_path / "b.pth"}


def test_it_is_never_downloaded() -> None:
    with pytest.raises(EmotoneError, match="spectrogram-iemocap is not downloaded; name the folder .*: --from FOLDER"):
        pull("spectrogram-iemocap")
    assert spectrogram_iemocap.SYSTEMS["spectrogram-iemocap"].files == {}
