"""The end that a header promises, in every format; samples of MP3 files that do not say how many they have."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emotone.audio.kind import kind_of
from emotone.audio.length import ogg_links, promised_bytes
from emotone.audio.read import AudioError, load_audio
from emotone.errors import EmotoneError

RATE_HZ = 44_100
NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ)


def promised(content: bytes) -> int | None:
    return promised_bytes(io.BytesIO(content), kind_of(io.BytesIO(content)))


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".caf", ".w64", ".rf64"])
def test_a_whole_file_promises_its_size(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, NOISE, 48_000)
    content = path.read_bytes()
    assert promised(content) == len(content)
    assert promised(content[: len(content) // 2]) != len(content) // 2


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg"])
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
        (b"caff" + bytes(4) + struct.pack(">4sq", b"desc", 2**63 - 1), None),
        (b"caff" + bytes(4) + struct.pack(">4sq", b"desc", 2**59) + bytes(99), None),
        (b"riff" + bytes(12) + struct.pack("<Q", 2**64 - 1), None),
        (b"RF64" + bytes(16) + struct.pack("<Q", 2**64 - 1), None),
        (b"RF64" + bytes(16) + struct.pack("<Q", 2**33), 8 + 2**33),
    ],
)
def test_headers_by_hand(content: bytes, expected: int | None) -> None:
    assert promised(content) == expected


def test_more_after_the_samples_is_no_matter(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", NOISE, RATE_HZ)
    with open(tmp_path / "a.wav", "ab") as file:
        file.write(b"LIST\x04\x00\x00\x00INFO")
    with open(tmp_path / "a.wav", "rb") as file:
        assert promised_bytes(file, "wav") == 44 + 2 * len(NOISE)
    assert load_audio(tmp_path / "a.wav").shape == (32_000,)


# ---- headers without sizes, and with more before the samples ----------------------------------------------------

PCM = (NOISE[:80_000] * 32_767).astype("<i2").tobytes()
FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
BIG = b"LIST" + struct.pack("<I", 100_000) + b"INFO" + bytes(99_996)
W64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


def wav(before: bytes = b"", size: int = len(PCM), riff: int | None = None, after: bytes = b"") -> bytes:
    body = b"WAVE" + FORMAT + before + b"data" + struct.pack("<I", size) + PCM + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def rf64(size: int) -> bytes:
    sizes = b"ds64" + struct.pack("<IQQQI", 28, size, size, size, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + FORMAT + b"data\xff\xff\xff\xff" + PCM


def w64(size: int) -> bytes:
    name = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + struct.pack("<Q", size)
    chunks = b"wave" + W64_TAIL + b"fmt " + W64_TAIL + struct.pack("<Q", 40) + FORMAT[8:]
    return name + chunks + b"data" + W64_TAIL + struct.pack("<Q", size) + PCM


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("whole.wav", wav()),
        ("crashed.wav", wav(size=0, riff=0)),
        ("crashed behind metadata.wav", wav(BIG, size=0, riff=36)),
        ("metadata.wav", wav(BIG)),
        ("pipe.rf64", rf64(2**64 - 1)),
        ("crashed.rf64", rf64(0)),
        ("pipe.w64", w64(2**64 - 1)),
        ("more behind.wav", wav(after=b"LIST\x04\0\0\0INFO")),
    ],
)
def test_all_that_is_there_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    expected = np.frombuffer(PCM, "<i2").astype(np.float32) / 32_768
    np.testing.assert_array_equal(load_audio(tmp_path / name), expected)
    np.testing.assert_array_equal(load_audio(tmp_path / name, 1.0, 2.0), expected[16_000:32_000])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (wav(BIG)[: -len(PCM) // 2], "is truncated"),
        (rf64(2**33), "is truncated"),
        (w64(2**33), "is truncated"),
        (wav(after=wav()), "holds a second recording behind its end"),
        (wav(size=0)[: -len(PCM)], "holds no samples"),  # whose header counts right
        (wav(size=0, after=b"LIST\x04\0\0\0INFO"), "holds no samples"),
    ],
)
def test_all_of_a_file_or_an_error(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=words):
        load_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("size", [2**30 + 64_000, 0xFFFF_FFFF, 0x7FFF_FFFF, 0])
def test_a_wav_of_more_than_its_sizes_can_say(tmp_path: Path, size: int) -> None:
    """Five GB of silence that take no room, and a second of sound at the end."""
    length = 5 * 2**30 + 64_000
    with open(tmp_path / "a.wav", "wb") as file:
        file.write(wav(size=size)[: -len(PCM)])
        start = file.tell()
        file.seek(start + length - 32_000)
        file.write(PCM[:32_000])
    begin_s = length / 32_000 - 1
    found = load_audio(tmp_path / "a.wav", begin_s, begin_s + 2)
    np.testing.assert_array_equal(found, np.frombuffer(PCM[:32_000], "<i2").astype(np.float32) / 32_768)


@pytest.mark.parametrize(("first", "second"), [(2, 0x55)])
def test_mp3_in_wav_is_counted(tmp_path: Path, first: int, second: int) -> None:
    soundfile.write(tmp_path / "a.mp3", NOISE, 16_000)
    mp3 = (tmp_path / "a.mp3").read_bytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 30, second, 1, 16_000, 4_000, 1, 0) + bytes(14)
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(mp3)) + mp3
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert abs(len(load_audio(tmp_path / "a.wav")) - len(load_audio(tmp_path / "a.mp3"))) < first * 1_152


# ---- Ogg --------------------------------------------------------------------------------------------------------


def ogg(path: Path, seconds: float, kind: str, rate_hz: int = 48_000) -> bytes:
    soundfile.write(path, tone(seconds, rate_hz), rate_hz, format="OGG", subtype=kind)
    return path.read_bytes()


def tone(seconds: float, rate_hz: int) -> NDArray[np.float64]:
    """A tone whose last tenth is twice as loud."""
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate_hz)) / rate_hz)
    samples[int(0.9 * len(samples)) :] *= 2
    return samples


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_chained_ogg_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    links = [ogg(tmp_path / "a.ogg", seconds, kind) for seconds in (2.0, 1.0, 3.0)]
    (tmp_path / "chain.ogg").write_bytes(b"".join(links))
    chain = load_audio(tmp_path / "chain.ogg")
    assert abs(len(chain) - 6 * 16_000) < 32
    for end_s in (2.0, 3.0, 6.0):  # where the loud ends are
        assert np.abs(chain[int(16_000 * (end_s - 0.05)) :][:500]).max() > 0.5
    np.testing.assert_allclose(load_audio(tmp_path / "chain.ogg", 1.5, 4.5)[500:-500], chain[24_500:71_500], atol=1e-3)
    assert ogg_links(b"".join(links)) == [0, len(links[0]), len(links[0]) + len(links[1])]


def test_a_link_of_another_rate_is_refused(tmp_path: Path) -> None:
    first, second = ogg(tmp_path / "a.ogg", 1.0, "VORBIS"), ogg(tmp_path / "b.ogg", 1.0, "VORBIS", 16_000)
    (tmp_path / "a.ogg").write_bytes(first + second)
    with pytest.raises(AudioError, match=r"changes its rate from 48000 to 16000 Hz after 1.0 s"):
        load_audio(tmp_path / "a.ogg")


def test_links_by_hand() -> None:
    page, first = b"OggS" + bytes(22) + b"\x02\x0a\x0b" + bytes(21), b"OggS\0\x02" + bytes(20) + b"\x01\x03abc"
    assert ogg_links(first + page + b"junk" + page) == [0]
    assert ogg_links(first + first + page) == [0]  # two streams that begin together
    assert ogg_links(first + page + first + page) == [0, len(first + page)]
    with pytest.raises(EmotoneError, match=f"is truncated: its last page promises {len(page)} bytes"):
        ogg_links(page[:-5])
