"""Noisy copies: deterministic by id and kind, as loud as the name says, one store each; bad folders are one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.change.noise import PUBLISHED_SNR_DB
from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.base.draws import generator
from emotone.corpora.corpus import Corpus
from emotone.data import noisy_copies
from emotone.data.noisy_copies import NoisyCopy, kinds_of
from emotone.data.store import extract, store_folder
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel


@pytest.fixture
def noises(shared: Path, tmp_path: Path) -> Path:
    """Two kinds of the published set, one as two files and one as a subfolder, and one that is not in it."""
    folder = tmp_path / "noises"
    esc10 = shared / "data/esc10"
    for source, target in (
        ("002_rain/1-17367-A", "cafe-1"),
        ("002_rain/1-21189-A", "Cafe 2"),
        ("008_chainsaw/1-19898-A", "Living_Room/x"),
        ("007_helicopter/1-172649-A", "helicopter"),
    ):
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(esc10 / f"{source}.flac", folder / f"{target}.flac")
    return folder


@pytest.fixture(scope="module")
def speech_files(shared: Path) -> list[str]:
    return [str(path) for path in sorted((shared / "data/librispeech/train-clean-100").iterdir())[:7]]


@pytest.fixture(scope="module")
def speech(shared: Path) -> Samples:
    return load_audio(shared / "data/emodb/wav/03a01Fa.flac") * np.float32(0.2)


def ratio_db(mixed: Samples, speech: Samples) -> float:
    """Signal-to-noise ratio of a mixture in which the speech is as loud as before."""
    powers = [np.mean(np.square(part, dtype=np.float64)) for part in (speech, mixed - speech)]
    return float(10 * np.log10(powers[0] / powers[1]))


def test_kinds_are_in_order_and_as_loud_as_published(noises: Path, speech_files: list[str]) -> None:
    copies = kinds_of(noises, speech_files, snr_db=7.0, seed=3)
    assert [(copy.kind, copy.source, copy.snr_db, len(copy.files)) for copy in copies] == [
        ("cafe", "recording", 13, 2),
        ("helicopter", "recording", 7.0, 1),
        ("living room", "recording", 10, 1),
        ("babble", "voices", 6, 7),
        ("reverberation", "room", None, 0),
        ("gaussian", "gaussian", None, 0),
    ]
    assert {copy.seed for copy in copies} == {3} and len(PUBLISHED_SNR_DB) == 18
    own = kinds_of(noises, speech_files[::-1], snr_db_by_kind={"Living-Room": -3.0, "babble": 1.5})
    assert [copy.snr_db for copy in own[2:4]] == [-3.0, 1.5] and own[3].files == copies[3].files


def test_copies_follow_from_seed_id_and_kind_alone(noises: Path, speech: Samples, speech_files: list[str]) -> None:
    for copy in kinds_of(noises, speech_files):
        first = copy(speech, "a")
        copy(speech[:9000], "b")  # what comes between
        np.testing.assert_array_equal(first, copy(speech, "a"))
        assert first.dtype == np.float32 and first.shape == speech.shape and np.abs(first).max() <= 1
        assert not np.array_equal(first, speech)
        for other in (copy(speech, "b"), replace(copy, seed=1)(speech, "a")):
            assert not np.array_equal(first, other)


def test_copies_have_the_ratio_of_their_kind(noises: Path, speech: Samples, speech_files: list[str]) -> None:
    for copy in kinds_of(noises, speech_files):
        if copy.snr_db is not None:
            assert ratio_db(copy(speech, "a"), speech) == pytest.approx(copy.snr_db, abs=0.05), copy.kind
    assert (NoisyCopy("gaussian", "gaussian")(speech, "a") - speech).std() == pytest.approx(0.1, rel=0.02)


def test_a_room_keeps_the_direct_sound_in_time(speech: Samples) -> None:
    room = NoisyCopy("reverberation", "room")
    click = np.zeros(2 * RATE_HZ, np.float32)
    click[5000] = 0.5
    for number in range(5):
        response = room(click, str(number))
        assert not np.abs(response[:4990]).max() > 1e-5 and np.abs(response).argmax() == 5000
        assert np.abs(response[5001 : 5000 + RATE_HZ // 10]).max() > 1e-3
    spectrum = np.fft.rfft(room(speech, "a"), 2 * len(speech)) * np.fft.rfft(speech, 2 * len(speech)).conj()
    assert np.fft.irfft(spectrum).argmax() == 0


def test_babble_is_of_several_speakers(speech: Samples, speech_files: list[str]) -> None:
    babble = kinds_of(None, speech_files)[0]
    chosen: list[str] = []
    load = noisy_copies._load

    def note(file: str, num_samples: int, random: np.random.Generator) -> Samples:
        chosen.append(file)
        return load(file, num_samples, random)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noisy_copies, "_load", note)
        babble(speech, "a")
    assert len(set(chosen)) == len(chosen) == noisy_copies.NUM_VOICES


def test_of_a_long_recording_only_a_part_is_decoded(tmp_path: Path, speech: Samples) -> None:
    rate_hz, loud_s = 44_100, (70, 75)  # the only sound in two minutes
    long = np.zeros((120 * rate_hz, 2), np.float32)
    long[loud_s[0] * rate_hz : loud_s[1] * rate_hz] = generator(0).normal(0, 0.1, (5 * rate_hz, 1))
    soundfile.write(tmp_path / "field.flac", long, rate_hz)
    field = kinds_of(tmp_path)[0]
    mixed = field(speech, "a")
    assert ratio_db(mixed, speech) == pytest.approx(0, abs=0.05)
    decoded: list[float] = []
    load = load_audio

    def note(path: str, start_s: float = 0.0, end_s: float | None = None) -> Samples:
        samples = load(path, start_s, end_s)
        decoded.append(len(samples) / RATE_HZ)
        return samples

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emotone.data.noisy_copies.load_audio", note)
        for name in "abc":
            assert (field(speech, name) != speech).mean() > 0.2
    assert len(decoded) == 3 and max(decoded) < 2 * len(speech) / RATE_HZ + 1.5


def test_each_kind_is_a_store_and_another_recording_another(
    noises: Path, tmp_path: Path, write_tones: Callable[..., Corpus]
) -> None:
    corpus, mel = write_tones(tmp_path, num_tones=4), Mel(num_mels=8, scale="log")
    copies = kinds_of(noises)
    stores = [extract(corpus, "mel", mel, quiet=True, transform=copy) for copy in (None, *copies)]
    assert len({store.folder for store in stores}) == len(copies) + 1
    for store in stores:
        assert not store.failed
        for utterance in corpus.utterances["id"]:
            assert store.read(utterance).shape == stores[0].read(utterance).shape
    shutil.copy(noises / "cafe-1.flac", noises / "helicopter.flac")
    others = kinds_of(noises)
    same = [
        store_folder(corpus, "mel", mel, transform=before) == store_folder(corpus, "mel", mel, transform=after)
        for before, after in zip(copies, others, strict=True)
    ]
    assert same == [copy.kind != "helicopter" for copy in copies]


def test_processes_and_order_change_nothing(
    noises: Path, tmp_path: Path, write_tones: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, mel, cafe = write_tones(tmp_path, num_tones=4), Mel(num_mels=8, scale="log"), kinds_of(noises)[0]
    one = extract(corpus, "mel", mel, quiet=True, transform=cafe)
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path / "other"))
    backwards = replace(corpus, utterances=corpus.utterances[::-1].reset_index(drop=True))
    two = extract(backwards, "mel", mel, jobs=2, quiet=True, transform=cafe)
    for utterance in corpus.utterances["id"]:
        np.testing.assert_array_equal(one.read(utterance), two.read(utterance))


def write(path: Path, samples: Samples) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ)
    return str(path)


def test_bad_folders_are_one_line(tmp_path: Path) -> None:
    sound = generator(0).normal(0, 0.1, 8000).astype(np.float32)
    with pytest.raises(EmotoneError, match="there is no such folder"):
        kinds_of(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmotoneError, match="empty: holds no audio"):
        kinds_of(tmp_path / "empty")
    for name in ("a", "b", "c"):
        write(tmp_path / f"bad/{name}.wav", sound)
    write(tmp_path / "bad/silent.wav", np.zeros(8000, np.float32))
    with pytest.raises(EmotoneError, match=r"^1 of 4 recordings .*silent.wav: holds only silence$"):
        kinds_of(tmp_path / "bad")
    (tmp_path / "bad/b.wav").write_text("no audio")
    with pytest.raises(EmotoneError, match=r"^2 of 4 recordings .*b.wav: is not audio"):
        kinds_of(tmp_path / "bad")
    write(tmp_path / "reserved/gaussian/1.wav", sound)
    with pytest.raises(EmotoneError, match="recordings named 'gaussian'"):
        kinds_of(tmp_path / "reserved")
    for number in range(65):
        write(tmp_path / f"many/{number}x.wav", sound[:100])
    with pytest.raises(EmotoneError, match="holds 65 kinds of noise"):
        kinds_of(tmp_path / "many")


def test_bad_ratios_and_voices_are_one_line(tmp_path: Path) -> None:
    sound = generator(0).normal(0, 0.1, 8000).astype(np.float32)
    file = write(tmp_path / "babble.wav", sound)
    assert [copy.source for copy in kinds_of(tmp_path)] == ["recording", "room", "gaussian"]
    with pytest.raises(EmotoneError, match="recordings named 'babble'"):
        kinds_of(tmp_path, [file, file])
    with pytest.raises(EmotoneError, match="babble needs two files"):
        kinds_of(None, [file])
    with pytest.raises(EmotoneError, match="unknown noise 'bable'; did you mean 'babble'"):
        kinds_of(tmp_path, snr_db_by_kind={"bable": 0.0})
    for ratio in (float("nan"), 1000.0):
        with pytest.raises(EmotoneError, match=r"noise 'babble': .* allowed: -100 to 100"):
            kinds_of(tmp_path, snr_db_by_kind={"babble": ratio})
