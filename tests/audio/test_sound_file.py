"""libsndfile's files: blocks bounded by values, nothing left unread, no words of its decoders."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from emotone.audio.read import AudioError, load_audio
from emotone.audio.sound_file import BLOCK_VALUES, _quiet, decode

NOISE = np.random.default_rng(0).normal(0, 0.1, 48_000)


@pytest.mark.parametrize(("num_channels", "rate_hz"), [(1, 16_000), (2, 48_000), (255, 48_000), (1, 768_000)])
def test_blocks_are_bounded_by_values(tmp_path: Path, num_channels: int, rate_hz: int) -> None:
    path = str(tmp_path / "a.wav")
    header = io.BytesIO()
    soundfile.write(header, np.zeros((1, num_channels)), rate_hz, format="WAV", subtype="PCM_U8")
    head, size = bytearray(header.getvalue()[: -num_channels - num_channels % 2]), 30_000_000
    head[-4:] = size.to_bytes(4, "little")
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    blocks = [block.shape for block, _ in decode(path, "wav", 0.0, None, 30.0)]
    assert max(int(np.prod(shape)) for shape in blocks) <= BLOCK_VALUES
    assert sum(shape[0] for shape in blocks) == size // num_channels


def test_joined_flac_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", NOISE, 16_000)
    one = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "joined.flac").write_bytes(one + one)
    with pytest.raises(AudioError, match="holds more than the 48000 samples that its header counts"):
        load_audio(tmp_path / "joined.flac")
    assert load_audio(tmp_path / "joined.flac", 0.0, 1.0).shape == (16_000,)  # who asks for a part gets it
    (tmp_path / "tagged.flac").write_bytes(one + b"TAG" + bytes(125))
    assert load_audio(tmp_path / "tagged.flac").shape == (48_000,)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".aiff"])
def test_without_descriptors_a_file_is_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """Nor is it opened once more by its name, of which Windows would take only the letters of its own encoding."""
    path = tmp_path / f"März{suffix}"
    soundfile.write(path, NOISE, 16_000)
    expected, opened = load_audio(path), []
    init = soundfile.SoundFile.__init__
    note = lambda self, file, *args, **kwargs: (opened.append(file), init(self, file, *args, **kwargs))[1]  # noqa: E731
    monkeypatch.setattr(soundfile.SoundFile, "__init__", note)
    system = {**vars(os), "name": "nt"}
    monkeypatch.setattr("emotone.audio.sound_file.os", SimpleNamespace(**system))
    assert np.array_equal(load_audio(path), expected)
    assert not any(isinstance(file, str | bytes | int) for file in opened)
    path.write_bytes(2 * path.read_bytes())
    if suffix == ".flac":
        with pytest.raises(AudioError, match="holds more than the 48000 samples that its header counts"):
            load_audio(path)


@pytest.mark.parametrize("damage", ["frames", "joined", "page"])
def test_mpg123_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, NOISE, 16_000, bitrate_mode="VARIABLE", compression_level=0.5)
    one = path.read_bytes()
    damaged = one[:1_500] + bytes(400) + one[1_900:]
    path.write_bytes({"frames": damaged, "joined": one + one[:2_000], "page": b"<!DOCTYPE html>" * 500}[damage])
    try:
        load_audio(path)
    except AudioError as error:
        assert damage != "joined", error
    os.write(2, b"said after")
    assert capfd.readouterr() == ("", "said after")


def test_standard_error_comes_back_whoever_ends_last(capfd: pytest.CaptureFixture[str]) -> None:
    ready, end = threading.Event(), threading.Event()

    def other() -> None:
        with _quiet(True):
            ready.set()
            end.wait()

    thread = threading.Thread(target=other)
    with _quiet(True):
        thread.start()
        ready.wait()
    os.write(2, b"not heard")
    end.set()
    thread.join()
    os.write(2, b"heard")
    with _quiet(False):
        os.write(2, b"!")
    assert capfd.readouterr().err == "heard!"
