"""Without a heavy package tests that need it are skipped, elsewhere and in CI they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


def test_what_is_lacking_is_named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    conftest = request.config.pluginmanager.get_plugin(str(CONFTEST))
    lines = {
        "ModuleNotFoundError: No module named 'torch'": "torch",
        "ModuleNotFoundError: No module named 'torch.nn'": "torch",
        'EmotoneError: training needs the package lightning_fabric: pip install "emotone[train]"': "lightning_fabric",
        "ModuleNotFoundError: No module named 'emotone.training'": "",
        "AssertionError: torch": "",
    }
    monkeypatch.delenv("CI", raising=False)
    assert all(conftest.is_lacking(line) == "" for line in lines)  # it is there, so that is not the reason
    monkeypatch.setattr(conftest, "find_spec", lambda name: None)
    assert {line: conftest.is_lacking(line) for line in lines} == lines
    monkeypatch.setenv("CI", "true")
    assert all(conftest.is_lacking(line) == "" for line in lines)
