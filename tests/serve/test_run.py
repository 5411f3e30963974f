"""A server from its start to its end: its address, a port that is taken, signals, what killed ones have left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import soundfile
from served import Served
from voices import spoken

from emotone.cli.main import main
from emotone.serve.run import _bind
from emotone.serve.settings import ServeSettings

JFK = Path("examples/jfk.wav")


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("minutes") / "minutes.flac"
    soundfile.write(path, np.concatenate([spoken(5.0, seed) for seed in range(30)]), 16_000)
    return path


def test_what_cannot_begin_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port, "--spool", str(tmp_path)]) == 2
    cases = {
        ("--port", "0", "--model", "defualt"): "did you mean 'default'?",
        ("--port", "0", "--model", "nowhere/at/all"): "nowhere/at/all: does not exist (a bundle's folder, or a run's)",
        ("--port", "99999"): "port must be from 0 to 65535",
        ("--token", "short"): "at least 16 characters",
        ("--root-path", "emotion"): "begins with a slash",
        ("--port", "0", "--host", "203.0.113.7"): "cannot be listened on",
        ("--port", "0", "--spool", "/proc/nothing"): "uploads cannot be kept there",
        ("--port", "0", "--model", "small", "--model", "x/small"): "two models are called small",
    }
    assert "--port 0 takes one that is free" in capsys.readouterr().err
    for arguments, words in cases.items():
        assert main(["serve", "--spool", str(tmp_path), *arguments]) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith("emotone: ") and words in printed.err and printed.err.count("\n") == 1
        assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_port_is_one_server_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows alone has an option for that, and lets two have one port by the option that is right elsewhere."""
    asked: list[int] = []
    monkeypatch.setattr(
        "emotone.serve.run.socket.socket.setsockopt", lambda _, level, option, value: asked.append(option)
    )
    for alone in (0, -5):
        monkeypatch.setattr("emotone.serve.run.ALONE", alone)
        _bind(ServeSettings(port=0)).close()
    assert asked == [socket.SO_REUSEADDR, -5]


def post(server: Served, path: Path, answers: list[httpx.Response]) -> threading.Thread:
    def ask() -> None:
        # where the server is killed there is no answer
        with server.client() as client, open(path, "rb") as file, contextlib.suppress(httpx.RemoteProtocolError):
            answers.append(
                client.post("/v1/predictions", files={"file": file}, data={"page": "true", "utterances": "true"})
            )

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def wait_until_running(server: Served) -> None:
    with server.client() as client:
        deadline = time.monotonic() + 20
        while "emotone_jobs_running 1" not in client.get("/metrics").text and time.monotonic() < deadline:
            time.sleep(0.02)


def test_a_signal_lets_what_runs_be_finished(tmp_path: Path, minutes: Path) -> None:
    server = Served(tmp_path / "spool", ["--workers", "1", "--quiet", "--model", "small"])
    answers: list[httpx.Response] = []
    thread = post(server, minutes, answers)
    wait_until_running(server)
    processes = [psutil.Process(server.process.pid), *server.workers]
    assert server.stop(signal.SIGTERM) == 0
    thread.join(10)
    assert answers[0].status_code == 200 and len(answers[0].json()) > 10
    assert not any(process.is_running() for process in processes) and os.listdir(tmp_path / "spool") == []


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_server_ends_at_once(tmp_path: Path, with_signal: int) -> None:
    server = Served(tmp_path / "spool", ["--workers", "1", "--model", "small"])
    began = time.monotonic()
    code = server.stop(with_signal)
    assert code == 0 and time.monotonic() - began < 5 and "Traceback" not in server.log
    assert os.listdir(tmp_path / "spool") == []


def test_a_server_that_is_ended_as_it_begins_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emotone.cli.main", "serve", "--port", "0", "--spool", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not os.listdir(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert os.listdir(tmp_path) == [] and b"Traceback" not in errors


