"""Listening: rows on stdout until the stream ends, whatever ends it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from voices import spoken

from emotone.errors import EmotoneError
from emotone.predict.listen import listen_to


def test_a_named_pipe_is_listened_to_until_it_closes(
    tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")

    def speak() -> None:
        with open(tmp_path / "pipe", "wb") as pipe:
            pipe.write((spoken(3.0) * 32_767).astype("<i2").tobytes())

    speaker = threading.Thread(target=speak)
    speaker.start()
    assert listen_to(str(tmp_path / "pipe"), str(tiny_bundle), rate_hz=16_000, as_json=True) == 0
    speaker.join()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows and rows[-1]["end_s"] <= 3.0 and all(row["arousal"] is not None for row in rows)


def test_where_nobody_speaks_it_says_so(tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "silence").write_bytes(np.zeros(16_000, "<f4").tobytes())
    assert listen_to(str(tmp_path / "silence"), str(tiny_bundle), rate_hz=8_000, form="f32") == 1
    assert capsys.readouterr().err.endswith("silence: no speech found in 2.0 s\n")


def test_what_cannot_be_read_is_one_line(tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EmotoneError, match="cannot be read"):
        listen_to(str(tmp_path / "none"), str(tiny_bundle), rate_hz=16_000)
    assert capsys.readouterr().out == "", "no header above nothing"


def test_how_far_scores_may_be_relied_on_is_said_once(
    tmp_path: Path, weak_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "silence").write_bytes(bytes(32_000))
    listen_to(str(tmp_path / "silence"), str(weak_bundle), rate_hz=16_000)
    assert capsys.readouterr().err.startswith("note: tiny: ")
