"""Missing data: exactly as much as the severity says, the same for the same seed, more where it is higher."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.read import RATE_HZ
from emotone.base.draws import generator
from emotone.bundle.view.view import Normaliser
from emotone.errors import EmotoneError
from emotone.evaluate.degraded.missing import (
    CURVES,
    choose_lost,
    delete_words,
    drop_frames,
    lose_bursts,
)

TEXT = " ".join(f"word{number}" for number in range(20))
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@given(num=st.integers(0, 300), share=st.floats(0, 1), more=st.floats(0, 1), seed=st.integers(0, 50))
def test_a_higher_share_takes_what_a_lower_one_takes(num: int, share: float, more: float, seed: int) -> None:
    lower, higher = (choose_lost(num, part, generator(seed)) for part in sorted((share, more)))
    assert not (lower & ~higher).any()
    assert abs(lower.sum() - min(share, more) * num) <= 0.5 + 1e-9


@pytest.mark.parametrize("share", SHARES)
def test_so_many_words_are_deleted_and_the_others_stay_in_order(share: float) -> None:
    left = delete_words(TEXT, share, generator("a")).split()
    assert len(left) == 20 - round(20 * share)
    assert [word for word in TEXT.split() if word in set(left)] == left


@pytest.mark.parametrize("share", SHARES)
def test_dropped_frames_become_the_mean(share: float) -> None:
    features = np.random.default_rng(0).normal(5, 2, (40, 3)).astype(np.float32)
    dropped = drop_frames(features, share, generator("a"))
    is_lost = np.isnan(dropped).all(axis=1)
    assert is_lost.sum() == 40 * share and dropped.dtype == np.float32
    np.testing.assert_array_equal(dropped[~is_lost], features[~is_lost])
    assert not Normaliser(np.full(3, 5.0), np.full(3, 2.0))(dropped)[is_lost].any()


@pytest.mark.parametrize("share", SHARES)
def test_bursts_are_silent_and_as_long_as_they_say(share: float) -> None:
    samples = np.ones(20 * RATE_HZ, np.float32)
    left = lose_bursts(samples, share, generator("a"))
    assert 1 - left.mean() == pytest.approx(share, abs=0.25 / 20)
    edges = np.flatnonzero(np.diff(left, prepend=1.0, append=1.0))
    runs = np.diff(edges)[::2][1:-1]  # the first and the last may be cut
    assert (runs % round(0.25 * RATE_HZ) == 0).all()


def test_bursts_of_short_and_empty_audio() -> None:
    assert len(lose_bursts(np.zeros(0, np.float32), 0.5, generator(0))) == 0
    for num_samples in (1, 100, 5000):
        assert not lose_bursts(np.ones(num_samples, np.float32), 1.0, generator(0)).any()


@pytest.mark.parametrize("curve", CURVES)
def test_curves_begin_with_what_changes_nothing(curve: str) -> None:
    assert CURVES[curve].severities[0] == CURVES[curve].clean
    assert len(set(CURVES[curve].severities)) == len(CURVES[curve].severities) > 1


@pytest.mark.parametrize("severity", CURVES["words"].severities)
def test_the_same_seed_takes_the_same(severity: float) -> None:
    text, again = (delete_words(TEXT, severity / 100, generator(1)) for _ in range(2))
    assert text == again and (text == TEXT) is (severity == 0) and (text == "") is (severity == 100)
    audio, repeated = (lose_bursts(np.ones(20 * RATE_HZ, np.float32), severity / 100, generator(1)) for _ in range(2))
    np.testing.assert_array_equal(audio, repeated)
    assert (audio == 1).all() == (severity == 0) and (audio == 0).all() == (severity == 100)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_other_shares_are_refused(share: float) -> None:
    with pytest.raises(EmotoneError, match="from 0 to 1"):
        choose_lost(5, share, generator(0))
