"""Downloads from a server on this machine: whole, limited, in time, and known by their hash."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotone.base import download as downloading
from emotone.base.download import check_hash, download
from emotone.errors import EmotoneError

CONTENT = bytes(range(256)) * 20


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with `CONTENT`: all of it, with a length or without, or the first half of what is promised."""

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unmeasured":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if self.path == "/half" else CONTENT)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["whole", "unmeasured"])
def test_a_file_comes_as_it_is(server: str, tmp_path: Path, name: str) -> None:
    download(f"{server}/{name}", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "largest_bytes", "message"),
    [
        ("missing", 10**6, "cannot be downloaded (Not Found); offline, use --from"),
        ("half", 10**6, "truncated, 2560 of 5120 bytes came"),
        ("whole", 5_000, "5120 bytes, more than the 5000 allowed"),
        ("unmeasured", 5_000, "more than the 5000 bytes allowed"),
    ],
)
def test_what_is_not_whole_or_too_large_is_one_line(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, largest_bytes: int, message: str
) -> None:
    monkeypatch.setattr(downloading, "LARGEST_FILE_BYTES", largest_bytes)
    with pytest.raises(EmotoneError) as error:
        download(f"{server}/{name}", tmp_path / "x")
    assert str(error.value) == f"{server}/{name}: {message}"


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/x", "x", ""])
def test_only_http_is_spoken(tmp_path: Path, url: str) -> None:
    with pytest.raises(EmotoneError, match=r"not an http\(s\) address"):
        download(url, tmp_path / "x")


def test_a_slow_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(downloading, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(EmotoneError, match="cannot be downloaded .*timed out"):
            download(url, tmp_path / "x")


def test_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    found = hashlib.sha256(CONTENT).hexdigest()
    check_hash(tmp_path / "x", found, "x")
    with pytest.raises(EmotoneError) as error:
        check_hash(tmp_path / "x", "0" * 64, "weights of x")
    assert str(error.value) == f"weights of x: refused, its SHA-256 is {found[:12]}..., not 000000000000..."