def test_who_only_waits_is_told_that_the_server_ends(tmp_path: Path, minutes: Path) -> None:
    server = Served(tmp_path / "spool", ["--workers", "1", "--quiet", "--model", "small"])
    answers: list[httpx.Response] = []
    threads = [post(server, minutes, answers)]
    wait_until_running(server)
    threads.append(post(server, JFK, answers))
    with server.client() as client:
        deadline = time.monotonic() + 10
        while "emotone_jobs_waiting 1" not in client.get("/metrics").text and time.monotonic() < deadline:
            time.sleep(0.02)
    began = time.monotonic()
    server.process.terminate()
    threads[1].join(5)
    assert time.monotonic() - began < 4 and answers[0].status_code == 410
    threads[0].join(60)
    assert answers[1].status_code == 200 and server.stop() == 0


def test_a_folder_for_uploads_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = JFK.read_bytes()
    monkeypatch.chdir(tmp_path)
    server = Served(Path("spool"), ["--workers", "1", "--quiet", "--model", "small"])
    with server.client() as client:
        assert client.post("/v1/predictions", files={"file": said}).status_code == 200
    server.stop()


def test_an_idle_server_is_small(tmp_path: Path) -> None:
    """What its processes share counted once; `benchmarks/bench_serve.py` measures it, and how soon a server is up."""
    server = Served(tmp_path / "spool", ["--workers", "2", "--quiet"])
    time.sleep(0.5)
    processes = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    assert sum(process.memory_full_info().pss for process in processes) < 200e6
    server.stop()


def test_what_a_killed_server_has_left_is_removed(tmp_path: Path, minutes: Path) -> None:
    server = Served(tmp_path / "spool", ["--workers", "1", "--quiet", "--model", "small"])
    answers: list[httpx.Response] = []
    thread = post(server, minutes, answers)
    wait_until_running(server)
    processes = server.workers
    server.stop(signal.SIGKILL)
    thread.join(10)
    assert answers == [] and server.files()  # the upload lies there
    deadline = time.monotonic() + 10
    while any(process.is_running() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(process.is_running() for process in processes)
    time.sleep(2.1)
    living = Served(tmp_path / "spool", ["--workers", "1", "--quiet", "--model", "small"])
    assert len(os.listdir(tmp_path / "spool")) == 1 and living.files() == []
    other = Served(
        tmp_path / "spool", ["--workers", "1", "--quiet", "--model", "small"]
    )  # which leaves the first alone
    assert len(os.listdir(tmp_path / "spool")) == 2
    other.stop()
    with living.client() as client:
        assert client.post("/v1/predictions", files={"file": minutes.read_bytes()}).status_code == 200
    living.stop()


def test_a_worker_that_is_killed_costs_that_request_alone(tmp_path: Path, minutes: Path) -> None:
    server = Served(tmp_path / "spool", ["--workers", "2", "--quiet", "--model", "small"])
    answers: list[httpx.Response] = []
    thread = post(server, minutes, answers)
    wait_until_running(server)
    for worker in server.workers:
        worker.kill()
    thread.join(20)
    assert answers[0].status_code == 500 and answers[0].json()["error"]["name"] == "worker.died"
    with server.client() as client:
        assert client.post("/v1/predictions", files={"file": JFK.read_bytes()}).status_code == 200
    assert server.files() == []
    server.stop()


def test_behind_a_proxy(tmp_path: Path) -> None:
    """The proxy takes the path away; names that it is reached by are given."""
    options = ["--root-path", "/emotion", "--name", "lab.example", "--token", "a-token-of-twenty", "--model", "small"]
    server = Served(tmp_path / "spool", options)
    assert server.address == f"http://127.0.0.1:{server.port}/emotion/?token=a-token-of-twenty"
    base = f"http://127.0.0.1:{server.port}"
    host = {"Host": "lab.example"}
    answer = httpx.get(f"{base}/?token=a-token-of-twenty", headers=host)
    assert answer.headers["location"] == "/emotion/" and "Path=/emotion;" in answer.headers["set-cookie"]
    cookie = answer.headers["set-cookie"].split(";")[0]
    assert httpx.get(f"{base}/v1/models", headers=host | {"Cookie": cookie}).status_code == 200
    asked = httpx.post(
        f"{base}/v1/predictions",
        headers=host | {"Cookie": cookie, "Origin": "https://lab.example"},
        files={"file": JFK.read_bytes()},
        data={"wait": "0"},
    )
    assert asked.status_code == 202 and asked.headers["location"].startswith("/emotion/v1/jobs/")
    server.stop()
