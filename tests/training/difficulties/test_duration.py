"""Durations against the audio files themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.training.difficulties.duration import Duration
from emotone.training.fold_data import FoldData


def test_it_is_that_of_the_file(shared: Path, fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of()
    durations = [soundfile.info(shared / "data/emotale-da" / file).duration for file in fold.train["file"]]
    np.testing.assert_allclose(Duration()(fold, pytest.fail), durations, atol=1e-3)
    assert Duration.easy == "lowest" and len(set(durations)) > 5
