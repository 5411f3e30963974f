"""Published weights: equal to the reference outputs, fetched safely, and refused when they are something else."""

from __future__ import annotations

import http.server
import os
import pickle
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.base.files import cache_folder, sha256_of
from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models import pull as pulling
from emotone.models.published import chunk_attention
from emotone.models.pull import Published, obtain, published_systems, pull
from emotone.models.torch_file import read_weights
from emotone.predict.predictor import Predictor

NAMES: dict[str, Any] = {"chunk-attention-self": "SelfAttenVec", "chunk-attention-rnn": "RnnAttenVec"}
ATTRIBUTES = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}  # and the published names of them
GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")
NUM_FILES = 50
"""How many of the 450 Danish files are scored from audio."""
# Pearson and CCC against the mean of three ratings, of the published networks as measured by their own code.
EMOTALE = {
    "chunk-attention-self": {"arousal": (0.803, 0.658), "dominance": (0.727, 0.603), "valence": (0.172, 0.112)},
    "chunk-attention-rnn": {"arousal": (0.778, 0.650), "dominance": (0.702, 0.646), "valence": (0.211, 0.117)},
}
PATH = "NormTerm/act_norm_means.mat"
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch, of what it refuses


# ---- golden equality --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("golden_name", GOLDEN)
def test_scores_equal_the_published_ones(shared: Path, pulled: dict[str, Path], name: str, golden_name: str) -> None:
    golden = np.load(shared / f"golden/systems/{golden_name}.npz")
    bundle = Bundle.load(str(pulled[name]), threads=1)
    from_features = bundle.score_features([golden["lld"]])
    samples = load_audio(shared / str(golden["audio"]))
    from_audio = bundle.score_samples([samples])
    for attribute, short in ATTRIBUTES.items():
        key = f"chunk_attention__{NAMES[name]}__{short}"
        expected = golden[f"{key}__score"]
        assert from_features.attributes[attribute][0] == pytest.approx(expected.item(), abs=1e-4)
        assert from_audio.attributes[attribute][0] == pytest.approx(expected.item(), abs=1e-3)
        assert from_features.outputs[attribute][0] == pytest.approx(golden[f"{key}__normalised"].item(), abs=1e-4)


def test_danish_files_are_scored_as_published(shared: Path, pulled: dict[str, Path]) -> None:
    """From audio within 1e-3, one pass of features for both networks."""
    published = pd.read_csv(shared / "golden/emotale-da-published.csv").sample(NUM_FILES, random_state=0)
    bundles = {name: Bundle.load(str(folder), threads=1) for name, folder in pulled.items()}
    first = next(iter(bundles.values()))
    paths = [next((shared / "data/emotale-da").rglob(f"{Path(file).stem}.*")) for file in published["file"]]
    features = [first.extract(load_audio(path)) for path in paths]
    for name, bundle in bundles.items():
        scores = bundle.score_features(features).attributes
        for attribute, short in ATTRIBUTES.items():
            expected = published[f"chunk_attention/{NAMES[name]}/{short}/score"]
            np.testing.assert_allclose(scores[attribute], expected, atol=1e-3, rtol=0)


def test_scores_of_all_danish_files_correlate_as_published(shared: Path) -> None:
    published = pd.read_csv(shared / "golden/emotale-da-published.csv")
    ratings = mean_ratings(shared, [Path(file).stem for file in published["file"]])
    for name, of_attribute in EMOTALE.items():
        for attribute, (pearson, ccc) in of_attribute.items():
            scores = published[f"chunk_attention/{NAMES[name]}/{ATTRIBUTES[attribute]}/score"].to_numpy()
            mapped, truth = 1 + (scores - 1) * 4 / 6, ratings[attribute].to_numpy()
            assert metrics.pearson(mapped, truth) == pytest.approx(pearson, abs=5.1e-4)
            assert metrics.ccc(mapped, truth) == pytest.approx(ccc, abs=5.1e-4)


def mean_ratings(shared: Path, stems: list[str]) -> pd.DataFrame:
    """The mean of the three human ratings of each file."""
    corpus = plugins.create("corpora", "emotale").read(shared / "data/emotale-da")
    return corpus.utterances.set_index(corpus.utterances["file"].map(lambda file: Path(file).stem)).loc[stems]


