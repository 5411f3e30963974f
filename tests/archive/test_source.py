"""Files that are fetched: from servers on this machine, from those that fail in every way, out of archives."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from archives import finish
from file_servers import FileServer

from emotone.archive import source as sources
from emotone.archive.folder import open_archive
from emotone.archive.source import Source, check_protocols
from emotone.audio.read import AudioError
from emotone.errors import EmotoneError
from emotone.predict.settings import PredictSettings


def wav(seed: int = 0, seconds: float = 0.5) -> bytes:
    held = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(int(seconds * 16_000)) / (4 + seed))
    soundfile.write(held, tone, 16_000, format="WAV")
    return held.getvalue()


@pytest.fixture(autouse=True)
def _no_pauses_and_no_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Tries follow each other at once, and what was fetched is gone at the end."""
    monkeypatch.setattr(sources, "FIRST_PAUSE_S", 0.01)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert list((tmp_path / "temporary").iterdir()) == []


def content_of(source: Source, file: str) -> bytes:
    content = Path(source.open(file).path).read_bytes()
    source.close()
    return content


# ---- S3, Google Cloud Storage, SFTP -----------------------------------------------------------------------------


@pytest.fixture(params=["s3", "gs", "sftp"])
def server(request: pytest.FixtureRequest) -> FileServer:
    found: FileServer = request.getfixturevalue(f"{request.param}_server")
    return found


def test_files_are_fetched_and_known_by_their_mark(server: FileServer) -> None:
    server.put("b.wav", wav())
    source, address = Source("/nowhere"), f"{server.address}/b.wav"
    first = source.open(address)
    assert Path(first.path).read_bytes() == wav() and first.path.endswith(".wav")
    assert first.state.startswith(f"{len(wav())} ") and len(first.state.split(" ", 1)[1]) > 10
    assert source.open(address) == first  # once
    source.close()
    assert Source("/").state(address) == first.state
    server.put("b.wav", wav(1))
    assert Source("/").open(address).state != first.state
    with pytest.raises(AudioError, match="does not exist"):
        source.open(f"{server.address}/gone.wav")
    assert Source("/").state(f"{server.address}/gone.wav") == "-1 -1"


def test_an_archive_of_files_from_elsewhere(server: FileServer, tiny_bundle: Path, tmp_path: Path) -> None:
    names = [f"{server.address}/{number}.wav" for number in range(6)]
    for number in range(5):
        server.put(f"{number}.wav", wav(number))
    (tmp_path / "m.csv").write_text("\n".join(["file", *names]) + "\n")
    settings = PredictSettings(model=str(tiny_bundle))
    archive = open_archive(tmp_path / "m.csv", tmp_path / "out", settings, rows_per_shard=2)
    assert archive.plan.protocols == [server.address.split(":")[0]] and finish(archive) == (6, 6, 1)
    server.put("2.wav", wav(9))
    assert finish(archive) == (6, 0, 1)  # nobody was asked
    assert finish(archive, asks=True) == (6, 1, 1)
    server.put("5.wav", wav(5))
    assert finish(archive, retries=True) == (6, 1, 0)
    answers = [one for shard in archive.plan.shards for one in archive.form.read(archive.part(shard.part)).values()]
    rows = [row for answer in answers for row in answer.rows]
    assert sorted(row["file"] for row in rows) == names and len({row["arousal"] for row in rows}) == 6


