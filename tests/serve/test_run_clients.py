"""The clients among the examples do what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from served import Served

CLIENTS = Path("examples/clients").absolute()
JFK = Path("examples/jfk.wav").absolute()


def run(server: Served, command: list[str], given: bytes = b"") -> str:
    environment = os.environ | {"EMOTONE_URL": server.url, "EMOTONE_TOKEN": server.token}
    return subprocess.run(
        command, input=given, capture_output=True, env=environment, check=True, timeout=120
    ).stdout.decode()


def test_python(server: Served) -> None:
    lines = run(server, [sys.executable, str(CLIENTS / "client.py"), str(JFK)]).splitlines()
    assert len(lines) == 4 and lines[0].startswith("jfk.wav     0.25    2.34  anger")
    samples, _ = soundfile.read(JFK, dtype="int16")
    heard = run(server, [sys.executable, str(CLIENTS / "client.py"), "-"], samples.tobytes()).splitlines()
    assert [line.split()[1:4] for line in heard] == [line.split()[1:4] for line in lines]


def test_curl(server: Served) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not there")
    said = run(server, ["sh", str(CLIENTS / "client.sh"), str(JFK)])
    assert "00:00:00,252 --> 00:00:02,340" in said and "rank,file,start_s" in said
    assert re.search(r'event: job\ndata: .*"state": "done"', said) and "file,start_s,end_s,emotion" in said
    assert server.files() == []
