"""Archives of short tones, one of which is no audio, by a small bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.archive.engines.processes import Processes
from emotone.archive.folder import Archive, open_archive
from emotone.archive.run import Done, go_through
from emotone.archive.worker import Worker
from emotone.predict.settings import PredictSettings

MakeArchive = Callable[..., Archive]


@pytest.fixture
def tones_folder(tmp_path: Path) -> Path:
    """24 tones of half a second, the fourth of which is no audio, and a manifest of them, `calls.csv`."""
    (tmp_path / "audio").mkdir()
    for number in range(24):
        tone = 0.4 * np.sin(np.arange(8_000 + 100 * number) / (3 + number))
        soundfile.write(tmp_path / "audio" / f"{number:02d}.wav", tone, 16_000)
    (tmp_path / "audio" / "03.wav").write_bytes(b"nothing")
    write_manifest(tmp_path / "calls.csv", range(24))
    return tmp_path


def write_manifest(path: Path, numbers: range | list[int]) -> Path:
    path.write_text("file\n" + "".join(f"audio/{number:02d}.wav\n" for number in numbers))
    return path


@pytest.fixture
def make_archive(tones_folder: Path, tiny_bundle: Path) -> MakeArchive:
    """make_archive(manifest, ..): the archive `out` of it, in shards of about 4 rows."""

    def make(manifest: Path | None = None, **options: object) -> Archive:
        settings = PredictSettings(model=str(tiny_bundle), **options.pop("settings", {}))  # type: ignore[arg-type]
        rows = options.pop("rows_per_shard", 4)
        return open_archive(
            manifest or tones_folder / "calls.csv", tones_folder / "out", settings, rows_per_shard=rows, **options
        )  # type: ignore[arg-type]

    return make


def finish(archive: Archive, **options: Any) -> Done:
    """Go through an archive in this process."""
    return go_through(archive, Processes(Worker(archive.folder)), **options)
