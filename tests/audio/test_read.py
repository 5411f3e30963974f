"""Audio of every format, rate and kind of damage: the same samples, or one clear line."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from emotone.audio.read import (
    RATE_HZ,
    AudioError,
    count_channels,
    from_array,
    load_audio,
    read_blocks,
    read_native_blocks,
)
from emotone.audio.sound_file import UnknownFormatError

Floats = NDArray[np.floating]
PCM_TYPES = {"PCM_U8": 7, "PCM_16": 15, "PCM_24": 23, "PCM_32": 31, "FLOAT": 24, "DOUBLE": 24}


def tone(duration_s: float = 1.0, rate_hz: int = RATE_HZ, pitch_hz: float = 440.0) -> NDArray[np.float64]:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * pitch_hz * time_s)


def wav_bytes(samples: NDArray[np.int16]) -> bytes:
    """A WAV of 16-bit samples at 16 kHz, whose header is 44 bytes."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV")
    return file.getvalue()


def refused(path: str | Path, *words: str) -> None:
    """Loading fails with one line that begins with the file and has the words."""
    with pytest.raises(AudioError) as caught:
        load_audio(path)
    line = str(caught.value)
    assert "\n" not in line and line.endswith(caught.value.reason)
    assert caught.value.path == os.fspath(path)
    assert any(word in line for word in words), line


# ---- every format gives the samples that went in ----------------------------------------------------------------


@pytest.mark.parametrize("subtype", PCM_TYPES)
def test_wav_of_every_sample_type(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE_HZ, subtype=subtype)
    samples = load_audio(tmp_path / "a.wav")
    assert samples.dtype == np.float32 and samples.shape == (RATE_HZ,)
    np.testing.assert_allclose(samples, tone(), atol=2.0 ** -PCM_TYPES[subtype])


@pytest.mark.parametrize("suffix", [".flac", ".aiff", ".au", ".caf", ".w64", ".rf64"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"a{suffix}", tone(), RATE_HZ)
    np.testing.assert_allclose(load_audio(tmp_path / f"a{suffix}"), tone(), atol=2.0**-15)


@pytest.mark.parametrize(
    ("name", "rate_hz", "options"),
    [
        ("a.mp3", 44_100, {}),
        ("a.mp3", 16_000, {}),
        ("a.ogg", 44_100, {}),
        ("a.opus", 48_000, {"format": "OGG", "subtype": "OPUS"}),
    ],
)
def test_lossy_formats(tmp_path: Path, name: str, rate_hz: int, options: dict[str, str]) -> None:
    soundfile.write(tmp_path / name, tone(2.0, rate_hz), rate_hz, **options)
    samples = load_audio(tmp_path / name)
    assert abs(len(samples) - 2 * RATE_HZ) <= 1
    inner = slice(1000, 31_000)  # coders smear the ends
    np.testing.assert_allclose(samples[inner], tone(2.0)[inner], atol=0.02)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_resampling_equals_one_call_of_soxr(tmp_path: Path, rate_hz: int) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * rate_hz + 7).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT")
    expected = soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ")
    loaded = load_audio(tmp_path / "a.wav")
    assert loaded.shape == expected.shape
    np.testing.assert_allclose(loaded, expected, atol=1e-6)
    np.testing.assert_allclose(from_array(samples, rate_hz), expected, atol=1e-6)


@pytest.mark.parametrize("num_channels", [2, 6])
def test_channels_are_averaged(tmp_path: Path, num_channels: int) -> None:
    channels = np.random.default_rng(1).uniform(-0.9, 0.9, (4_000, num_channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", channels, RATE_HZ, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav"), channels.mean(axis=1), atol=1e-7)
    np.testing.assert_allclose(from_array(channels, RATE_HZ), channels.mean(axis=1), atol=1e-7)


