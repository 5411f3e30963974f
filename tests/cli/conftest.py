"""What tests of the command line share: running it, and files to run it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile
from voices import spoken

from emotone.cli import main as cli


@dataclass
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on stderr."""
        [line] = self.err.splitlines()
        return line


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """run(*arguments): a command in this process."""

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ran(code, printed.out, printed.err)

    return call


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder with three good files, of 1, 2 and 3 s."""
    folder = tmp_path / "good"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", spoken(1.0 + number, number), 16_000)
    return folder
