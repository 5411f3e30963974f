"""Who works on which shard: a hint that saves work, on any folder that several machines see; no lock is needed.

A claim is a small file that its owner touches while it lives, and in which it says which row it is at. Whoever finds
one that nobody lives behind takes it over, and learns at which rows its owners died: a row at which `MOST_DEATHS` of
them did is to blame. Two workers that both believe to hold a shard do it twice, with the same answers in the same file.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

EVERY_S = 5.0
"""So often an owner touches its claim."""
PATIENCE_S = 120.0
"""A claim of another machine that was not touched for so long is nobody's."""
MOST_DEATHS = 3
PLACE_BYTES = 12
NOWHERE = -1


def owner() -> dict[str, str]:
    """This process, as others on its machine can tell whether it lives.

    >>> sorted(owner())
    ['born', 'machine', 'process']
    """
    return {"machine": _machine(), "process": str(os.getpid()), "born": _born(os.getpid())}


def _machine() -> str:
    """Where process numbers mean the same: a boot of a machine, and a name space of processes there."""
    found = [socket.gethostname()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip(),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        with contextlib.suppress(OSError):
            found.append(read())
    return " ".join(found)


def _born(process: int) -> str:
    """When a process began, as the kernel counts; "" where that is not known, or there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_alive(of: dict[str, str]) -> bool:
    """Whether a process of this machine lives."""
    try:
        os.kill(int(of["process"]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):
        pass
    state = ""
    with contextlib.suppress(OSError, IndexError):
        state = Path(f"/proc/{of['process']}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    return state != "Z" and _born(int(of["process"])) == of["born"]


class Claim:
    """A claim that is held; a context, at whose end it is given back.

    deaths: how often owners have died at each place.
    """

    def __init__(self, path: Path, deaths: Counter[int]) -> None:
        self.path = path
        self.deaths = deaths
        self._handle = -1
        self._ended = threading.Event()
        self._open = threading.Lock()

    @property
    def blamed(self) -> set[int]:
        """Places at which so many owners died that the next would, too."""
        return {place for place, num in self.deaths.items() if place != NOWHERE and num >= MOST_DEATHS}

    def at(self, place: int) -> None:
        """Say which row is next."""
        with contextlib.suppress(OSError):  # a hint
            os.pwrite(self._handle, f"{place:>{PLACE_BYTES}}".encode(), 0)

    def __enter__(self) -> Claim:
        temporary = self.path.with_name(f".{uuid.uuid4().hex}.tmp")
        text = json.dumps({**owner(), "deaths": dict(self.deaths)})
        self._handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        os.write(self._handle, f"{NOWHERE:>{PLACE_BYTES}} {text}\n".encode())
        os.replace(temporary, self.path)
        threading.Thread(target=self._touch, daemon=True).start()
        return self

    def _touch(self) -> None:
        while not self._ended.wait(EVERY_S):
            with self._open, contextlib.suppress(OSError):
                if not self._ended.is_set():
                    os.utime(self._handle)

    def __exit__(self, *_: object) -> None:
        with self._open:
            self._ended.set()
            os.close(self._handle)
        with contextlib.suppress(OSError):
            self.path.unlink()


def claim(path: Path, patience_s: float = PATIENCE_S) -> Claim | None:
    """A claim to enter, or None where another process may live behind it.

    One of another machine counts as long as it changes: how old it looks, clocks say, and clocks may be wrong.
    """
    found = _read(path)
    if found is None:
        return Claim(path, Counter())
    of, place, deaths, changed_ns = found
    if of.get("machine") == _machine():
        if _is_alive(of):
            return None
    else:
        changed_before_ns, seen_s = _SEEN.get(path, (-1, 0.0))
        if changed_before_ns != changed_ns:
            _SEEN[path] = changed_ns, time.monotonic()
            return None
        if time.monotonic() - seen_s < patience_s:
            return None
    return Claim(path, deaths + Counter([place]))


_SEEN: dict[Path, tuple[int, float]] = {}
"""When this process saw the claims of other machines change last, and by which clock of its own."""


def _read(path: Path) -> tuple[dict[str, str], int, Counter[int], int] | None:
    """Owner, place, deaths and time of the last touch; None where there is no claim that can be read."""
    try:
        text = path.read_text(encoding="utf-8")
        about = json.loads(text[PLACE_BYTES:])
        deaths = Counter({int(place): int(num) for place, num in about.pop("deaths").items()})
        return about, int(text[:PLACE_BYTES]), deaths, path.stat().st_mtime_ns
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
