"""Requests that never end, or never begin: they hold no place, and the server answers others."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from served import Served
from voices import spoken


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that waits for half a second."""
    before = "import emotone.serve.http as http; http.HEAD_S = 0.5"
    served = Served(tmp_path_factory.mktemp("hasty"), ["--workers", "1", "--quiet", "--model", "small"], before)
    yield served
    served.stop()


@pytest.mark.parametrize("head", [b"", b"GET", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "])
def test_half_a_request_is_left(hasty: Served, head: bytes) -> None:
    began = time.monotonic()
    assert hasty.raw(head, 5) == b""
    assert 0.3 < time.monotonic() - began < 3


def test_a_connection_that_has_been_answered_is_left(hasty: Served) -> None:
    began = time.monotonic()
    answer = hasty.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 5)
    assert answer.startswith(b"HTTP/1.1 200") and time.monotonic() - began < 3


def test_a_slow_answer_is_not_cut_off(hasty: Served) -> None:
    """Work may take longer than a head may."""
    said = Path("examples/jfk.wav").read_bytes()
    with hasty.client() as client:
        answer = client.post(
            "/v1/predictions", files={"file": ("a.wav", said)}, data={"page": "true", "utterances": "true"}
        )
        assert answer.status_code == 200 and len(answer.json()) == 4


def test_a_thousand_half_open_connections_leave_room(hasty: Served) -> None:
    connections = [socket.create_connection(("127.0.0.1", hasty.port)) for _ in range(300)]
    with hasty.client() as client:
        assert client.get("/v1/models").status_code == 200
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        bytes(range(256)),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(hasty: Served, data: bytes) -> None:
    assert hasty.raw(data, 3)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"")
    with hasty.client() as client:
        assert client.get("/healthz").status_code == 200


def test_requests_in_one_packet_are_answered_in_full(hasty: Served) -> None:
    """The second one takes longer than a head may."""
    with hasty.client() as client:
        data = {"wait": "0", "page": "true", "utterances": "true"}
        said = np.concatenate([spoken(5.0, seed) for seed in range(30)])
        sound = io.BytesIO()
        soundfile.write(sound, said, 16_000, format="FLAC")
        number = client.post("/v1/predictions", files={"file": sound.getvalue()}, data=data).json()["id"]
    head = f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {hasty.token}\r\n"
    events = f"GET /v1/jobs/{number}/events {head}Connection: close\r\n\r\n"
    answer = hasty.raw(f"GET /healthz {head}\r\n{events}".encode(), 30)
    assert b'"state": "done"' in answer
