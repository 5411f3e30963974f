"""The verb serve: its options become settings."""

from __future__ import annotations

import importlib.util

import pytest

from emotone.cli.main import main
from emotone.serve.settings import ServeSettings


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ServeSettings] = []
    monkeypatch.setattr("emotone.serve.run.serve", lambda settings: given.append(settings) or 0)
    monkeypatch.setenv("EMOTONE_TOKEN", "a-token-of-the-environment")
    words = "--host 0.0.0.0 --port 0 --workers 3 --model small --model default --max-upload 5 --max-hours 1 --keep 60"
    assert main(["serve", *words.split(), "--name", "lab", "--log-names"]) == 0
    [settings] = given
    assert settings.token == "a-token-of-the-environment" and settings.models == ["small", "default"]
    assert settings.limits.upload_bytes == 5_000_000 and settings.limits.hours == 1.0 and settings.limits.keep_s == 60.0
    assert settings.names == ["lab"] and settings.log_names and settings.workers == 3 and not settings.is_local


def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else find(name))
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == 'emotone: serve needs the package fastapi: pip install "emotone[serve]"\n'
