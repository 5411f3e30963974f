"""Servers of files on this machine: S3, Google Cloud Storage, SFTP; the last two fail as they are told to.

`faults` says what goes wrong with the content of a file, each time that it is asked for, after which all goes well:
"cut" ends the connection in the midst of it, "changed" puts another content in place before it is sent.
"""

from __future__ import annotations

import io
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from urllib.request import Request, urlopen

import pytest


class FileServer:
    """Files by their path or name, beside the address of what serves them."""

    def __init__(self, address: str, put: Callable[[str, bytes], object]) -> None:
        self.address, self.put = address, put
        self.faults: list[str] = []
        self.changed = b""

    def fault(self, name: str) -> str:
        """What goes wrong now; a content that is to change has changed by then."""
        found = self.faults.pop(0) if self.faults else ""
        if found == "changed":
            self.put(name, self.changed)
        return found


# ---- S3 ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3_server() -> Iterator[FileServer]:
    """moto's server, with the bucket `calls`."""
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="calls")
        yield FileServer("s3://calls", lambda name, content: client.put_object(Bucket="calls", Key=name, Body=content))
    server.stop()


# ---- SFTP -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sftp_server(tmp_path: Path) -> Iterator[FileServer]:
    """Of the folder `served`; one user with a password, a key that is made anew."""
    paramiko = pytest.importorskip("paramiko")
    folder = tmp_path / "served"
    folder.mkdir()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    seconds = itertools.count(1)  # times are whole seconds there

    def put(name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        os.utime(folder / name, (0, next(seconds)))

    server = FileServer(f"sftp://me:secret@127.0.0.1:{port}", put)
    key, transports = paramiko.ECDSAKey.generate(), []
    login, files = _sftp_classes(paramiko, folder, server)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            transports.append(transport := paramiko.Transport(connection))
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files, transport)
            transport.start_server(server=login())

    threading.Thread(target=serve, daemon=True).start()
    yield server
    listening.close()
    for transport in transports:
        transport.close()


def _sftp_classes(paramiko: Any, folder: Path, server: FileServer) -> tuple[Any, Any]:
    """Who may come in, and what they find; made here, since paramiko need not be installed."""

    class Login(paramiko.ServerInterface):  # type: ignore[misc, no-any-unimported]
        def check_auth_password(self, name: str, password: str) -> int:
            is_known = (name, password) == ("me", "secret")
            return int(paramiko.AUTH_SUCCESSFUL if is_known else paramiko.AUTH_FAILED)

        def check_channel_request(self, kind: str, number: int) -> int:
            return int(paramiko.OPEN_SUCCEEDED)

    class Files(paramiko.SFTPServerInterface):  # type: ignore[misc, no-any-unimported]
        def __init__(self, login: Any, transport: Any) -> None:
            self.transport = transport

        def stat(self, path: str) -> Any:
            try:
                return paramiko.SFTPAttributes.from_stat((folder / path.lstrip("/")).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        def open(self, path: str, flags: int, attributes: Any) -> Any:
            fault = server.fault(path.lstrip("/"))
            try:
                content = (folder / path.lstrip("/")).read_bytes()
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            found = paramiko.SFTPHandle(flags)
            found.readfile = _Cut(content, self.transport.close) if fault == "cut" else io.BytesIO(content)
            found.stat = lambda: self.stat(path)
            return found

    return Login, Files


class _Cut(io.BytesIO):
    """A content of which the second half is never read: the connection ends."""

    def __init__(self, content: bytes, end: Callable[[], None]) -> None:
        super().__init__(content[: len(content) // 2])
        self.end = end

    def read(self, size: int | None = -1, /) -> bytes:
        self.end()
        return super().read(size)


# ---- Google Cloud Storage ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gs_server() -> Iterator[FileServer]:
    """The emulator of Google Cloud Storage, with the bucket `calls`."""
    pytest.importorskip("gcsfs")
    emulated = pytest.importorskip("gcp_storage_emulator.server")
    from gcp_storage_emulator.handlers import buckets

    storage = emulated.Storage(use_memory_fs=True)
    buckets.create_bucket("calls", storage)

    class Handler(emulated.RequestHandler):  # type: ignore[misc, no-any-unimported, name-defined]
        def do_GET(self) -> None:  # noqa: N802
            name = unquote(self.path.partition("/o/")[2].partition("?")[0])
            if "alt=media" in self.path and server.fault(name) == "cut":
                self.wfile = _Limited(self.wfile)
            super().do_GET()

    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, storage))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{http.server_port}"

    def put(name: str, content: bytes) -> None:
        url = f"{address}/upload/storage/v1/b/calls/o?uploadType=media&name={quote(name, safe='')}"
        urlopen(Request(url, content, {"Content-Type": "audio/wav"})).close()

    server = FileServer("gs://calls", put)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        yield server
    http.shutdown()
    http.server_close()


class _Limited(io.RawIOBase):
    """What a server writes, up to `LIMIT` bytes, which end within the content: then the connection ends."""

    LIMIT = 5_000

    def __init__(self, file: Any) -> None:
        self.file, self.left = file, self.LIMIT

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        self.file.write(content[: self.left])
        self.left -= min(self.left, len(content))
        if not self.left:
            raise ConnectionAbortedError
        return len(content)
