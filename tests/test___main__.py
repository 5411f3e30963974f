"""The package as a program."""

from __future__ import annotations

import subprocess
import sys

import emotone


def test_the_package_is_the_command_line() -> None:
    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "emotone", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran("--version").stdout == f"emotone {emotone.__version__}\n"
    assert ran("predit").returncode == 2
