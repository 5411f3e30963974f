"""A server of its own process, as users start it, and clients of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil


class Served:
    """`emotone serve` with options, on a free port; its uploads lie in `spool`, its log in `log`.

    before: lines of Python that run first, to shorten times in which clients have to do something.
    """

    def __init__(self, spool: Path, options: Sequence[str] = (), before: str = "") -> None:
        code = f"{before}\nimport sys\nfrom emotone.cli.main import main\nsys.exit(main())"
        arguments = ["serve", "--port", "0", "--spool", str(spool), *options]
        environment = {name: value for name, value in os.environ.items() if name != "EMOTONE_TOKEN"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.spool = spool
        self._lines: list[str] = []
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if not self.address:
            self._reader.join(5)
            raise RuntimeError(f"the server did not start: {self.log}")
        self.url, _, self.token = self.address.partition("/?token=")
        self.port = int(self.url.split(":")[2].split("/")[0])

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        self._lines.extend(self.process.stderr)

    @property
    def log(self) -> str:
        """What it has written on stderr until now."""
        return "".join(self._lines)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options: Any) -> httpx.Client:
        """A program with the token."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=120, **options)

    def visitor(self) -> httpx.Client:
        """A browser with a cookie."""
        answer = httpx.get(self.address)
        return httpx.Client(base_url=self.url, timeout=120, cookies=answer.cookies)

    def raw(self, data: bytes, wait_s: float = 15.0) -> bytes:
        """The answer to bytes that no library would send, until the server closes the connection or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as connection:
            connection.sendall(data)
            received = b""
            try:
                while more := connection.recv(65_536):
                    received += more
            except (TimeoutError, ConnectionResetError):
                pass
            return received

    @property
    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since, or is a zombie
                if "resource_tracker" not in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
        return found

    def files(self) -> list[Path]:
        """Uploads and results that lie in its folder."""
        return [path for path in self.spool.rglob("*") if path.is_file() and path.name != "lock"]

    def stop(self, with_signal: int = signal.SIGTERM, wait_s: float = 60.0) -> int:
        """End it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        code = self.process.wait(wait_s)
        self._reader.join(5)
        return code
