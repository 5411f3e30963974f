"""Bare samples: formats against soundfile's, odd ends, and what cannot be."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from emotone.audio.pcm import PcmReader
from emotone.errors import EmotoneError


@pytest.mark.parametrize(("form", "subtype"), [("s16", "PCM_16"), ("s32", "PCM_32"), ("f32", "FLOAT")])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_those_of_the_same_wav(form: str, subtype: str, channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (5_000, channels)).astype(np.float32)
    wav, raw = io.BytesIO(), io.BytesIO()
    soundfile.write(wav, samples, 16_000, subtype, format="WAV")
    soundfile.write(raw, samples, 16_000, subtype, endian="LITTLE", format="RAW")
    expected, _ = soundfile.read(io.BytesIO(wav.getvalue()), dtype="float32")
    reader = PcmReader(io.BytesIO(raw.getvalue()), 16_000, form, channels)
    np.testing.assert_array_equal(np.concatenate(list(reader)), expected)
    assert reader.note == ""


class Dripping(io.RawIOBase):
    """A pipe that gives a few bytes at once, as they come."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7))


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_bytes_come_as_they_like_and_a_dropped_one_is_noted(lost: int) -> None:
    data = np.arange(100, dtype="<i4").tobytes()
    reader = PcmReader(Dripping(data[: len(data) - lost]), 8_000, "s32")
    found = np.concatenate(list(reader)) * 2.0**31
    assert found.tolist() == list(range(100 - bool(lost)))
    assert reader.note == (
        "" if not lost else f"ends within a sample ({4 - lost} byte{'s are' * (lost < 3) or ' is'} left out)"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((16_000, "s24"), "s24.*known: f32, s16, s32"),
        ((16, "s16"), "the stream has a rate of 16 Hz.*not in kHz"),
        ((16_000, "s16", 0), "from 1 to 64 channels, not 0"),
    ],
)
def test_what_cannot_be_is_refused(settings: tuple[int, str], words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        PcmReader(io.BytesIO(b""), *settings)


@pytest.mark.parametrize(("kind", "head"), [("WAV", "RIFF"), ("FLAC", "fLaC"), ("OGG", "OggS"), ("AIFF", "FORM")])
def test_a_file_with_a_header_is_not_heard_as_samples(kind: str, head: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000), 16_000, format=kind)
    with pytest.raises(EmotoneError, match=f"begins with the header of a file .{head}.*emotone predict reads files"):
        list(PcmReader(io.BytesIO(file.getvalue()), 16_000))
    samples = b"\0\0" + file.getvalue()
    assert list(PcmReader(io.BytesIO(samples), 16_000)), "what comes later is samples, whatever it looks like"
