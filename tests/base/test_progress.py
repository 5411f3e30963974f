"""Progress where stderr is no terminal: lines now and then, of what is done in all, and nothing when quiet."""

from __future__ import annotations

import itertools

import pytest

from emotone.base import progress
from emotone.base.progress import track


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = itertools.count(0.0, 20.0)  # every item takes 20 s
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(track(iter("abcd"), 14, "train fold-1", done=4)) == list("abcd")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["train fold-1: 6 of 14, about 0:02:40 left", "train fold-1: 8 of 14, about 0:02:00 left"]


@pytest.mark.parametrize(("total", "quiet"), [(4, True), (1, False)])
def test_nothing_is_said(
    total: int, quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    assert list(track(iter("abcd"[:total]), total, "train", quiet)) == list("abcd"[:total])
    assert capsys.readouterr().err == ""


def test_a_quick_job_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(track(range(1000), 1000, "train"))) == 1000
    assert capsys.readouterr().err == ""
