"""Small trees of generated audio in the owners' official layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """plant("wav/a.wav", ..): writes each audio name as a tone of 3 s below a fresh folder and returns the folder."""

    def write(*names: str, folder: str = "corpus") -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        tone = np.sin(np.arange(48_000) / 7).astype(np.float32) / 2
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".wav", ".flac"):
                soundfile.write(path, tone, 16_000)
            else:
                path.touch()  # readers look at names and tables, not at samples
        return root

    return write
