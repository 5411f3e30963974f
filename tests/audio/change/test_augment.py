"""Augmentation: deterministic by id, within its ranges, never out of full scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.audio.change import effects
from emotone.audio.change.augment import Augment, Copy, change_channel, change_voice
from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.base.draws import generator

RATE = RATE_HZ


def test_copies_are_deterministic_and_number_zero_is_the_original(shared: Path) -> None:
    samples = load_audio(shared / "data" / "emodb" / "wav" / "03a01Fa.flac")
    babble = str(shared / "data" / "librispeech" / "train-clean-100" / "103-1240-0000.opus")
    change = Augment(seed=3, babble_files=(babble,))
    assert change(samples, "a#0.0") is samples
    for id_ in ("a#1", "a#1.0", "a#1.2", "a#0.1", "a~0#2.1"):
        first, second = change(samples, id_), Augment(seed=3, babble_files=(babble,))(samples, id_)
        np.testing.assert_array_equal(first, second)
        assert first.dtype == np.float32 and np.isfinite(first).all() and np.abs(first).max() <= 1
    np.testing.assert_array_equal(change(samples, "a#1"), change(samples, "a#1.0"))
    assert len(change(samples, "a#1")) != len(change(samples, "a#2")) or not np.array_equal(
        change(samples, "a#1"), change(samples, "a#2")
    )


def test_parts_are_within_the_durations() -> None:
    noise = generator(0).normal(0, 0.1, 20 * RATE).astype(np.float32)
    change = Augment(seed=1, crop_s=(2.0, 3.0))
    for part in range(5):
        assert 2.0 <= len(change(noise, f"a~{part}#0")) / RATE <= 3.0


@pytest.mark.parametrize(
    "copy", [Copy("a", 0), Copy("a", 1, 0), Copy("a~b", 2, 3), Copy("a#1", 0, 1, 4), Copy("a~x", 1, None, 0)]
)
def test_a_copy_has_a_name_that_says_which_it_is(copy: Copy) -> None:
    assert Copy.parse(copy.id) == copy
    assert copy.id.startswith(f"{copy.source}#") and copy.source.startswith(copy.utterance)


def test_voices_and_channels_are_within_their_ranges() -> None:
    noise = generator(0).normal(0, 0.2, 2 * RATE).astype(np.float32)
    durations_s = set()
    for seed in range(8):
        voice = change_voice(noise, generator(seed))
        assert 2 / 1.15 / 1.25 - 0.1 <= len(voice) / RATE <= 2 / 0.87 / 0.8 + 0.1
        durations_s.add(round(len(voice) / RATE, 3))
        for babble in ([], [noise[::-1].copy()]):
            channel = change_channel(noise, babble, generator(seed))
            assert channel.dtype == np.float32 and np.isfinite(channel).all() and np.abs(channel).max() <= 1
            assert len(noise) - RATE // 10 <= len(channel) <= len(noise) + 2.5 * RATE
    assert len(durations_s) > 3


def test_changes_are_drawn_within_their_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, list[float]] = {}

    def watch(name: str, *places: int) -> None:
        def effect(samples: Samples, *arguments: Any) -> Samples:
            for place in places:
                drawn.setdefault(f"{name} {place}", []).append(float(arguments[place]))
            return samples

        monkeypatch.setattr(effects, name, effect)

    for name, places in {
        "respeed": (0,),
        "shift_pitch": (0,),
        "stretch": (0,),
        "pad_silence": (0, 1),
        "reverberate": (0, 1),
        "add_noise": (1,),
        "normalise_peak": (0,),
        "band_limit": (0, 1, 2),
        "telephone": (),
        "recode": (),
    }.items():
        watch(name, *places)
    for seed in range(2_000):
        change_voice(np.ones(8, np.float32), generator("voice", seed))
        change_channel(np.ones(8, np.float32), [], generator("channel", seed))
    expected = {
        "respeed 0": (0.87, 1.15),
        "shift_pitch 0": (-3, 3),
        "stretch 0": (0.8, 1.25),
        "pad_silence 0": (0, 1.2),
        "pad_silence 1": (0, 1.2),
        "reverberate 0": (0.1, 0.7),
        "reverberate 1": (-3, 12),  # the direct sound above the room, in dB
        "add_noise 1": (3, 50),
        "normalise_peak 0": (10 ** (-30 / 20), 10 ** (6 / 20)),
        "band_limit 0": (50, 250),
        "band_limit 1": (2500, 7600),
        "band_limit 2": (2, 6),
    }
    for name, (low, high) in expected.items():
        values = np.array(drawn[name])
        near = 0.02 * (high - low)
        assert low <= values.min() < low + near and high - near < values.max() <= high, name
