"""Voice activity: speech is found, noise is not, and a stream gives what the whole gives."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.audio.speech import CONTEXT_SAMPLES, FRAME_SAMPLES, NETWORK, SPEECH_PROBABILITY, SpeechTrack
from emotone.base.files import sha256_of

FRAME_S = FRAME_SAMPLES / RATE_HZ


def listen(*blocks: Samples) -> SpeechTrack:
    heard = SpeechTrack()
    assert sum(map(len, heard.listen(blocks))) == sum(map(len, blocks))
    return heard


@pytest.fixture(scope="module")
def speech(shared: Path) -> Samples:
    return load_audio(min((shared / "data" / "librispeech" / "test-other" / "2609").glob("*.flac")))


def test_the_network_is_the_one_its_readme_names() -> None:
    readme = (NETWORK.parent / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"[0-9a-f]{64}", readme) == [sha256_of(NETWORK)] and "MIT License" in readme


def test_frames_are_those_of_the_network_one_by_one(speech: Samples) -> None:
    session = onnxruntime.InferenceSession(NETWORK.read_bytes())
    state = {name: np.zeros((1, 1, 128), np.float32) for name in ("h", "c")}
    padded = np.concatenate([np.zeros(CONTEXT_SAMPLES, np.float32), speech])
    heard = listen(speech)
    for frame in range(len(speech) // FRAME_SAMPLES):
        piece = padded[frame * FRAME_SAMPLES :][: CONTEXT_SAMPLES + FRAME_SAMPLES]
        probability, state["h"], state["c"] = session.run(["speech_probs", "hn", "cn"], {"input": piece[None], **state})
        first = frame * FRAME_SAMPLES
        assert heard.share(first, first + FRAME_SAMPLES) == float(probability[0] >= SPEECH_PROBABILITY)


@pytest.mark.parametrize("sizes", [[1, 511, 513, 7], [16_000], [100], [480_000]])
def test_blocks_of_any_size_give_the_same(speech: Samples, sizes: list[int]) -> None:
    edges = np.cumsum(np.resize(sizes, len(speech) // min(sizes) + 1))
    blocks = np.split(speech, edges[edges < len(speech)])
    whole, stream = listen(speech), listen(*blocks)
    windows = [(first, first + 20_000) for first in range(0, len(speech), 3_001)]
    assert [stream.share(*window) for window in windows] == [whole.share(*window) for window in windows]
    assert stream.speech_s == whole.speech_s > 0.5 * len(speech) / RATE_HZ


def test_share_is_of_frames_wholly_within(speech: Samples) -> None:
    heard = listen(speech)
    frames = np.array([heard.share(first, first + FRAME_SAMPLES) for first in range(0, len(speech), FRAME_SAMPLES)])
    assert heard.share(FRAME_SAMPLES - 1, 5 * FRAME_SAMPLES + 1) == frames[1:5].mean()
    assert heard.share(FRAME_SAMPLES + 1, 5 * FRAME_SAMPLES - 1) == frames[2:4].mean()
    assert heard.share(10, 20) == 0.0


def test_speech_is_found_between_noise_and_silence(shared: Path, speech: Samples) -> None:
    noises = [load_audio(min((shared / "data" / "esc10").glob(f"*_{name}/*"))) for name in ("chainsaw", "sea_waves")]
    parts = [noises[0], speech, np.zeros(5 * RATE_HZ, np.float32), noises[1], speech]
    edges = np.cumsum([0, *map(len, parts)])
    heard = listen(np.concatenate(parts))
    shares = [heard.share(first, stop) for first, stop in zip(edges, edges[1:], strict=False)]
    assert min(shares[1], shares[4]) > 0.6 and max(shares[0], shares[2], shares[3]) < 0.05
    assert heard.speech_s == pytest.approx(2 * listen(speech).speech_s, rel=0.1)


def test_sounds_that_are_no_speech(shared: Path) -> None:
    files = sorted((shared / "data" / "esc10").glob("*/*.flac"))
    shares = [listen(samples).share(0, len(samples)) for samples in map(load_audio, files)]
    assert len(files) == 50 and max(shares) < 0.1 and np.mean(shares) < 0.01


@pytest.mark.parametrize("emotion", range(1, 9))
def test_emotional_speech_is_speech(shared: Path, emotion: int) -> None:
    files = sorted((shared / "data" / "ravdess" / "Actor_05").glob(f"03-01-{emotion:02}-*.flac"))[:4]
    assert files and min(listen(load_audio(file)).speech_s for file in files) > 0.8


def test_steps_are_those_of_the_frames_their_middles_lie_in(speech: Samples) -> None:
    heard = listen(speech)
    steps = heard.steps(16_000, 32_010)
    assert len(steps) == 51
    for place, is_speech in enumerate(steps[:50]):
        frame = (16_000 + 320 * place + 160) // FRAME_SAMPLES * FRAME_SAMPLES
        assert heard.share(frame, frame + FRAME_SAMPLES) == is_speech
    whole = heard.steps(0, len(speech))
    assert (
        len(whole) == -(-len(speech) // 320)
        and not whole.all()
        and whole.mean() == pytest.approx(heard.share(0, len(speech)), abs=0.02)
    )


def test_steps_of_what_fills_no_frame_are_no_speech() -> None:
    assert listen(np.ones(100, np.float32)).steps(0, 100).tolist() == [False]