def test_channels_that_cancel_are_told_and_one_is_read(tmp_path: Path) -> None:
    """One channel upside down, each with noise of its own 30 dB below: the mean would be the noise alone."""
    rng, notes = np.random.default_rng(1), []
    noise = 0.01 * rng.normal(size=(2, RATE_HZ))
    soundfile.write(tmp_path / "a.wav", np.stack([tone() + noise[0], -1.1 * tone() + noise[1]], 1), RATE_HZ, "FLOAT")
    [samples] = read_blocks(tmp_path / "a.wav", notes=notes)
    assert np.corrcoef(samples, tone())[0, 1] < -0.99  # the louder one, as it is
    assert len(notes) == 1 and "since the channels cancel" in notes[0]
    stereo, notes = np.stack([tone(), -tone()], 1), []
    np.testing.assert_allclose(from_array(stereo, RATE_HZ, notes), tone(), atol=1e-6)
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("name", "rate_hz"),
    [("a.flac", 16_000), ("a.flac", 44_100), ("a.mp3", 16_000), ("a.mp3", 44_100), ("a.ogg", 16_000)],
)
def test_blocks_make_up_the_whole(tmp_path: Path, name: str, rate_hz: int) -> None:
    soundfile.write(tmp_path / name, tone(2.1, rate_hz), rate_hz)
    whole = load_audio(tmp_path / name)
    np.testing.assert_allclose(whole[2_000:32_000], tone(2.1)[2_000:32_000], atol=0.02)
    for block_s in (0.01, 0.37, 1.0):
        blocks = list(read_blocks(tmp_path / name, block_s=block_s))
        assert all(len(block) for block in blocks)
        np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"])
def test_part_of_a_file(tmp_path: Path, name: str) -> None:
    options = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
    soundfile.write(tmp_path / name, tone(3.0), RATE_HZ, **options)
    whole = load_audio(tmp_path / name)
    part = load_audio(tmp_path / name, 0.5, 1.25)
    assert part.shape == (12_000,)
    np.testing.assert_allclose(part, whole[8_000:20_000], atol=1e-4)
    np.testing.assert_allclose(load_audio(tmp_path / name, 2.5), whole[40_000:], atol=1e-4)
    np.testing.assert_array_equal(load_audio(tmp_path / name, 0.0, 99.0), whole)


def test_shared_speech_in_its_own_formats(shared: Path) -> None:
    for file, duration_s in {
        "emodb/wav/03a01Fa.flac": 1.898,
        "librispeech/2609/156975/2609-156975-0000.flac": 0,
    }.items():
        path = next((shared / "data").rglob(Path(file).name))
        samples = load_audio(path)
        assert np.abs(samples).max() <= 1 and (not duration_s or abs(len(samples) / RATE_HZ - duration_s) < 0.01)


# ---- loudness ---------------------------------------------------------------------------------------------------


def test_a_small_overshoot_is_clipped_and_another_scale_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", 3 * tone(), RATE_HZ, subtype="FLOAT")
    samples = load_audio(tmp_path / "loud.wav")
    np.testing.assert_allclose(samples, np.clip(3 * tone(), -1, 1), atol=1e-6)
    soundfile.write(tmp_path / "int.wav", 20_000 * tone(), RATE_HZ, subtype="FLOAT")
    refused(tmp_path / "int.wav", "up to 10000; they must lie in [-1, 1]")


def test_full_scale_does_not_wrap_in_opensmile(tmp_path: Path) -> None:
    """+1.0 becomes -32768 in openSMILE's 16-bit samples; the square wave must equal one clipped to 32767/32768."""
    pytest.importorskip("opensmile")
    from emotone.features.extractors.lld import Lld

    square = np.sign(np.sin(np.arange(8_000) / 20) + 1e-9).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", square, RATE_HZ, subtype="FLOAT")
    samples = load_audio(tmp_path / "a.wav")
    assert samples.max() == 1.0
    feature = Lld(extractor="opensmile")
    np.testing.assert_array_equal(feature(samples), feature(np.minimum(square, np.float32(32_767 / 32_768))))


# ---- short, and next to nothing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("num_samples", [320, 800])
def test_short_files(tmp_path: Path, num_samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(num_samples, 0.25), RATE_HZ)
    assert load_audio(tmp_path / "a.wav").shape == (num_samples,)


