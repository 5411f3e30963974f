"""Claims: the living keep theirs, the dead lose it, and rows that workers die of are told apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from emotone.archive import claim as claims
from emotone.archive.claim import PLACE_BYTES, claim

HOLD = """
import sys, time
from pathlib import Path
from emotone.archive.claim import claim

with claim(Path(sys.argv[1])) as held:
    held.at(int(sys.argv[2]))
    print("held", flush=True)
    time.sleep(60)
"""


def die_at(path: Path, place: int) -> None:
    """Claim a shard in another process, which is killed at a place."""
    command = [sys.executable, "-c", HOLD, str(path), str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        assert claim(path) is None  # it lives
        process.kill()


def test_a_claim_is_held_until_it_is_given_back(tmp_path: Path) -> None:
    held = claim(tmp_path / "c")
    assert held is not None and held.blamed == set()
    with held:
        assert claim(tmp_path / "c") is None
    assert list(tmp_path.iterdir()) == [] and claim(tmp_path / "c") is not None


def test_the_dead_lose_theirs_and_the_third_death_at_a_row_is_its_own(tmp_path: Path) -> None:
    for place in (7, 7, 5):
        die_at(tmp_path / "c", place)
    held = claim(tmp_path / "c")
    assert held is not None and held.deaths == Counter({7: 2, 5: 1}) and held.blamed == set()
    die_at(tmp_path / "c", 7)
    held = claim(tmp_path / "c")
    assert held is not None and held.blamed == {7}


def elsewhere(path: Path) -> None:
    about = {"machine": "far", "process": "1", "born": "1", "deaths": {}}
    path.write_text(f"{3:>{PLACE_BYTES}} {json.dumps(about)}\n")


def test_one_of_another_machine_is_taken_when_it_has_not_changed_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(claims.time, "monotonic", lambda: now[0])
    elsewhere(tmp_path / "c")
    os.utime(tmp_path / "c", (1, 1))  # by a clock that is years behind
    assert claim(tmp_path / "c", 60) is None
    now[0] += 59
    assert claim(tmp_path / "c", 60) is None
    os.utime(tmp_path / "c", (2, 2))  # its owner lives, whatever its clock says
    now[0] += 2
    assert claim(tmp_path / "c", 60) is None
    now[0] += 61
    held = claim(tmp_path / "c", 60)
    assert held is not None and held.deaths == Counter({3: 1})


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 40, b"           x {}", b"           1 []"])
def test_what_is_no_claim_is_nobodys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    assert claim(tmp_path / "c") is not None


def test_a_claim_is_touched_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "EVERY_S", 0.01)
    held = claim(tmp_path / "c")
    assert held is not None
    with held:
        os.utime(tmp_path / "c", (1, 1))
        deadline = time.monotonic() + 10
        while (tmp_path / "c").stat().st_mtime == 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "c").stat().st_mtime > 1
