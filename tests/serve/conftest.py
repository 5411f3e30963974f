"""The server that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import Served


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two workers, and limits that tests can reach."""
    spool = tmp_path_factory.mktemp("spool") / "uploads"
    served = Served(spool, ["--workers", "2", "--model", "default", "--max-upload", "40", "--max-hours", "0.2"])
    yield served
    served.stop()