def test_a_file_that_may_not_be_asked_for_keeps_its_answer(
    sftp_server: FileServer, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    names = [f"{sftp_server.address}/{number}.wav" for number in range(4)]
    for number in range(4):
        sftp_server.put(f"{number}.wav", wav(number))
    (tmp_path / "m.csv").write_text("\n".join(["file", *names]) + "\n")
    archive = open_archive(tmp_path / "m.csv", tmp_path / "out", PredictSettings(model=str(tiny_bundle)))
    assert finish(archive) == (4, 4, 0)
    sftp_server.put("0.wav", wav(9))
    real = sources._tried

    def refused(file: str, what: str, work: Any) -> str:
        if file in names[1:3]:
            raise PermissionError(13, "Permission denied")
        return real(file, what, work)

    monkeypatch.setattr(sources, "_tried", refused)
    assert finish(archive, asks=True, quiet=False) == (4, 1, 0)
    assert "note: 2 files cannot be asked for changes (permission denied)" in capsys.readouterr().err
    with pytest.raises(AudioError, match=r"1.wav: cannot be fetched \(.*Permission denied"):
        Source("/").open(names[1])


@pytest.mark.parametrize("faults", [["cut"], ["changed"], ["cut", "changed", "cut"]])
@pytest.mark.parametrize("kind", ["gs", "sftp"])
def test_connections_that_end_and_files_that_change(
    kind: str, faults: list[str], request: pytest.FixtureRequest
) -> None:
    server: FileServer = request.getfixturevalue(f"{kind}_server")
    server.put("c.wav", wav())
    server.faults, server.changed = list(faults), wav(7)
    found = content_of(Source("/"), f"{server.address}/c.wav")
    assert found == (wav(7) if "changed" in faults else wav()) and server.faults == []


# ---- a server that fails ----------------------------------------------------------------------------------------


class Failing(ThreadingHTTPServer):
    """Serves one file; `faults` says what goes wrong with each GET, in turn, after which all goes well."""

    faults: list[str]
    content = wav()
    num_gets = 0


class _Handler(BaseHTTPRequestHandler):
    server: Failing
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._head(len(self.server.content))

    def _head(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", f'"{hashlib.md5(self.server.content).hexdigest()}"')
        self.end_headers()

    def do_GET(self) -> None:
        server, content = self.server, self.server.content
        server.num_gets += 1
        fault = server.faults.pop(0) if server.faults else ""
        if fault.isdecimal():
            self.send_error(int(fault))
        elif fault == "cut":
            self._head(len(content))
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            self.connection.close()
        elif fault == "short":
            self._head(len(content) // 2)
            self.wfile.write(content[: len(content) // 2])
        elif fault == "changed":
            server.content = wav(7)
            self._head(len(content))
            self.wfile.write(content)
        else:
            self._head(len(content))
            for start in range(0, len(content), 1000):
                self.wfile.write(content[start : start + 1000])
                time.sleep(0.02 if fault == "slow" else 0)


@pytest.fixture
def failing() -> Iterator[Failing]:
    server = Failing(("127.0.0.1", 0), _Handler)
    server.content, server.faults = wav(), []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("faults", [["slow"], ["503"], ["cut"], ["short"], ["503", "cut", "short", "500"], ["changed"]])
def test_what_fails_is_tried_again(failing: Failing, faults: list[str]) -> None:
    failing.faults = list(faults)
    found = content_of(Source("/"), f"http://127.0.0.1:{failing.server_port}/talk.wav")
    assert found == failing.content and failing.faults == []
    assert found == (wav(7) if faults == ["changed"] else wav())


def test_what_always_fails_is_an_error_of_its_row(failing: Failing, tiny_bundle: Path, tmp_path: Path) -> None:
    failing.faults = ["503"] * 100
    address = f"http://127.0.0.1:{failing.server_port}/talk.wav"
    with pytest.raises(AudioError, match="cannot be fetched, 5 times tried"):
        Source("/").open(address)
    (tmp_path / "m.csv").write_text(f"file,start\n{address},0\n{address},0.1\n{address},0.2\n")
    archive = open_archive(tmp_path / "m.csv", tmp_path / "out", PredictSettings(model=str(tiny_bundle)))
    assert finish(archive).num_failed == 3
    failing.faults, failing.num_gets = [], 0
    assert finish(archive, retries=True) == (3, 3, 0)
    assert failing.num_gets == 1  # three parts of one file


# ---- members of archives ----------------------------------------------------------------------------------------


def test_members_of_zip_and_tar_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("deep/talk.wav", wav(2))
    with tarfile.open(tmp_path / "a.tar", "w") as packed_too:
        about = tarfile.TarInfo("talk.wav")
        about.size = len(wav(3))
        packed_too.addfile(about, io.BytesIO(wav(3)))
    source = Source(str(tmp_path))
    assert content_of(source, "zip://deep/talk.wav::a.zip") == wav(2)  # a relative path, as of other files
    assert content_of(source, f"tar://talk.wav::{tmp_path}/a.tar") == wav(3)
    with pytest.raises(AudioError, match="does not exist"):
        source.open("zip://gone.wav::a.zip")


def test_files_of_this_machine_are_not_copied(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav())
    opened = Source(str(tmp_path)).open("a.wav")
    assert opened.path == str(tmp_path / "a.wav") and opened.state == Source(str(tmp_path)).state("a.wav")


def test_protocols_that_nobody_speaks_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    check_protocols(["zip", "tar", "https"])
    with pytest.raises(EmotoneError, match=r"unknown protocol gopher:// \(known: s3://, gs://"):
        check_protocols(["gopher"])
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(EmotoneError, match=r's3:// needs the package fsspec: pip install "emotone\[remote\]"'):
        check_protocols(["s3"])