@pytest.mark.parametrize(
    ("num_samples", "rate_hz"), [(1, 16_000), (1, 48_000), (80, 16_000), (240, 48_000), (319, 16_000)]
)
def test_too_little_to_hear_is_refused(tmp_path: Path, num_samples: int, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(num_samples, 0.25), rate_hz)
    refused(tmp_path / "a.wav", "there is nothing to hear in less than 20 ms")
    with pytest.raises(AudioError, match="nothing to hear"):
        from_array(np.full(num_samples, 0.25), rate_hz)


@pytest.mark.parametrize("rate_hz", [1, 3_999, 768_001, 2**31 - 1])
def test_rates_that_no_sound_has_are_refused(tmp_path: Path, rate_hz: int) -> None:
    wav = bytearray(wav_bytes(np.zeros(4_000, "<i2")))
    wav[24:28] = rate_hz.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(wav)
    refused(tmp_path / "a.wav", "it must be from 4000 to 768000 Hz")
    for given in (rate_hz, float(rate_hz)):
        with pytest.raises(AudioError, match="it must be from 4000 to 768000 Hz"):
            from_array(np.zeros(1_000), given)


def test_a_rate_in_khz_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"rate of 44.1 Hz; .*in Hz, not in kHz"):
        from_array(np.zeros(1_000), 44.1)
    for odd in ("44100", None, float("nan")):
        with pytest.raises(AudioError, match="rate"):
            from_array(np.zeros(1_000), odd)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".aiff"])
def test_header_without_samples(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"a{suffix}", np.zeros(0), RATE_HZ)
    refused(tmp_path / f"a{suffix}", "holds no samples", "is not audio")


# ---- what is no audio -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.wav", b"This is a text file.\n" * 100),
        ("a.mp3", b"This is a text file.\n" * 100),
        ("a.flac", np.random.default_rng(3).bytes(5_000)),
        ("a.ogg", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(500)),
        ("a.raw", bytes(1_000)),
        ("a.wav", b"R"),
        ("a.wav", b"RIFF" + bytes(4) + b"WAVE"),
        ("a.wav", b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff"),
        ("a.aiff", b"FORM\x00\x00"),
        ("a.au", b".snd"),
        ("a.caf", b"caff\x00\x01\x00\x00desc"),
        ("a.ogg", b"OggS" + bytes(30)),
        ("a.flac", b"fLaC"),
    ],
)
def test_not_audio(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, "is not audio that can be read", "is damaged or truncated", "is truncated")


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    refused(tmp_path / "missing.wav", "does not exist")
    refused(tmp_path / "missing" / "a.wav", "does not exist")
    refused(tmp_path / "empty.wav" / "a.wav", "Not a directory")
    refused(tmp_path / "link.wav", "does not exist")
    refused(tmp_path / "loop.wav", "symbolic links")
    refused(tmp_path / "empty.wav", "is empty")
    refused(tmp_path / "folder.wav", "is a folder")
    refused(tmp_path / "pipe.wav", "is not a regular file")
    refused("a\0b.wav", "null")
    refused("", "does not exist")


