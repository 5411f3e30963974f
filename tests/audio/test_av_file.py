"""What only PyAV reads: by content, all of it, and at the times of the recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.audio.av_file import LONGEST_HOLE_S
from emotone.audio.read import AudioError, load_audio, read_native_blocks
from emotone.predict.predictor import Predictor
from emotone.predict.retrieve.findings import Moment
from emotone.predict.retrieve.output import _write_clip

av = pytest.importorskip("av")
RATE_HZ = 48_000
CLICKS_S = (0.5, 1.25)


def clicks(rate_hz: int = RATE_HZ) -> np.ndarray:
    """Two seconds of faint noise, with bursts of 10 ms."""
    samples = np.random.default_rng(0).normal(0, 0.003, 2 * rate_hz).astype(np.float32)
    for click_s in CLICKS_S:
        samples[int(click_s * rate_hz) :][: rate_hz // 100] = 0.8
    return samples


def write(
    path: Path, name: str, codec: str, shift_s: Callable[[float], float] = lambda time_s: 0.0, layout: str = "mono"
) -> Path:
    """The clicks in a container, every packet later by what `shift_s` says of its time."""
    with av.open(path, "w", format=name) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout=layout)
        form = stream.codec_context.codec.audio_formats[0].name
        samples = clicks()

        def mux(frame: Any) -> None:
            for packet in stream.encode(frame):
                late = round(shift_s(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts, packet.dts = packet.pts + late, packet.dts + late
                container.mux(packet)

        for start in range(0, len(samples), 960):
            block = np.repeat(samples[None, start : start + 960], 2 if layout == "stereo" else 1, axis=0)
            if form[0] == "s":
                block = (block * 32_767).astype(np.int16 if form.startswith("s16") else np.int32)
                block = block << 16 if form.startswith("s32") else block
            block = block if form.endswith("p") else np.ascontiguousarray(block.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format=form, layout=layout)
            frame.sample_rate, frame.pts = RATE_HZ, start
            mux(frame)
        mux(None)
    return path


def found_s(samples: np.ndarray) -> list[float]:
    """Where the clicks are."""
    places = np.flatnonzero(np.abs(samples) > 0.4)
    return [float(group[0]) / 16_000 for group in np.split(places, np.flatnonzero(np.diff(places) > 1_600) + 1)]


def decoded_s(path: Path) -> float:
    """Seconds of all frames, by PyAV alone."""
    with av.open(path) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.mark.parametrize(
    ("suffix", "name", "codec"),
    [
        ("mov", "mov", "aac"),
        ("m4b", "mp4", "aac"),
        ("ts", "mpegts", "aac"),
        ("mp3", "adts", "aac"),
        ("wav", "matroska", "flac"),
    ]
    + [("avi", "avi", "mp2"), ("wmv", "asf", "mp2"), ("ogg", "webm", "libopus"), ("m4a", "mp4", "alac")],
)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_content_decides_not_the_suffix(tmp_path: Path, suffix: str, name: str, codec: str, layout: str) -> None:
    path = write(tmp_path / f"a.{suffix}", name, codec, layout=layout)
    samples = load_audio(path)
    assert abs(len(samples) / 16_000 - decoded_s(path)) < 0.002
    np.testing.assert_allclose(
        found_s(samples), CLICKS_S, atol=0.06
    )  # aac in ts: nobody says what its coder put before


@pytest.mark.parametrize(
    ("name", "codec"), [("matroska", "flac"), ("matroska", "libopus"), ("mp4", "aac"), ("mov", "alac")]
)
def test_a_late_start_is_silence(tmp_path: Path, name: str, codec: str) -> None:
    path = write(tmp_path / "a.x", name, codec, lambda time_s: 3.0)
    samples = load_audio(path)
    assert abs(len(samples) / 16_000 - 3.0 - decoded_s(path)) < 0.05
    np.testing.assert_allclose(found_s(samples), [3 + click_s for click_s in CLICKS_S], atol=0.01)
    np.testing.assert_allclose(found_s(load_audio(path, 4.0, 4.5)), [0.25], atol=0.01)
    np.testing.assert_allclose(load_audio(path, 0.0, 2.0), np.zeros(32_000), atol=0)


@pytest.mark.parametrize(
    ("name", "codec"), [("matroska", "flac"), ("mp4", "aac"), ("mpegts", "aac"), ("matroska", "libopus")]
)
def test_a_hole_is_silence(tmp_path: Path, name: str, codec: str) -> None:
    path = write(tmp_path / "a.x", name, codec, lambda time_s: 5.0 if time_s > 1.0 else 0.0)
    samples = load_audio(path)
    assert abs(len(samples) / 16_000 - 5.0 - decoded_s(path)) < 0.05
    np.testing.assert_allclose(found_s(samples), [CLICKS_S[0], 5 + CLICKS_S[1]], atol=0.06)


def test_windows_have_the_times_of_the_recording(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", "matroska", "flac", lambda time_s: 4.0)
    windows = Predictor.load("default").predict(path, window_s=1.0, hop_s=1.0).windows
    assert windows is not None
    is_silent = [error == "is silent" for error in windows.errors]
    assert is_silent[:3] == [True] * 3 and is_silent[4:] == [False] * 2  # the resampler rings before the first sound
    rates_hz = {rate_hz for _, rate_hz in read_native_blocks(path)}
    assert rates_hz == {RATE_HZ}  # of clips, too


def test_clips_are_cut_at_the_times_of_the_recording(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", "matroska", "flac", lambda time_s: 4.0 if time_s > 1.0 else 0.0)
    _write_clip(tmp_path / "clip.wav", Moment(str(path), 5.0, 5.5, score=1.0, confidence=1.0, speech=1.0))
    clip, rate_hz = soundfile.read(tmp_path / "clip.wav")
    assert (len(clip), rate_hz) == (RATE_HZ // 2, RATE_HZ)
    assert np.flatnonzero(np.abs(clip) > 0.4)[0] / rate_hz == pytest.approx(4 + CLICKS_S[1] - 5.0, abs=0.002)


def test_a_clock_that_is_set_back_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", "mpegts", "aac", lambda time_s: 100.0)  # a broadcast's clock begins anywhere
    np.testing.assert_allclose(found_s(load_audio(path)), CLICKS_S, atol=0.06)


def test_a_hole_of_hours_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", "matroska", "flac", lambda time_s: 2 * LONGEST_HOLE_S if time_s > 1 else 0)
    with pytest.raises(AudioError, match=r"has a hole of 14400 s after 1.1 s"):
        load_audio(path)


def test_late_audio_that_ends_early_is_truncated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", "matroska", "flac", lambda time_s: 3.0)
    data = path.read_bytes()
    for share in (0.4, 0.8):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(AudioError, match="is truncated|cannot be read"):
            load_audio(path)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\nsecret.aac\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.aac\n",
    ],
)
@pytest.mark.parametrize("suffix", ["m4a", "aac", "mkv", "m3u8", "ts"])
def test_no_other_file_is_read(tmp_path: Path, playlist: str, suffix: str) -> None:
    write(tmp_path / "secret.aac", "adts", "aac")
    (tmp_path / f"list.{suffix}").write_text(playlist)
    with pytest.raises(AudioError, match="is not audio that can be read"):
        load_audio(tmp_path / f"list.{suffix}")


def test_metadata_of_another_encoding_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("flac", rate=RATE_HZ, layout="mono")
        container.metadata["title"] = "QQQQQQQQ"
        frame = av.AudioFrame.from_ndarray((clicks() * 32_767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"QQQQQQQQ", b"Gr\xfc\xdfe\xff\xfe\x80"))
    np.testing.assert_allclose(found_s(load_audio(path)), CLICKS_S, atol=0.01)