@pytest.mark.parametrize("name", NAMES)
def test_onnx_equals_torch(shared: Path, pulled: dict[str, Path], name: str) -> None:
    bundle = Bundle.load(str(pulled[name]), threads=1)
    system = published_systems()[name]
    aggregation = NAMES[name]
    random = np.random.default_rng(0)
    mean, std = (
        chunk_attention.read_norm(shared / "published" / system.repository / f"NormTerm/feat_norm_{which}.mat")
        for which in ("means", "stds")
    )
    for batch_size in (1, 3, 7):
        features = random.normal(size=(batch_size, 300, 130)).astype(np.float32)
        outputs = bundle.score_features([(part * std + mean).astype(np.float32) for part in features]).outputs
        chunks = np.stack([part[bundle.view.index(300)] for part in np.clip(features, -3, 3)])
        for attribute in ATTRIBUTES:
            path = shared / "published" / system.repository / chunk_attention.weight_path(aggregation, attribute)
            network = chunk_attention.load_network(path, attribute, aggregation)
            with torch.inference_mode():
                expected = network(torch.from_numpy(chunks))[attribute].numpy()
            np.testing.assert_allclose(outputs[attribute], expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_pulled_bundle_says(pulled: dict[str, Path], name: str) -> None:
    predictor = Predictor.load(str(pulled[name]))
    assert predictor.attributes == dict.fromkeys(ATTRIBUTES, (1.0, 7.0)) and predictor.categories == []
    about = predictor.bundle.about
    assert about["name"] == name and about["max_utterance_s"] == 11.0 and "Lin and C. Busso" in about["citation"]
    assert about["training"]["files"] == published_systems()[name].files
    card = (pulled[name] / "README.md").read_text()
    assert "perceived" in card and name in card


# ---- transport --------------------------------------------------------------------------------------------------


class Server(http.server.ThreadingHTTPServer):
    """The published files on the loopback interface, honest or not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.trick, self.requests = folder, "", list[str]()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{{repository}}/{{path}}?at={{commit}}&by={{owner}}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        trick = self.server.trick
        self.server.requests.append(self.path)
        path = self.server.folder / self.path.split("?")[0].lstrip("/")
        if trick == "404" or not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        if trick == "tampered":
            body = body[:100] + bytes([body[100] ^ 1]) + body[101:]
        size = {"too large": 64_000_001, "truncated": len(body) + 1, "odd": "many"}.get(trick, len(body))
        if trick == "redirect" and "again" not in self.path:
            self.send_response(302)
            self.send_header("Location", f"{self.path}&again=1")
            self.end_headers()
            return
        self.send_response(200)
        if trick != "endless":
            self.send_header("Content-Length", str(size))
        self.end_headers()
        for _ in range(70 if trick == "endless" else 1):
            try:
                self.wfile.write(bytes(1_000_000) if trick == "endless" else body)
            except OSError:  # the client has had enough
                return

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(shared / "published") as server:
        monkeypatch.setenv("EMOTONE_SOURCE_URL", server.url)
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_download_gives_the_same_bundle_as_the_folder(server: Server, pulled: dict[str, Path]) -> None:
    name = "chunk-attention-rnn"
    folder = pull(name)
    assert folder == cache_folder() / "bundles" / name
    for file in sorted(path.name for path in pulled[name].iterdir()):
        assert sha256_of(folder / file) == sha256_of(pulled[name] / file), file
    assert len(server.requests) == len(published_systems()[name].files)
    assert server.requests[0].endswith("?at=4c04dc2&by=winston-lin-wei-cheng")
    assert Bundle.load(name).name == name


def test_the_cache_needs_no_network_and_heals(server: Server) -> None:
    published = published_systems()["chunk-attention-rnn"]
    local = obtain(published, PATH, None)
    assert obtain(published, PATH, None) == local and len(server.requests) == 1
    local.write_bytes(b"damaged")
    assert sha256_of(obtain(published, PATH, None)) == published.files[PATH] and len(server.requests) == 2


def test_redirects_are_followed(server: Server) -> None:
    server.trick = "redirect"
    assert obtain(published_systems()["chunk-attention-rnn"], PATH, None).is_file()


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        ("404", "cannot be downloaded (Not Found); offline, use --from"),
        ("truncated", "truncated"),
        ("tampered", "refused, its SHA-256 is"),
        ("too large", "64000001 bytes, more than the 64000000 allowed"),
        ("endless", "more than the 64000000 bytes allowed"),
        ("odd", "cannot be downloaded"),
    ],
)
def test_what_a_server_does_wrong_is_refused(server: Server, trick: str, words: str) -> None:
    server.trick = trick
    with pytest.raises(EmotoneError) as caught:
        pull("chunk-attention-rnn")
    line = str(caught.value)
    assert words in line and "http://127.0.0.1" in line and "\n" not in line
    left = [path for path in cache_folder().rglob("*") if path.is_file()]
    assert left == []  # nothing half, nothing refused


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, shared: Path) -> None:
    with Server(shared) as gone:
        url = gone.url
    monkeypatch.setenv("EMOTONE_SOURCE_URL", url)
    with pytest.raises(EmotoneError, match=r"cannot be downloaded \(.*refused.*\); offline, use --from"):
        pull("chunk-attention-self")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/{path}", "not an http(s) address"),
        ("ftp://host/{path}", "not an http(s) address"),
        ("http://", "cannot be downloaded"),
        ("http://[bad/{path}", "cannot be downloaded"),
        ("http://x/{where}", "may only have the fields of"),
        ("http://x/{}", "may only have the fields of"),
        ("http://x/{path", "may only have the fields of"),
    ],
)
def test_odd_addresses(monkeypatch: pytest.MonkeyPatch, url: str, words: str) -> None:
    monkeypatch.setenv("EMOTONE_SOURCE_URL", url)
    with pytest.raises(EmotoneError) as caught:
        pull("chunk-attention-self")
    assert words in str(caught.value)


def test_the_address_is_pinned_to_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTONE_SOURCE_URL", raising=False)
    assert pulling.source_url(published_systems()["chunk-attention-self"], PATH) == (
        "https://github.com/winston-lin-wei-cheng/Chunk-Level-Attention-SER-PyTorch/raw/4c04dc2/" + PATH
    )


def test_hashes_are_those_of_the_shared_list(shared: Path) -> None:
    lines = (shared / "published/SHA256SUMS").read_text().splitlines()
    known = {path.removeprefix("./"): digest for digest, path in (line.split("  ", 1) for line in lines)}
    for system in published_systems().values():
        for path, digest in system.files.items():
            assert known[f"{system.repository}/{path}"] == digest


# ---- from a folder ----------------------------------------------------------------------------------------------


def test_a_wrong_file_in_a_folder_is_refused(shared: Path, tmp_path: Path) -> None:
    system = published_systems()["chunk-attention-rnn"]
    for path in system.files:
        copy = tmp_path / "from" / system.repository / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(shared / "published" / system.repository / path)
    last = tmp_path / "from" / system.repository / list(system.files)[-1]
    last.unlink()
    with pytest.raises(EmotoneError, match="not found .expected the repositories side by side"):
        pull("chunk-attention-rnn", tmp_path / "from", tmp_path / "to")
    last.write_bytes(b"something else")
    with pytest.raises(EmotoneError, match="refused, its SHA-256 is"):
        pull("chunk-attention-rnn", tmp_path / "from", tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_unknown_systems(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="did you mean 'chunk-attention-rnn'"):
        pull("chunk-attention-rn", tmp_path)


# ---- what weights may be ----------------------------------------------------------------------------------------


class Bomb:
    """What unpickling would run."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("kind", ["pickle", "zip", "legacy", "nested"])
def test_a_malicious_pickle_is_refused_and_does_not_run(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Even with hashes that fit, as if somebody had changed those too."""
    system = published_systems()["chunk-attention-rnn"]
    path = chunk_attention.weight_path("RnnAttenVec", "arousal")
    bomb, weights = Bomb(tmp_path / "it-ran"), tmp_path / system.repository / path
    weights.parent.mkdir(parents=True)
    if kind == "pickle":
        weights.write_bytes(pickle.dumps(bomb))
    elif kind == "nested":
        torch.save({"bn.weight": torch.zeros(130), "more": [bomb]}, weights)
    else:
        torch.save(bomb, weights, _use_new_zipfile_serialization=kind == "zip")
    for other in system.files:
        if other != path:
            (tmp_path / system.repository / other).parent.mkdir(exist_ok=True)
            (tmp_path / system.repository / other).symlink_to(shared / "published" / system.repository / other)
    files = system.files | {path: sha256_of(weights)}
    evil = Published(system.repository, system.commit, system.about, files, system.build)
    monkeypatch.setattr(pulling, "published_systems", lambda: {"chunk-attention-rnn": evil})
    with pytest.raises(EmotoneError, match="refused, not a file of plain tensors"):
        pull("chunk-attention-rnn", tmp_path, tmp_path / "to")
    assert not (tmp_path / "it-ran").exists() and not (tmp_path / "to").exists()


def test_things_that_are_no_state_dict(tmp_path: Path) -> None:
    for content in (torch.zeros(3), [torch.zeros(3)], {3: torch.zeros(3)}, {"a": 3}, {}):
        torch.save(content, tmp_path / "w")
        if content == {}:
            assert read_weights(tmp_path / "w") == {}
            continue
        with pytest.raises(EmotoneError, match="refused, not a dictionary of tensors"):
            read_weights(tmp_path / "w")
    torch.save({"module.a": torch.ones(2)}, tmp_path / "w")
    assert list(read_weights(tmp_path / "w")) == ["a"]
    with pytest.raises(EmotoneError, match="not the weights of a published chunk-attention network") as caught:
        chunk_attention.load_network(tmp_path / "w", "arousal", "RnnAttenVec")
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_weights_are_refused_with_one_line(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "w"
    torch.save({"a": torch.ones(5)}, path, _use_new_zipfile_serialization=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    try:
        read_weights(path)
    except EmotoneError as error:
        assert "\n" not in str(error) and "refused" in str(error)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", pickle.dumps({"a": 1}), pickle.dumps(print)])
def test_files_that_are_no_weights(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(EmotoneError, match="refused"):
        read_weights(tmp_path / "w")
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("w/data.pkl", content)
    with pytest.raises(EmotoneError, match="refused"):
        read_weights(tmp_path / "z")


def test_torch_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(EmotoneError, match=r'pull needs the package torch: pip install "emotone\[train\]"'):
        read_weights(tmp_path / "w")