def test_whatever_a_decoder_raises_is_the_files_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE_HZ)
    for error in (UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"), MemoryError(), RuntimeError("odd"), KeyError(3)):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("emotone.audio.sound_file._read", fail)
        refused(tmp_path / "a.wav", f"cannot be decoded ({type(error).__name__}")


@pytest.mark.parametrize("num_blocks", [0, 1])
def test_another_decoder_begins_only_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_blocks: int
) -> None:
    """A later link of an Ogg file may be of a codec that libsndfile does not know: no sound may come twice."""
    soundfile.write(tmp_path / "a.ogg", tone(), RATE_HZ)
    block = (np.zeros(RATE_HZ, np.float32), RATE_HZ)

    def stop_early(*_: object) -> Iterator[object]:
        yield from [block] * num_blocks
        raise UnknownFormatError("is of another codec")

    monkeypatch.setattr("emotone.audio.sound_file.decode", stop_early)
    monkeypatch.setattr("emotone.audio.av_file.decode", lambda *_: iter([block] * 2))
    if num_blocks:
        refused(tmp_path / "a.ogg", "is of another codec")
    else:
        assert load_audio(tmp_path / "a.ogg").shape == (2 * RATE_HZ,)


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE_HZ)
    (tmp_path / "a.wav").chmod(0)
    if os.access(tmp_path / "a.wav", os.R_OK):  # the superuser may read anything

        def deny(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", deny)
    refused(tmp_path / "a.wav", "cannot be read: Permission denied")


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".caf", ".w64", ".rf64", ".flac", ".ogg", ".opus", ".mp3"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    """A file that ends early is refused, wherever it ends: half a recording must not pass for a whole one."""
    whole = tmp_path / f"whole{suffix}"
    options = {"format": "OGG", "subtype": "OPUS"} if suffix == ".opus" else {}
    noise = np.random.default_rng(4).uniform(-0.5, 0.5, 48_000)
    soundfile.write(whole, noise, RATE_HZ, **options)
    load_audio(whole)
    data = whole.read_bytes()
    for share in (0.02, 0.2, 0.5, 0.8, 0.95):
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(data[: int(len(data) * share)])
        refused(cut, "is truncated", "truncated (", "is not audio that can be read")


def test_flac_written_to_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(), RATE_HZ)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # the 36 bits of the number of samples in STREAMINFO
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    assert load_audio(tmp_path / "a.flac").shape == (RATE_HZ,)
    assert load_audio(tmp_path / "a.flac", 0.0, 0.5).shape == (RATE_HZ // 2,)


def test_wav_written_to_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE_HZ)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    place = data.index(b"data") + 4
    for size in (0xFFFF_FFFF, 0x7FFF_FFFF):
        data[place : place + 4] = size.to_bytes(4, "little")
        (tmp_path / "a.wav").write_bytes(data)
        assert load_audio(tmp_path / "a.wav").shape == (RATE_HZ,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_nan_and_infinity(tmp_path: Path, value: float, rate_hz: int) -> None:
    samples = tone(1.0, rate_hz)
    samples[len(samples) // 2] = value
    soundfile.write(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT")
    refused(tmp_path / "a.wav", "holds NaN or infinite samples")
    with pytest.raises(AudioError, match="NaN or infinite"):
        from_array(samples, rate_hz)


@pytest.mark.parametrize(
    ("start_s", "end_s", "words"),
    [
        (-1.0, None, "from -1 s to its end"),
        (1.0, 0.5, "from 1 s to 0.5 s"),
        (0.5, 0.5, "from 0.5"),
        (2.0, None, "ends"),
    ],
)
def test_impossible_parts(tmp_path: Path, start_s: float, end_s: float | None, words: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE_HZ)
    with pytest.raises(AudioError, match=words):
        load_audio(tmp_path / "a.wav", start_s, end_s)


@pytest.mark.parametrize(
    "name",
    ["with space.wav", "new\nline.wav", "😀 ähm.wav", "-rf.wav", "a.WAV", "'\"$(x).wav", "no suffix", b"\xff\xfe.wav"],
)
def test_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | bytes) -> None:
    monkeypatch.chdir(tmp_path)
    file = os.fsdecode(name)
    soundfile.write(tmp_path / "plain.wav", tone(), RATE_HZ)
    os.rename("plain.wav", file)
    assert load_audio(file).shape == (RATE_HZ,)
    os.truncate(file, 100)
    refused(file, "is truncated")


def test_errors_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(AudioError("a\nb.wav", "is\nodd")))
    assert (error.path, error.reason, str(error)) == ("a\nb.wav", "is odd", "a b.wav: is odd")


# ---- what only PyAV reads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.mkv", "flac")])
def test_formats_of_the_av_extra(tmp_path: Path, name: str, codec: str) -> None:
    av = pytest.importorskip("av")
    write_av(av, tmp_path / name, codec)
    samples = load_audio(tmp_path / name)
    assert -8 <= len(samples) - 2 * RATE_HZ < 2_200  # coders pad
    spectrum = np.abs(np.fft.rfft(samples[8_000:24_000]))
    assert spectrum.argmax() == 440
    np.testing.assert_allclose(load_audio(tmp_path / name, 0.5, 1.0), samples[8_000:16_000], atol=0.02)  # resampled
    (tmp_path / name).write_bytes(b"This is a text file.\n" * 100)
    refused(tmp_path / name, "is not audio that can be read")


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.mkv", "flac")])
def test_truncated_formats_of_the_av_extra(tmp_path: Path, name: str, codec: str) -> None:
    av = pytest.importorskip("av")
    write_av(av, tmp_path / name, codec)
    data = (tmp_path / name).read_bytes()
    for share in (0.05, 0.3, 0.8):
        (tmp_path / name).write_bytes(data[: int(len(data) * share)])
        refused(tmp_path / name, "is truncated", "is not audio that can be read", "holds no")


def test_av_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(100))
    monkeypatch.setitem(sys.modules, "av", None)
    refused(tmp_path / "a.m4a", 'pip install "emotone[av]"')


