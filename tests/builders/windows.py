"""What Windows does otherwise, in a process of Linux: what is open stays where it is, and locks are those of msvcrt."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of Emotone take the system for Windows, and no file that this process has open is moved or removed."""
    msvcrt = ModuleType("msvcrt")
    monkeypatch.setattr(msvcrt, "LK_NBLCK", 2, raising=False)
    monkeypatch.setattr(msvcrt, "locking", _locking, raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    for name, num_paths in {"unlink": 1, "rmdir": 1, "replace": 2}.items():
        monkeypatch.setattr(os, name, _unless_open(getattr(os, name), num_paths))
    for name, module in list(sys.modules.items()):
        if name.startswith("emotone.") and getattr(module, "sys", None) is sys:
            monkeypatch.setattr(module, "sys", _Windows("sys"))


class _Windows(ModuleType):
    """The module sys, but for the name of the system."""

    platform = "win32"

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def _locking(handle: int, mode: int, num_bytes: int) -> None:
    import fcntl  # which Windows has not: there its own tests could not even begin

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None


def _unless_open(function: Callable[..., Any], num_paths: int) -> Callable[..., Any]:
    def guarded(*paths: Any, **options: Any) -> Any:
        for path in paths[:num_paths]:
            if any(one == Path(path).absolute() or Path(path).absolute() in one.parents for one in _open_files()):
                raise PermissionError(13, "The process cannot access the file because it is being used", str(path))
        return function(*paths, **options)

    return guarded


def _open_files() -> set[Path]:
    """Files that this process has open or mapped."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        found = {line.split(maxsplit=5)[5].strip() for line in file if "/" in line}
    for handle in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{handle}"))
        except OSError:  # that of the listing itself
            continue
    return {Path(name) for name in found}
