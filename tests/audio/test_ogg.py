"""Ogg files against libsndfile's own, written at once, page by page; what they sound like; their rates."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from voices import spoken

from emotone.audio.ogg import ENCODER_RATES, Codec, OggEncoder, encode_ogg


def unnumbered(content: bytes) -> bytes:
    """An Ogg file without the random number of its stream, and the checksums of pages, in which that is (RFC 3533)."""
    found, place = bytearray(content), 0
    while place < len(found):
        assert found[place : place + 4] == b"OggS"
        found[place + 14 : place + 18] = found[place + 22 : place + 26] = struct.pack("<I", 0)
        num_segments = found[place + 26]
        place += 27 + num_segments + sum(found[place + 27 : place + 27 + num_segments])
    return bytes(found)


def at_once(samples: np.ndarray, codec: Codec, **options: float) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, samples, 16_000, format="OGG", subtype=codec.upper(), **options)
    return held.getvalue()


@pytest.mark.parametrize("codec", ["opus", "vorbis"])
def test_blocks_make_the_file_that_is_written_at_once(codec: Codec) -> None:
    samples = spoken(3.3)
    encoder = OggEncoder(codec)
    for block in np.array_split(samples, 7):
        encoder.add(block)
    content = encoder.close()
    assert len(content) == pytest.approx(len(at_once(samples, codec)), rel=0.01)
    if codec == "opus":  # Vorbis looks at blocks as they come
        assert unnumbered(content) == unnumbered(encode_ogg(samples, codec)) == unnumbered(at_once(samples, codec))
    heard, rate_hz = soundfile.read(io.BytesIO(content))
    assert (len(heard), rate_hz) == (len(samples), 16_000) and np.corrcoef(heard, samples)[0, 1] > 0.95


@pytest.mark.parametrize("rate", [6_000, 24_000, 256_000])
def test_opus_has_about_the_rate_that_is_asked_for(rate: int) -> None:
    low, high = ENCODER_RATES
    samples = spoken(5.0)
    content = encode_ogg(samples, "opus", rate)
    assert unnumbered(content) == unnumbered(at_once(samples, "opus", compression_level=(high - rate) / (high - low)))
    assert 0.3 * rate < 8 * len(content) / 5.0 < 1.5 * rate


def test_minutes_of_vorbis_are_whole() -> None:
    samples = np.tile(spoken(10.0), 12)
    assert soundfile.info(io.BytesIO(encode_ogg(samples, "vorbis"))).frames == len(samples)


def test_nothing_is_a_file_without_sound() -> None:
    assert soundfile.info(io.BytesIO(encode_ogg(np.zeros(0, np.float32), "vorbis"))).frames == 0
