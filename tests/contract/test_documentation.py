"""What the pages say is there: links, files, rooms, the picture, and no name that may move."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path

import pytest

import emotone

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE = Path(emotone.__file__).parent
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("results/*.md")])
ROOMS = [
    "errors",
    "base",
    "audio",
    "bundle",
    "features",
    "predict",
    "serve",
    "archive",
    "corpora",
    "data",
    "models",
    "evaluate",
    "training",
    "cli",
]
FOR_DEVELOPERS = {"CONTRIBUTING.md", "architecture.md", "CHANGELOG.md", "plugin.md"}
MADE = {CHECKOUT / "docs" / "reference"}
"""Folders whose pages are made of the code; `tests/tools/test_documentation.py` builds the site, which checks them."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        place = Path(os.path.normpath(page.parent / link))
        is_made = place.parent in MADE and place.is_relative_to(CHECKOUT / "docs")
        assert link.startswith("http") or is_made or place.exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_users_are_told_the_public_names_only(page: Path) -> None:
    if page.name in FOR_DEVELOPERS:
        return
    for name in re.findall(r"\bemotone\.([a-zA-Z_]\w*)", page.read_text(encoding="utf-8")):
        assert name in (*emotone.__all__, "sklearn"), f"{page.name} names emotone.{name}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_developers_are_sent_to_exist(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    for file in re.findall(r"`([\w/.-]+\.(?:py|yaml|txt|toml|md))`", text):
        assert "NAME" in file or "my_" in file or any((place / file).exists() for place in (SOURCE, CHECKOUT)), file


@pytest.mark.parametrize("text", [(CHECKOUT / "README.md").read_text(encoding="utf-8"), emotone.__doc__ or ""])
def test_the_map_has_every_room_in_the_order_of_imports(text: str) -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"} | {"errors"}
    named = [line.split()[0].removesuffix(".py").rstrip("/") for line in text.splitlines() if line.startswith("    ")]
    assert [name for name in named if name in rooms] == ROOMS and set(ROOMS) == rooms


def test_the_picture_is_what_its_script_draws() -> None:
    draw = runpy.run_path(str(CHECKOUT / "docs" / "flow.py"))["draw"]
    assert (CHECKOUT / "docs" / "flow.svg").read_text(encoding="utf-8") == draw()