def write_av(av: object, path: Path, codec: str) -> None:
    """A tone of two seconds through PyAV."""
    with av.open(str(path), "w") as container:  # type: ignore[attr-defined]
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        frame_format = stream.codec_context.codec.audio_formats[0].name
        samples = tone(2.0, 48_000).astype(np.float32)
        for start in range(0, len(samples), 960):
            block = samples[None, start : start + 960]
            if frame_format.startswith("s16"):
                block = (block * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block, format=frame_format, layout="mono")  # type: ignore[attr-defined]
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


# ---- arrays -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "scale"), [("f2", 1), ("f4", 1), ("f8", 1), ("i1", 2**7), ("i2", 2**15), ("i4", 2**31), (">i2", 2**15)]
)
def test_array_types(kind: str, scale: int) -> None:
    samples = (tone() * scale).astype(kind)
    np.testing.assert_allclose(from_array(samples, RATE_HZ), tone(), atol=max(1 / scale if scale > 1 else 0, 1e-3))


def test_array_is_not_changed() -> None:
    loud = (3 * tone()).astype(np.float32)
    kept = loud.copy()
    assert np.abs(from_array(loud, RATE_HZ)).max() == 1.0
    np.testing.assert_array_equal(loud, kept)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "words"),
    [
        (np.zeros(0), 16_000, "not empty"),
        (np.zeros((0, 2)), 16_000, "not empty"),
        (np.zeros((2, 3, 4)), 16_000, r"\[samples\] or \[samples, channels\]"),
        (np.float32(1), 16_000, r"not of shape \(\)"),
        (np.zeros((2, 100)), 16_000, "transpose"),
        (np.zeros(100, np.uint8), 16_000, "type uint8"),
        (np.zeros(100, bool), 16_000, "type bool"),
        (np.zeros(100, complex), 16_000, "type complex128"),
        (np.array(["a"]), 16_000, "type"),
        (np.zeros(100, np.int64), 16_000, "type int64: use float"),
        (np.zeros(100), 0, "must be from 4000"),
        (np.zeros(100), -8_000, "must be from 4000"),
        (np.full(400, 30_000.0), 16_000, r"must lie in \[-1, 1\]"),
    ],
)
def test_impossible_arrays(samples: NDArray[np.generic], rate_hz: int, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        from_array(np.asarray(samples), rate_hz)


@pytest.mark.parametrize("read", [read_blocks, read_native_blocks])
def test_every_way_in_checks_the_file(tmp_path: Path, read: Callable[[Path], Iterator[object]]) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioError, match="is empty"):
        next(read(tmp_path / "a.wav"))


def test_channels_of_files_and_arrays(tmp_path: Path) -> None:
    both = np.random.default_rng(0).uniform(-0.5, 0.5, (8_000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", both, 16_000, "FLOAT")
    assert count_channels(tmp_path / "a.wav") == 2
    [block] = read_blocks(tmp_path / "a.wav", channel=2)
    np.testing.assert_array_equal(block, both[:, 1])
    np.testing.assert_array_equal(from_array(both, 16_000, channel=2), both[:, 1])
    for read in (lambda: list(read_blocks(tmp_path / "a.wav", channel=3)), lambda: from_array(both, 16_000, channel=3)):
        with pytest.raises(AudioError, match="has 2 channels, and no channel 3"):
            read()
    with pytest.raises(AudioError, match="does not exist"):
        count_channels(tmp_path / "none.wav")
