"""The end that a header promises, in every format; samples of MP3 files that do not say how many they have."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emotone.audio.length import count_mp3_samples, promised_bytes
from emotone.audio.read import AudioError, load_audio

RATE_HZ = 44_100
NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ)


def promised(content: bytes) -> int | None:
    return promised_bytes(io.BytesIO(content))


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".caf", ".w64", ".rf64", ".ogg", ".opus"])
def test_a_whole_file_promises_its_size(tmp_path: Path, suffix: str) -> None:
    options = {"format": "OGG", "subtype": "OPUS"} if suffix == ".opus" else {}
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, NOISE, 48_000, **options)
    content = path.read_bytes()
    assert promised(content) == len(content)
    assert promised(content[: len(content) // 2]) != len(content) // 2


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_formats_left_to_their_decoders_promise_nothing(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"a{suffix}", NOISE, RATE_HZ)
    assert promised((tmp_path / f"a{suffix}").read_bytes()) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", None),
        (b"This is a text file.\n" * 100, None),
        (b"RIFF" + bytes(4) + b"WAVE", None),  # no chunk at all
        (b"RIFF" + bytes(4) + b"WAVE" + struct.pack("<4sI", b"data", 100), 20 + 100),
        (b"RIFF" + bytes(4) + b"WAVE" + struct.pack("<4sI3sx4sI", b"LIST", 3, b"abc", b"data", 6), 32 + 6),  # padded
        (b"RIFF" + bytes(4) + b"WAVE" + struct.pack("<4sI", b"data", 0), None),  # to a pipe
        (b"RIFF" + bytes(4) + b"WAVE" + struct.pack("<4sI", b"data", 0xFFFF_FFFF), None),
        (b"FORM" + struct.pack(">I", 50) + b"AIFF", 8 + 50),
        (b".snd" + struct.pack(">II", 24, 1_000), 24 + 1_000),
        (b".snd" + struct.pack(">II", 24, 0xFFFF_FFFF), None),
        (b".snd" + bytes(3), None),  # cut off within the header
        (b"caff" + bytes(4) + struct.pack(">4sq", b"data", -1), None),  # to the end, wherever that is
        (b"OggS" + bytes(22) + b"\x02" + b"\x0a\x0b" + bytes(21), 29 + 21),
        (b"OggS" + bytes(22) + b"\x02" + b"\x0a\x0b" + bytes(3), 29 + 21),
    ],
)
def test_headers_by_hand(content: bytes, expected: int | None) -> None:
    assert promised(content) == expected


def test_more_after_the_samples_is_no_matter(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", NOISE, RATE_HZ)
    with open(tmp_path / "a.wav", "ab") as file:
        file.write(b"LIST\x04\x00\x00\x00INFO")
    with open(tmp_path / "a.wav", "rb") as file:
        assert promised_bytes(file) == 44 + 2 * len(NOISE)
    assert load_audio(tmp_path / "a.wav").shape == (32_000,)


# ---- MP3 --------------------------------------------------------------------------------------------------------


def without_count(path: Path, samples: NDArray[np.float64], mode: str) -> Path:
    """An MP3 whose first frame, the one with the number of frames, is left out."""
    soundfile.write(path, samples, RATE_HZ, bitrate_mode=mode, compression_level=0.5)
    data = path.read_bytes()
    bit_rate = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[data[2] >> 4] * 1_000
    path.write_bytes(data[144 * bit_rate // RATE_HZ + (data[2] >> 1 & 1) :])
    return path


def test_samples_are_counted_where_no_header_does(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "counted.mp3", NOISE, RATE_HZ)
    with open(tmp_path / "counted.mp3", "rb") as file:
        assert count_mp3_samples(file) is None
    for mode in ("CONSTANT", "VARIABLE"):
        with open(without_count(tmp_path / "a.mp3", NOISE, mode), "rb") as file:
            counted = count_mp3_samples(file)
        assert counted is not None and counted % 1152 == 0 and 0 <= counted - len(NOISE) < 4 * 1152


@pytest.mark.parametrize("before", [b"", b"ID3\x03\0\0\0\0\x10\0" + b"Info" * 512])
@pytest.mark.parametrize("after", [b"", b"TAG" + bytes(125)])
def test_mp3_without_a_frame_count_is_whole(tmp_path: Path, before: bytes, after: bytes) -> None:
    """Many text-to-speech services write such files; libsndfile can only guess their length."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE_HZ) / RATE_HZ)
    path = without_count(tmp_path / "a.mp3", tone, "CONSTANT")
    path.write_bytes(before + path.read_bytes() + after)
    assert 4.0 <= len(load_audio(path)) / 16_000 < 4.1


def test_mp3_whose_end_would_be_lost_is_refused(tmp_path: Path) -> None:
    loud_start = np.random.default_rng(0).normal(0, 0.3, RATE_HZ * 5)
    loud_start[RATE_HZ:] *= 1e-4
    with pytest.raises(AudioError, match="variable bit rate"):
        load_audio(without_count(tmp_path / "a.mp3", loud_start, "VARIABLE"))
