"""Tutorials: the short ones are run, word for word; of the others what was run is what their pages say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tutorials

RUN = ("recordings", "serve")
"""These take seconds; `python tools/tutorials.py --keep NAME` runs the others."""


def test_every_tutorial_has_its_setup_and_its_log() -> None:
    pages = {path.stem for path in tutorials.TUTORIALS.glob("*.md")} - {"index"}
    assert pages == set(tutorials.SETUPS) == {path.stem for path in tutorials.LOGS.glob("*.txt")}


@pytest.mark.parametrize("name", tutorials.SETUPS)
def test_what_a_log_is_of_is_what_the_page_says(name: str) -> None:
    log = (tutorials.LOGS / f"{name}.txt").read_text(encoding="utf-8")
    blocks = [block.text.strip() for block in tutorials.blocks_of(tutorials.TUTORIALS / f"{name}.md")]
    assert blocks and tutorials.kept_blocks(log) == blocks, f"run it again: python tools/tutorials.py --keep {name}"
    assert "Traceback" not in log


@pytest.mark.parametrize("name", RUN)
def test_the_short_ones_work_as_they_stand(name: str, tmp_path: Path) -> None:
    if name == "serve" and shutil.which("curl") is None:
        pytest.skip("curl is not there")
    log = tutorials.run(name, tmp_path)
    assert "\nemotone: " not in log and log.count("=== ") == len(tutorials.kept_blocks(log))
    made = {"recordings": "talk.html", "serve": "healthz.json"}[name]
    assert (tmp_path / made).stat().st_size > 10


def test_a_block_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "moments.md").write_text("```shell\nfalse | true\necho never\n```\n", encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(tutorials, "TUTORIALS", tmp_path / "pages")
    with pytest.raises(RuntimeError, match="moments: exit code 1"):
        tutorials.run("moments", tmp_path / "work")
