"""Fixtures shared by all tests: the shared data read in place, and a cache of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread each: tests run in several processes, whose threads would only wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("EMOTONE_SHARED", CHECKOUT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared audio, weights and reference outputs; missing it is a failure in CI, a skip elsewhere."""
    if not SHARED.is_dir():
        message = f"shared test data not found at {SHARED} (set EMOTONE_SHARED)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path_factory.mktemp("cache")))
