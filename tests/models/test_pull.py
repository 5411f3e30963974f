"""Published weights are fetched safely, or taken from a folder, and refused when they are something else."""

from __future__ import annotations

import http.server
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from emotone.base.files import cache_folder, sha256_of
from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.models import pull as pulling
from emotone.models.published.chunk_attention import weight_path
from emotone.models.published_weights import Published
from emotone.models.pull import obtain, published_systems, pull

PATH = "NormTerm/act_norm_means.mat"
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch, of what it refuses


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
    path = weight_path("RnnAttenVec", "arousal")
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
