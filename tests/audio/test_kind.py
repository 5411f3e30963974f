"""Kinds of files by their content: what libsndfile and PyAV themselves write, and tags before it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.kind import id3_bytes, kind_of

NOISE = np.random.default_rng(0).normal(0, 0.1, 8_000)
ID3 = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
ID3_WITH_FOOTER = b"ID3\x04\0\x10\0\0\x02\0" + bytes(256) + b"3DI\x04\0\x10\0\0\x02\0"


@pytest.mark.parametrize(
    ("form", "kind"),
    [("WAV", "wav"), ("WAVEX", "wav"), ("RF64", "rf64"), ("W64", "w64"), ("AIFF", "aiff"), ("AU", "au"), ("CAF", "caf")]
    + [("FLAC", "flac"), ("OGG", "ogg"), ("MP3", "mp3")],
)
def test_what_libsndfile_writes(form: str, kind: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, NOISE, 16_000, format=form)
    assert kind_of(file) == kind
    if kind in ("mp3", "flac"):
        for tag in (ID3, ID3_WITH_FOOTER, ID3 + ID3_WITH_FOOTER):
            assert kind_of(io.BytesIO(tag + file.getvalue())) == kind


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [("mov", "aac", "mov"), ("mp4", "aac", "mov"), ("mpegts", "aac", "mpegts"), ("adts", "aac", "aac")]
    + [("matroska", "flac", "matroska"), ("webm", "libopus", "matroska"), ("asf", "mp2", "asf"), ("avi", "mp2", "avi")]
    + [("flv", "aac", "flv"), ("mpeg", "mp2", "mpeg")],
)
def test_what_pyav_writes(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    av = pytest.importorskip("av")
    with av.open(tmp_path / "a.xyz", "w", format=name) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        form = stream.codec_context.codec.audio_formats[0].name
        for start in range(0, 9_600, 960):
            values = np.zeros((1, 960), np.int16 if form.startswith("s16") else np.float32)
            frame = av.AudioFrame.from_ndarray(values, format=form, layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open(tmp_path / "a.xyz", "rb") as file:
        assert kind_of(file) == kind


@pytest.mark.parametrize(
    "content", [b"", b"R", b"<!DOCTYPE html>" * 40, b"#EXTM3U\na.aac\n", b"ffconcat version 1.0\n", bytes(500)]
)
def test_what_is_none(content: bytes) -> None:
    assert kind_of(io.BytesIO(content)) == ""


def test_length_of_tags() -> None:
    assert (id3_bytes(ID3), id3_bytes(ID3_WITH_FOOTER), id3_bytes(b"ID3"), id3_bytes(b"TAG" + bytes(20))) == (
        266,
        276,
        0,
        0,
    )
    assert kind_of(io.BytesIO(ID3 * 100)) == "mp3"  # no more than some are looked at
