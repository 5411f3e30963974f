"""What a server is started with, and its limits."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotone.errors import EmotoneError
from emotone.serve.worker import Setup

PORT = 8642
TOKEN = re.compile(r"[\w.~-]{16,}", re.ASCII)
"""What goes into an address as it is."""
ROOT_PATH = re.compile(r"(/[\w.~-]+)+", re.ASCII)
HOST = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
LOCAL_NAMES = ("localhost",)


@dataclass(frozen=True)
class Limits:
    """How much a server takes.

    upload_bytes: of one request. hours: of one recording, as it is decoded. waiting: jobs that wait or are received,
    in all and of one client. spool_bytes: of all uploads and results. deadline_s: of a job's work. keep_s: how long a
    job stays after its end. streams: at once, in all. idle_s: how long a stream may be silent. connections: in all.
    """

    upload_bytes: int = 1_000_000_000
    hours: float = 5.0
    waiting: int = 256
    waiting_of_one: int = 64
    spool_bytes: int = 8_000_000_000
    deadline_s: float = 900.0
    keep_s: float = 900.0
    streams: int = 256
    idle_s: float = 900.0
    connections: int = 1024

    def __post_init__(self) -> None:
        bounds = {
            "upload_bytes": ("max-upload in bytes", 1_000, 1e13),
            "hours": ("max-hours", 0.001, 10_000),
            "waiting": ("max-waiting", 1, 100_000),
            "deadline_s": ("deadline", 1, 1e6),
            "keep_s": ("keep", 0, 1e7),
        }
        for key, (name, least, most) in bounds.items():
            if not least <= getattr(self, key) <= most:
                raise EmotoneError(f"{name} must be from {least:g} to {most:g}, not {getattr(self, key):g}")


@dataclass(frozen=True)
class ServeSettings:
    """A server: where it listens, who may come in, what it scores with.

    host: the address that it listens on. port: 0 takes a free one. token: "" makes one. workers: processes that score.
    models: names, folders or runs; the first is the default. root_path: where it is reached behind a proxy, e.g.
    "/emotion". names: hosts by which it is reached, besides its address. Raises EmotoneError for what cannot be.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str = ""
    workers: int = 2
    models: Sequence[str] = ("default",)
    root_path: str = ""
    names: Sequence[str] = ()
    spool: Path | None = None
    limits: Limits = field(default_factory=Limits)
    quiet: bool = False
    log_names: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise EmotoneError(f"port must be from 0 to 65535, not {self.port}")
        if not 1 <= self.workers <= 64:
            raise EmotoneError(f"workers must be from 1 to 64, not {self.workers}")
        if self.token and not TOKEN.fullmatch(self.token):
            raise EmotoneError("a token has at least 16 characters: letters, digits and - _ . ~")
        if self.root_path and not ROOT_PATH.fullmatch(self.root_path):
            raise EmotoneError(f"root-path begins with a slash and ends without, like /emotion; not {self.root_path!r}")
        for name in self.names:
            if not HOST.fullmatch(name):
                raise EmotoneError(f"name is that of a host, like lab.example; not {name!r}")
        if not name_models(self.models):
            raise EmotoneError("a server needs a model")

    @property
    def is_local(self) -> bool:
        """Whether this machine alone reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host in LOCAL_NAMES

    @property
    def hosts(self) -> set[str]:
        """Names by which it is reached, in small letters; addresses are others."""
        return {name.lower() for name in (*LOCAL_NAMES, socket.gethostname(), self.host, *self.names)}

    def setup(self, folder: Path) -> Setup:
        """What its workers are started with; they work in a folder."""
        values = round(self.limits.hours * 3600 * 96_000)  # stereo at 48 kHz for as long as recordings may be
        places = {name: self._place(model) for name, model in name_models(self.models).items()}
        return Setup(places, self.workers, str(folder.absolute()), self.limits.hours * 3600, values)

    def _place(self, model: str) -> str:
        """A bundle's name as it is, its folder from the root on."""
        return str(Path(model).absolute()) if Path(model).is_dir() else model


def name_models(models: Sequence[str]) -> Mapping[str, str]:
    """Names that the page and the API have for bundles: {name: what was given}; a folder is called by its last part.

    >>> name_models(["default", "runs/mine/"])
    {'default': 'default', 'mine': 'runs/mine/'}
    """
    found: dict[str, str] = {}
    for model in models:
        name = Path(model).name if os.sep in model or "/" in model else model
        if name in found:
            raise EmotoneError(f"two models are called {name}: {found[name]} and {model}")
        found[name] = model
    return found


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(24)
