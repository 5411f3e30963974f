"""What is seen and heard of a recording: outline, compressed sound, and how much of it a page takes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voices import JFK

from emotone.audio.read import AudioError, load_audio
from emotone.predict.page import sound as page_sound
from emotone.predict.page.sound import Clip, bit_rate, encode_clip, listen, listen_to_all, share_of_bytes


def decoded(clip: Clip) -> np.ndarray:
    samples, rate_hz = soundfile.read(io.BytesIO(clip.content), dtype="float32")
    assert rate_hz == 16_000
    return samples


@pytest.mark.parametrize(("rate", "alike"), [(24_000, 0.97), (6_000, 0.7)])
def test_the_sound_is_that_of_the_recording(rate: int, alike: float) -> None:
    [clip] = listen(str(JFK), rate).clips
    samples, expected = decoded(clip), load_audio(str(JFK))
    assert (clip.start_s, clip.end_s, len(samples)) == (0.0, 11.0, len(expected))
    assert np.corrcoef(samples, expected)[0, 1] > alike
    assert 0.7 * rate < 8 * len(clip.content) / 11 < 1.25 * rate


def test_a_clip_is_that_part() -> None:
    clip = encode_clip(str(JFK), 3.0, 5.0)
    samples, expected = decoded(clip), load_audio(str(JFK), 3.0, 5.0)
    assert len(samples) == len(expected) and np.corrcoef(samples, expected)[0, 1] > 0.95


def test_peaks_are_the_largest_samples(tmp_path: Path) -> None:
    samples = np.zeros(16_000 + 100)
    samples[[330, 15_999, 16_050]] = (0.5, -1.0, 0.25)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    sound = listen(str(tmp_path / "a.wav"), None)
    assert len(sound.peaks) == 51 and not sound.clips
    assert {int(place): int(sound.peaks[place]) for place in np.flatnonzero(sound.peaks)} == {1: 128, 49: 255, 50: 64}


def test_an_hour_is_heard_whole() -> None:
    assert bit_rate(3600) == 6_000 and bit_rate(60) == 24_000 and bit_rate(4000) is None
    assert share_of_bytes([1800.0, 1800.0, 1800.0]) == (6_000, 2) and share_of_bytes([]) == (None, 0)


def test_what_is_too_long_has_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [sound.duration_s for sound in listen_to_all([str(JFK)], [11.0])[0].values()] == [11.0]
    sounds, [note] = listen_to_all([str(JFK)], [9000.0])
    assert not sounds[str(JFK)].clips and "The sound of the recording" in note
    monkeypatch.setattr(page_sound, "MOST_BYTES", 12_000)  # it is longer than was thought
    sounds, [note] = listen_to_all([str(JFK)], [1.0])
    assert not sounds[str(JFK)].clips and "is left out" in note


def test_a_file_that_has_gone_is_said() -> None:
    sounds, notes = listen_to_all([str(JFK), "gone.wav"], [11.0, 11.0])
    assert list(sounds) == [str(JFK)] and notes == ["gone.wav: does not exist"]
    with pytest.raises(AudioError):
        listen("gone.wav", None)
