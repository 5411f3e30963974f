"""Frames of MP3 files, counted: joined ones, those without a header, tags in between; clicks are where they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.mp3 import find_frames, mended_mp3
from emotone.audio.read import AudioError, load_audio
from emotone.errors import EmotoneError

RATE_HZ = 44_100
CLICKS_S = (0.5, 1.3, 2.6)
ID3 = b"ID3\x04\0\0\0\0\x10\0" + b"Info" * 512
ID3_WITH_FOOTER = b"ID3\x04\0\x10\0\0\x10\0" + b"\xff\xfb\x90\0" * 512 + b"3DI\x04\0\x10\0\0\x10\0"
APE = b"APETAGEX" + bytes(600) + b"APETAGEX" + bytes(24)


def clicks(rate_hz: int = RATE_HZ) -> np.ndarray:
    """Three seconds of faint noise, with bursts of 5 ms."""
    samples = np.random.default_rng(0).normal(0, 0.003, 3 * rate_hz)
    for click_s in CLICKS_S:
        samples[int(click_s * rate_hz) :][: rate_hz // 200] = 0.8
    return samples


def encode(path: Path, mode: str = "VARIABLE", rate_hz: int = RATE_HZ, **options: str) -> bytes:
    """An MP3 of the clicks whose parts need many bits or few."""
    soundfile.write(path, clicks(rate_hz), rate_hz, bitrate_mode=mode, compression_level=0.5, format="MP3", **options)
    return path.read_bytes()


def found_s(path: Path) -> list[float]:
    """Where the clicks are."""
    envelope = np.abs(load_audio(path))
    places = np.flatnonzero(envelope > 0.4)
    return [float(group[0]) / 16_000 for group in np.split(places, np.flatnonzero(np.diff(places) > 1_600) + 1)]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("between", [b"", ID3, ID3_WITH_FOOTER, b"TAG" + bytes(125), APE, bytes(5_000)])
def test_joined_files_are_read_to_the_end(tmp_path: Path, mode: str, between: bytes) -> None:
    one, path = encode(tmp_path / "one.mp3", mode), tmp_path / "joined.mp3"
    path.write_bytes(one + between + one)
    duration_s = len(load_audio(path)) / 16_000
    assert 6.0 <= duration_s < 6.1
    np.testing.assert_allclose(found_s(path), [*CLICKS_S, *(3 + click_s for click_s in CLICKS_S)], atol=0.05)
    np.testing.assert_allclose(found_s(path)[:3], found_s(tmp_path / "one.mp3"), atol=1e-4)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate_hz", [44_100, 22_050, 8_000])
@pytest.mark.parametrize("before", [b"", ID3, ID3_WITH_FOOTER])
def test_without_a_count_all_frames_are_counted(tmp_path: Path, mode: str, rate_hz: int, before: bytes) -> None:
    """Many text-to-speech services write such files; libsndfile can only guess their length."""
    counted = encode(tmp_path / "counted.mp3", mode, rate_hz)
    frames = find_frames(counted)
    assert frames is not None and frames.counting and frames.rate_hz == rate_hz
    path = tmp_path / "a.mp3"
    path.write_bytes(before + counted[frames.spans[0][0] :] + b"TAG" + bytes(125))
    assert abs(len(load_audio(path)) / 16_000 - frames.num_samples / rate_hz) < 0.1
    np.testing.assert_allclose(found_s(path), CLICKS_S, atol=0.2)  # a coder's delay, which nothing says


def test_a_header_of_the_other_kind_counts_no_sound(tmp_path: Path) -> None:
    """Fraunhofer's encoders write VBRI, of which the decoder is not told."""
    counted = encode(tmp_path / "a.mp3")
    frames = find_frames(counted)
    assert frames is not None
    first = bytearray(counted[: frames.spans[0][0]])
    first[4:] = (bytes(32) + b"VBRI").ljust(len(first) - 4, b"\0")
    (tmp_path / "vbri.mp3").write_bytes(first + counted[frames.spans[0][0] :])
    found = find_frames((tmp_path / "vbri.mp3").read_bytes())
    assert found is not None and found.num_samples == frames.num_samples and found.counting[36:40] == b"VBRI"
    assert abs(len(load_audio(tmp_path / "vbri.mp3")) / 16_000 - frames.num_samples / RATE_HZ) < 0.05


def test_one_that_begins_within_a_frame_is_read(tmp_path: Path) -> None:
    (tmp_path / "radio.mp3").write_bytes(encode(tmp_path / "a.mp3", "CONSTANT")[5_000:])
    assert 2.0 < len(load_audio(tmp_path / "radio.mp3")) / 16_000 < 3.0


def test_a_whole_file_is_left_as_it_is(tmp_path: Path) -> None:
    one = encode(tmp_path / "a.mp3")
    for whole in (one, ID3 + one, ID3_WITH_FOOTER + one, one + b"TAG" + bytes(125)):
        assert mended_mp3(whole) == []
    assert abs(len(load_audio(tmp_path / "a.mp3")) - 48_000) < 16


def test_two_lengths_that_differ(tmp_path: Path) -> None:
    one = encode(tmp_path / "a.mp3")
    place = one.index(b"Xing") + 8
    num_frames = int.from_bytes(one[place : place + 4], "big")
    (tmp_path / "cut.mp3").write_bytes(one[: len(one) // 2])
    with pytest.raises(AudioError, match=f"is truncated: its header promises {num_frames} frames, it has "):
        load_audio(tmp_path / "cut.mp3")
    for count in (num_frames // 3, 3 * num_frames):
        wrong = bytearray(one)
        wrong[place : place + 4] = count.to_bytes(4, "big")
        (tmp_path / "wrong.mp3").write_bytes(bytes(5) + wrong if count < num_frames else wrong)
        (tmp_path / "wrong.mp3").write_bytes(wrong)
        with pytest.raises(AudioError, match="is truncated|holds more than"):
            load_audio(tmp_path / "wrong.mp3")


def test_another_rate_behind_the_first_is_refused(tmp_path: Path) -> None:
    both = encode(tmp_path / "a.mp3") + encode(tmp_path / "b.mp3", rate_hz=22_050)
    (tmp_path / "both.mp3").write_bytes(both)
    with pytest.raises(AudioError, match=r"changes its rate from 44100 to 22050 Hz after 3\.\d s"):
        load_audio(tmp_path / "both.mp3")


def test_what_is_no_mp3_has_no_frames() -> None:
    assert find_frames(b"") is None and find_frames(bytes(10_000)) is None
    assert find_frames(b"\xff\xfb\x90") is None and mended_mp3(np.random.default_rng(0).bytes(50_000)) == []
    with pytest.raises(EmotoneError, match="most of it is no MP3"):
        find_frames(b"\xff\xfa" * 200_000)
