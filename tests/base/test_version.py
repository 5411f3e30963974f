"""The version is one everywhere: of the package, of what is installed, of what is cited."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import emotone
from emotone.base.version import __version__

CITATION = Path(__file__).parents[2] / "CITATION.cff"


def test_the_version_is_one_everywhere() -> None:
    assert emotone.__version__ == __version__ == importlib.metadata.version("emotone")
    assert re.search(r"^version: (.+)$", CITATION.read_text(encoding="utf-8"), re.M)[1].strip("\"'") == __version__
