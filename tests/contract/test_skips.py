"""Without a heavy package tests that need it are skipped, elsewhere and in CI they fail."""

from __future__ import annotations

import lacking
import pytest


def test_what_is_lacking_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {
        "ModuleNotFoundError: No module named 'torch'": "torch",
        "ModuleNotFoundError: No module named 'torch.nn'": "torch",
        'EmotoneError: training needs the package lightning_fabric: pip install "emotone[train]"': "lightning_fabric",
        "ModuleNotFoundError: No module named 'emotone.training'": "",
        "AssertionError: torch": "",
    }
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(lacking, "find_spec", lambda name: object())
    assert all(lacking.is_lacking(line) == "" for line in lines)  # it is there, so that is not the reason
    monkeypatch.setattr(lacking, "find_spec", lambda name: None)
    assert {line: lacking.is_lacking(line) for line in lines} == lines
    monkeypatch.setenv("CI", "true")
    assert all(lacking.is_lacking(line) == "" for line in lines)
