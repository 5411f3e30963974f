"""Streams over WebSockets: the rows of a file, named errors, and nobody who waits costs others."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from served import Served
from voices import spoken
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from emotone.audio.utterances import UtteranceRules
from emotone.predict.predictor import Predictor
from emotone.predict.table import Table

SAID = np.concatenate([np.zeros(16_000), spoken(3.0), np.zeros(16_000), spoken(2.0, 1)])
PCM = (SAID * 32767).astype("<i2")


def open_stream(server: Served, query: str = "") -> ClientConnection:
    return connect(f"{server.url.replace('http', 'ws')}/v1/stream{query}", additional_headers=server.headers)


def received(stream: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the stream is closed."""
    messages = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            messages.append(json.loads(stream.recv(30)))
    return messages


def talk(server: Served, data: bytes, query: str = "", size: int = 3_200) -> list[dict[str, Any]]:
    with open_stream(server, query) as stream:
        for start in range(0, len(data), size):
            stream.send(data[start : start + size])
        stream.send(b"")
        return received(stream)


def rows_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["row"] for message in messages if message["type"] == "utterance.end" and message["row"]]


def test_rows_are_those_of_a_file(server: Served, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", PCM, 16_000, "PCM_16")
    predictor = Predictor.load("default", threads=1)
    table = Table.of(predictor, "utterances")
    expected = table.rows(predictor.predict(tmp_path / "a.wav", parts=UtteranceRules()))
    messages = talk(server, PCM.tobytes())
    assert messages[0]["type"] == "session.created" and messages[0]["columns"] == table.columns
    assert rows_of(messages) == [row | {"file": "stream"} for row in expected]
    short = talk(server, PCM.tobytes(), "?model=small&longest=1")
    assert short[0]["model"] == "small" and len(rows_of(short)) > len(expected)


def test_many_streams_do_not_mix(server: Served) -> None:
    """Sixteen people who say different things at once hear of what they have said alone."""
    said = [
        (np.concatenate([np.zeros(4_000), spoken(2.0, seed)]) * 20_000).astype("<i2").tobytes() for seed in range(16)
    ]
    alone = {seed: rows_of(talk(server, said[seed], "?model=small")) for seed in (0, 7)}
    found: dict[int, list[dict[str, Any]]] = {}

    def ask(seed: int) -> None:
        found[seed] = rows_of(talk(server, said[seed], "?model=small"))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 16 and all(found[seed] == rows for seed, rows in alone.items())
    assert len({json.dumps(rows) for rows in found.values()}) > 8


@pytest.mark.parametrize(
    ("query", "message", "name", "words"),
    [
        ("", "hello", "stream.text", "binary messages"),
        ("", b"123", "stream.odd", "no whole samples"),
        ("", bytes(70_000), "stream.size", "at most 65536 bytes"),
        ("?rate=44100", b"", "stream.rate", "rate 16000"),
        ("?format=f32", b"", "stream.format", "format s16le"),
        ("?model=../x", b"", "stream.refused", "unknown model"),
        ("?pause=0", b"", "stream.refused", "pause must be from 0.1"),
        ("?paws=1", b"", "stream.refused", "did you mean 'pause'?"),
    ],
)
def test_what_is_no_stream_is_refused_in_words(
    server: Served, query: str, message: str | bytes, name: str, words: str
) -> None:
    with open_stream(server, query) as stream:
        if message:
            stream.send(message)
        said = received(stream)
    assert said[-1]["type"] == "error" and said[-1]["name"] == name and words in said[-1]["message"]
    assert stream.close_code == 1008


def test_a_message_that_is_far_too_long_ends_the_stream(server: Served) -> None:
    with open_stream(server) as stream, pytest.raises(ConnectionClosed):
        stream.send(bytes(1_000_000))
        for _ in range(3):
            stream.recv(5)
    assert stream.close_code == 1009


def test_a_listener_that_dies_says_so_and_others_begin_anew(server: Served) -> None:
    with open_stream(server) as stream:
        stream.send(bytes(3_200))
        assert json.loads(stream.recv(20))["type"] == "session.created"
        busy = {worker.pid for worker in server.workers}
        for worker in server.workers:
            worker.kill()
        deadline = time.monotonic() + 10
        while busy & {worker.pid for worker in server.workers} and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(ConnectionClosed):
            while True:
                with contextlib.suppress(ConnectionClosed):  # what it said before it ended is still to be read
                    stream.send(bytes(3_200))
                message = json.loads(stream.recv(20))
        assert message["name"] == "worker.died" and stream.close_code == 1011
    assert rows_of(talk(server, PCM.tobytes()))


def test_who_leaves_in_the_middle_leaves_nothing(server: Served) -> None:
    for _ in range(5):
        stream = open_stream(server)
        stream.send(PCM.tobytes()[:32_000])
        stream.socket.close()
    deadline = time.monotonic() + 10
    with server.client() as client:
        while "emotone_streams_open 0" not in client.get("/metrics").text and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "emotone_streams_open 0" in client.get("/metrics").text


def test_a_stream_may_be_silent_longer_than_workers_wait_for_work(tmp_path: Path) -> None:
    before = "from emotone.serve import pool, server; pool.IDLE_S = server.SWEEP_EVERY_S = 0.1"
    served = Served(tmp_path / "spool", ["--workers", "1", "--quiet", "--model", "small"], before)
    with open_stream(served) as stream:
        stream.send(PCM.tobytes()[:32_000])
        assert json.loads(stream.recv(20))["type"] == "session.created"
        time.sleep(1.5)
        for start in range(32_000, len(PCM.tobytes()), 32_000):
            stream.send(PCM.tobytes()[start:][:32_000])
        stream.send(b"")
        assert rows_of(received(stream))
    deadline = time.monotonic() + 10
    while len(served.workers) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(served.workers) == 1
    served.stop()
