"""The feature store: what is in it is what extraction gives, failures are kept, damage is named."""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray

from emotone.audio.change.augment import Augment
from emotone.audio.read import Samples, load_audio
from emotone.bundle.view.view import Chunks, Crop, Normaliser, Whole
from emotone.corpora.corpus import Corpus
from emotone.data import store
from emotone.data.store import FeatureStore, extract
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel

MEL = Mel(num_mels=8, scale="log")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Eleven utterances: eight files, and three parts of a ninth."""
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(9):
        noise = random.normal(0, 0.1, 1_000 + 700 * number)
        soundfile.write(tmp_path / f"{number}.wav", noise, 16_000)
        rows.append({"id": f"u{number}", "file": f"{number}.wav"})
    rows[8:] = [
        {"id": f"u8.{part}", "file": "8.wav", "start_s": 0.1 * part, "end_s": 0.1 * part + 0.1} for part in range(3)
    ]
    return Corpus("small", tmp_path, pd.DataFrame(rows))


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "UTTERANCES_PER_SHARD", 4)


def direct(corpus: Corpus) -> dict[str, NDArray[np.float32]]:
    return {
        row.id: MEL(load_audio(corpus.root / row.file, row.start_s if row.start_s > 0 else 0.0, none(row.end_s)))
        for row in corpus.utterances.itertuples()
    }


def none(value: float) -> float | None:
    return None if np.isnan(value) else value


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 5e-3)])
def test_content_is_that_of_direct_extraction(corpus: Corpus, jobs: int, dtype: str, tolerance: float) -> None:
    found = extract(corpus, "mel", MEL, jobs=jobs, dtype=dtype, quiet=True)
    expected = direct(corpus)
    assert len(found) == 11 and list(found.ids) == list(expected) and len(found.shards) == 3
    for utterance, features in expected.items():
        read = found.read(utterance)
        assert read.dtype == np.float32 and utterance in found
        np.testing.assert_allclose(read, features, atol=tolerance)
    assert found.frames(["u3", "u0"]).tolist() == [len(expected["u3"]), len(expected["u0"])]


def test_moments_equal_numpy(corpus: Corpus) -> None:
    found = extract(corpus, "mel", MEL, quiet=True)
    ids = ["u2", "u5", "u8.1"]
    frames = np.concatenate([direct(corpus)[utterance] for utterance in ids]).astype(np.float64)
    moments = found.moments(ids)
    np.testing.assert_allclose(moments.mean, frames.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.std, frames.std(axis=0), rtol=1e-12)


def test_settings_and_transforms_have_stores_of_their_own(corpus: Corpus) -> None:
    elsewhere = dataclasses.replace(corpus, root=corpus.root / "elsewhere")
    folders = {
        store.store_folder(corpus, "mel", MEL),
        store.store_folder(corpus, "mel", dataclasses.replace(MEL, num_mels=9)),
        store.store_folder(corpus, "mel", MEL, "float16"),
        store.store_folder(corpus, "mel", MEL, transform=Halve()),
        store.store_folder(corpus, "mel", MEL, transform=Halve(0.25)),
        store.store_folder(elsewhere, "mel", MEL),
    }
    assert len(folders) == 6


@dataclasses.dataclass(frozen=True)
class Halve:
    """A change of the samples."""

    share: float = 0.5

    def __call__(self, samples: Samples, utterance: str) -> Samples:
        return samples[: int(len(samples) * self.share)]


def test_a_transform_comes_before_the_feature(corpus: Corpus) -> None:
    found = extract(corpus, "mel", MEL, quiet=True, transform=Halve())
    samples = load_audio(corpus.root / "3.wav")
    np.testing.assert_array_equal(found.read("u3"), MEL(samples[: len(samples) // 2]))


@pytest.mark.parametrize("jobs", [1, 2])
def test_failures_are_recorded_and_tried_again(corpus: Corpus, jobs: int) -> None:
    whole = (corpus.root / "1.wav").read_bytes()
    (corpus.root / "1.wav").write_bytes(whole[:500])
    (corpus.root / "5.wav").unlink()
    found = extract(corpus, "mel", MEL, jobs=jobs, quiet=True)
    assert len(found) == 9 and set(found.failed) == {"u1", "u5"}
    assert "is truncated" in found.failed["u1"] and "does not exist" in found.failed["u5"]
    with pytest.raises(EmotoneError, match=r"no features of 'u5' \(.*5.wav: does not exist\)"):
        found.read("u5")
    before = content(found.folder)
    assert extract(corpus, "mel", MEL, quiet=True).failed == found.failed
    assert content(found.folder) == before  # the same failure is not written twice
    (corpus.root / "1.wav").write_bytes(whole)
    again = extract(corpus, "mel", MEL, quiet=True)
    assert set(again.failed) == {"u5"}
    np.testing.assert_array_equal(again.read("u1"), direct_of(corpus, "1.wav"))


def direct_of(corpus: Corpus, file: str) -> NDArray[np.float32]:
    return MEL(load_audio(corpus.root / file))


def test_an_interrupted_extraction_goes_on_where_it_was(corpus: Corpus, tmp_path: Path) -> None:
    """With a failure in the first shard, which must not change the order of the rest."""
    (corpus.root / "1.wav").unlink()
    whole = extract(corpus, "mel", MEL, quiet=True)
    expected = content(whole.folder)
    for number in range(3):  # as if killed before shard `number`, or between its data and its index
        for path in whole.folder.glob("shard-*.parquet"):
            if int(path.stem[-5:]) >= number:
                path.unlink()
        assert len(extract(corpus, "mel", MEL, quiet=True)) == 10
        assert content(whole.folder) == expected


def test_new_utterances_are_added(corpus: Corpus) -> None:
    part = Corpus("small", corpus.root, corpus.utterances.iloc[:5])
    before = content(extract(part, "mel", MEL, quiet=True).folder)
    found = extract(corpus, "mel", MEL, quiet=True)
    assert len(found) == 11 and content(found.folder).items() >= before.items()


def test_nothing_is_done_twice(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    extract(corpus, "mel", MEL, quiet=True)

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("emotone.data.store.load_audio", fail)
    assert len(extract(corpus, "mel", MEL, quiet=True)) == 11


def begun(monkeypatch: pytest.MonkeyPatch, stop_at: int = 0) -> list[str]:
    """Names of the files whose audio is read from now on; the one of this number is interrupted."""
    files: list[str] = []

    def read(path: str, *times: Any) -> Samples:
        files.append(Path(path).name)
        if len(files) == stop_at:
            raise KeyboardInterrupt
        return load_audio(path, *times)

    monkeypatch.setattr("emotone.data.store.load_audio", read)
    return files


# ---- what has changed -------------------------------------------------------------------------------------------


def test_what_was_replaced_or_corrected_is_extracted_again(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    first = extract(corpus, "mel", MEL, quiet=True)
    soundfile.write(corpus.root / "2.wav", np.random.default_rng(1).normal(0, 0.1, 5_000), 16_000)
    (corpus.root / "3.wav").write_bytes(b"")
    table = corpus.utterances.copy()
    table.loc[table["id"] == "u4", "file"] = "5.wav"  # another file under the same id
    table.loc[table["id"] == "u8.1", ["start_s", "end_s"]] = [0.2, 0.25]
    now = dataclasses.replace(corpus, utterances=table)
    files = begun(monkeypatch)
    found = extract(now, "mel", MEL, quiet=True)
    assert files == ["2.wav", "3.wav", "5.wav", "8.wav"] and found.folder == first.folder
    assert set(found.failed) == {"u3"} and "is empty (0 bytes)" in found.failed["u3"] and len(found) == 10
    assert sorted(found.shards) == [3, 4, 5] and list(found.entries.index) == list(table["id"])  # all three anew
    monkeypatch.undo()
    (corpus.root / "3.wav").unlink()
    expected = direct(dataclasses.replace(now, utterances=table[table["id"] != "u3"]))
    for utterance, features in expected.items():
        np.testing.assert_array_equal(found.read(utterance), features)
        is_changed = utterance in ("u2", "u4", "u8.1")
        assert np.array_equal(first.read(utterance), features) != is_changed


def test_only_shards_that_have_changed_are_written_anew(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(extract(corpus, "mel", MEL, quiet=True).folder)
    soundfile.write(corpus.root / "5.wav", np.random.default_rng(1).normal(0, 0.1, 5_000), 16_000)
    part = dataclasses.replace(corpus, utterances=corpus.utterances.iloc[4:6])  # others of its shard stay in the store
    files = begun(monkeypatch)
    found = extract(part, "mel", MEL, quiet=True)
    after = content(found.folder)
    assert files == ["5.wav"] and sorted(found.shards) == [0, 2, 3] and len(found) == 11
    assert list(found.entries.index[-4:]) == ["u4", "u5", "u6", "u7"]
    assert {name: after[name] for name in before if name in after} == {
        name: data for name, data in before.items() if "00001" not in name
    }
    assert extract(corpus, "mel", MEL, quiet=True).shards.keys() == found.shards.keys() and files == ["5.wav"]
    for utterance, features in direct(corpus).items():
        np.testing.assert_array_equal(found.read(utterance), features)


def test_on_windows_a_shard_that_is_still_read_is_removed_later(corpus: Corpus, windows: None) -> None:
    first = extract(corpus, "mel", MEL, quiet=True)
    before = first.read("u5").copy()
    soundfile.write(corpus.root / "5.wav", np.random.default_rng(1).normal(0, 0.1, 5_000), 16_000)
    found = extract(corpus, "mel", MEL, quiet=True)
    assert sorted(found.shards) == [0, 2, 3] and (found.folder / "shard-00001.data").exists()
    assert np.array_equal(first.read("u5"), before) and not np.array_equal(found.read("u5"), before)
    del first
    gc.collect()
    assert sorted(extract(corpus, "mel", MEL, quiet=True).shards) == [0, 2, 3]
    assert not (found.folder / "shard-00001.data").exists()


def test_a_superseded_shard_that_a_kill_has_left_is_removed(corpus: Corpus) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    for suffix in (".data", ".parquet"):
        shutil.copy(folder / f"shard-00000{suffix}", folder / f"shard-00007{suffix}")
    assert sorted(extract(corpus, "mel", MEL, quiet=True).shards) == [1, 2, 7]
    assert not (folder / "shard-00000.data").exists()


def test_the_same_content_at_another_time_is_the_same(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(extract(corpus, "mel", MEL, quiet=True).folder)
    for path in corpus.root.glob("*.wav"):
        os.utime(path, ns=(1, 1))  # as a copy of the corpus has
    files = begun(monkeypatch)
    assert content(extract(corpus, "mel", MEL, quiet=True).folder) == before and files == []


def test_of_stores_of_earlier_versions_it_is_said_that_nobody_knows(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    for path in folder.glob("*.parquet"):
        pd.read_parquet(path).drop(columns=["state", "content"]).to_parquet(path, index=False)
    before = content(folder)
    soundfile.write(corpus.root / "2.wav", np.zeros(5_000), 16_000)
    assert extract(corpus, "mel", MEL, quiet=True).folder == folder and capsys.readouterr().err == ""
    extract(corpus, "mel", MEL)
    assert content(folder) == before
    assert "note: " in (note := capsys.readouterr().err) and f"{folder}: 11 utterances were extracted by an" in note


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A feature that is made with a bundle of a fingerprint, which is no setting of it."""

    input, names = "audio", ("value",)
    made_with: ClassVar[tuple[str, ...]] = ("first",)

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        return np.full((1, 1), len(self.made_with[0]), np.float32)


def test_another_bundle_makes_other_features(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    first = extract(corpus, "teacher", Teacher(), quiet=True)
    monkeypatch.setattr(Teacher, "made_with", ("second",))
    second = extract(corpus, "teacher", Teacher(), quiet=True)
    assert first.folder == second.folder and first.read("u3") == 5 and second.read("u3") == 6


def test_other_babble_makes_other_copies(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = dataclasses.replace(corpus, utterances=corpus.utterances.assign(id=corpus.utterances["id"] + "#0.1"))
    transform = Augment(0, babble_files=tuple(str(corpus.root / f"{number}.wav") for number in (6, 7)))
    first = extract(copies, "mel", MEL, quiet=True, transform=transform)
    files = begun(monkeypatch)
    extract(copies, "mel", MEL, quiet=True, transform=transform)
    assert files == []
    soundfile.write(corpus.root / "7.wav", np.random.default_rng(1).normal(0, 0.1, 9_000), 16_000)
    assert extract(copies, "mel", MEL, quiet=True, transform=transform).folder == first.folder and len(files) == 11


# ---- interrupted, or two at once --------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_at", [1, 3, 5, 11])
def test_an_interruption_loses_nothing_that_is_done(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    with monkeypatch.context() as patched:
        files = begun(patched, stop_at)
        with pytest.raises(KeyboardInterrupt):
            extract(corpus, "mel", MEL, quiet=True)
    again = begun(monkeypatch)
    killed = content(extract(corpus, "mel", MEL, quiet=True).folder)
    assert files[:-1] + again == [f"{number}.wav" for number in range(8)] + ["8.wav"] * 3
    shutil.rmtree(store.store_folder(corpus, "mel", MEL))
    assert content(extract(corpus, "mel", MEL, quiet=True).folder) == killed


def test_batches_are_those_of_an_undisturbed_run(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole groups are kept; the rest of a group that was cut off is encoded together again."""
    monkeypatch.setattr(store, "UTTERANCES_AT_ONCE", 2)
    groups: list[int] = []
    inner = Peaks.encode

    def encode(self: Peaks, batch: list[Samples]) -> list[NDArray[np.float32]]:
        groups.append(len(batch))
        return inner(self, batch)

    monkeypatch.setattr(Peaks, "encode", encode)
    long = dataclasses.replace(corpus, utterances=corpus.utterances.iloc[1:])
    with monkeypatch.context() as patched:
        begun(patched, stop_at=8)
        with pytest.raises(KeyboardInterrupt):
            extract(long, "peaks", Peaks(), quiet=True)
    folder = store.store_folder(long, "peaks", Peaks())
    partial = folder / "shard-00001.partial"
    partial.write_bytes(partial.read_bytes()[:-1])  # the second of the third group is cut off
    assert groups == [2, 2, 2]
    files = begun(monkeypatch)
    assert len(extract(long, "peaks", Peaks(), quiet=True)) == 10
    assert files == ["5.wav", "6.wav", "7.wav", "8.wav", "8.wav", "8.wav"] and groups == [2] * 6
    assert not list(folder.glob("*.partial"))


def test_what_has_changed_since_it_was_begun_is_done_again(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        begun(patched, stop_at=4)
        with pytest.raises(KeyboardInterrupt):
            extract(corpus, "mel", MEL, quiet=True)
    soundfile.write(corpus.root / "1.wav", np.random.default_rng(1).normal(0, 0.1, 5_000), 16_000)
    files = begun(monkeypatch)
    found = extract(corpus, "mel", MEL, quiet=True)
    assert files[:3] == ["1.wav", "2.wav", "3.wav"]
    np.testing.assert_array_equal(found.read("u1"), direct_of(corpus, "1.wav"))


def test_a_partial_shard_that_is_done_is_removed(corpus: Corpus) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    before = content(folder)
    for number in (2, 3):  # killed before it could be removed, or of a corpus that is no more
        (folder / f"shard-{number:05d}.partial").write_bytes(b"{}\n")
    (folder / "shard-00009.data").touch()
    extract(corpus, "mel", MEL, quiet=True)
    assert content(folder) == before


def test_the_second_of_two_waits_and_finds_all_done(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = begun(monkeypatch)
    others: list[FeatureStore] = []
    other = threading.Thread(target=lambda: others.append(extract(corpus, "mel", MEL)))
    monkeypatch.setattr(Mel, "__call__", lambda self, samples: (other.ident or other.start(), np.ones((1, 8)))[1])
    extract(corpus, "mel", MEL, quiet=True)
    other.join()
    assert len(files) == 11 and len(others[0]) == 11
    assert "waiting for another process, which extracts the same" in capsys.readouterr().err


def test_a_full_disk_is_one_line(corpus: Corpus, full_disk: Callable[[int], Any]) -> None:
    extract(dataclasses.replace(corpus, utterances=corpus.utterances.iloc[:1]), "mel", MEL, quiet=True)
    with full_disk(100), pytest.raises(EmotoneError, match=r"shard-00001.data: cannot be written \(File too large\)"):
        extract(corpus, "mel", MEL, quiet=True)
    assert len(extract(corpus, "mel", MEL, quiet=True)) == 11


@dataclasses.dataclass(frozen=True)
class Large:
    """A feature beyond float16."""

    input, names = "audio", ("large",)

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        return np.full((3, 1), 70_000, np.float32)


def test_values_that_float16_cannot_hold_are_refused(corpus: Corpus) -> None:
    with pytest.raises(EmotoneError, match="a value of 70000 does not fit float16; use feature_dtype float32"):
        extract(corpus, "large", Large(), quiet=True, dtype="float16")
    assert len(extract(corpus, "large", Large(), quiet=True)) == 11


# ---- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [-4, -1, 4])
def test_a_shard_of_another_size_is_named(corpus: Corpus, size: int) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    path = folder / "shard-00001.data"
    os.truncate(path, path.stat().st_size + size)
    with pytest.raises(EmotoneError, match=r"shard-00001.data: damaged, .* extract again"):
        extract(corpus, "mel", MEL, quiet=True)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("shard-00001.data", None),
        ("shard-00002.parquet", b"PAR1"),
        ("shard-00002.parquet", b""),
        ("feature.json", None),
        ("feature.json", b"{"),
        ("feature.json", b"\xff"),
        ("feature.json", b"{}"),
        ("feature.json", b"[]"),
        ("feature.json", b'{"num_features": "8", "dtype": "float32"}'),
        ("feature.json", b'{"num_features": 8, "dtype": "object"}'),
        ("shard-junk.parquet", b"junk"),
    ],
)
def test_damaged_files_are_named(corpus: Corpus, name: str, damage: bytes | None) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    (folder / name).unlink(missing_ok=True)
    if damage is not None:
        (folder / name).write_bytes(damage)
    with pytest.raises(EmotoneError, match=name) as caught:
        FeatureStore.open(folder)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_of_another_table_is_named(corpus: Corpus) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    pd.DataFrame({"a": [1]}).to_parquet(folder / "shard-00000.parquet")
    with pytest.raises(EmotoneError, match="shard-00000.parquet: damaged"):
        FeatureStore.open(folder)


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="not a feature store"):
        FeatureStore.open(tmp_path)


# ---- batches ----------------------------------------------------------------------------------------------------


def test_batches_are_normalised_views(corpus: Corpus) -> None:
    found = extract(corpus, "mel", MEL, quiet=True)
    ids = ["u3", "u0", "u7"]
    normaliser = Normaliser.of(found.moments(ids))
    rows = found.rows(ids)
    assert len(rows) == 3
    view = Chunks(5, 3)
    batch = rows.batch([2, 0], view, normaliser)
    assert batch.shape == (2, 3, 5, 8) and batch.dtype == np.float32
    for position, utterance in enumerate(["u7", "u3"]):
        features = found.read(utterance)
        expected = normaliser(features)[view.index(len(features))]
        np.testing.assert_array_equal(batch[position], expected)
    crops = rows.batch([1, 2], [Crop(9, 0.0), Crop(9, 0.99)], normaliser)
    last = normaliser(found.read("u7"))
    np.testing.assert_array_equal(crops[1], last[len(last) - 9 :])
    assert rows.batch([0], Whole(), normaliser).shape == (1, len(found.read("u3")), 8)
    with pytest.raises(ValueError, match="at least one row"):
        rows.batch([], view, normaliser)


# ---- features in batches, and of text ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Letters:
    """Codes of a text's letters, of which it takes five; knows no digits."""

    input = "text"
    requires = ()
    resolved = ()
    names = ("code",)
    hop_s = None
    min_duration_s = 0.0

    def check(self, text: str) -> str:
        if text.isdigit():
            raise EmotoneError(f"knows no word of {text!r}")
        return "longer than 5 letters and cut" if len(text) > 5 else ""

    def encode(self, texts: list[str]) -> list[NDArray[np.float32]]:
        assert 0 < len(texts) <= 4  # a shard
        return [np.array([[ord(letter)] for letter in text[:5]], np.float32) for text in texts]

    def __call__(self, text: str) -> NDArray[np.float32]:
        return self.encode([text])[0]


@dataclasses.dataclass(frozen=True)
class Peaks(Letters):
    """The loudest samples of utterances that are not too short."""

    input = "audio"

    def check(self, samples: Samples) -> str:
        if len(samples) < 1_200:
            raise EmotoneError("too short")
        return ""

    def encode(self, batch: list[Samples]) -> list[NDArray[np.float32]]:
        return [np.sort(samples)[-3:, None] for samples in batch]


TRANSCRIPTS = ["good", None, "wonderful", "12", "", "ö", "seven", "eighth", "a", "b", "c"]


def test_transcripts_are_encoded_and_counted(corpus: Corpus) -> None:
    spoken = dataclasses.replace(corpus, utterances=corpus.utterances.assign(transcript=TRANSCRIPTS))
    found = extract(spoken, "letters", Letters(), quiet=True)
    assert found.failed == {"u1": "has no transcript", "u3": "knows no word of '12'", "u4": "has no transcript"}
    assert found.notes == {"longer than 5 letters and cut": 2}
    assert found.read("u2")[:, 0].tolist() == [ord(letter) for letter in "wonde"] and len(found) == 8
    assert FeatureStore.open(found.folder).notes == found.notes
    changed = dataclasses.replace(corpus, utterances=spoken.utterances.assign(transcript="same"))
    assert store.store_folder(changed, "letters", Letters()) != found.folder  # other texts, other features
    assert store.store_folder(changed, "mel", MEL) == store.store_folder(spoken, "mel", MEL)
    with pytest.raises(EmotoneError, match="feature letters is one of transcripts"):
        extract(spoken, "letters", Letters(), quiet=True, transform=Halve())


@pytest.mark.parametrize("jobs", [1, 2])
def test_audio_in_batches(corpus: Corpus, jobs: int) -> None:
    (corpus.root / "5.wav").unlink()
    found = extract(corpus, "peaks", Peaks(), jobs=jobs, quiet=True)
    assert found.failed["u0"] == "too short" and "does not exist" in found.failed["u5"] and found.notes == {}
    for file in ("1.wav", "7.wav"):
        samples = load_audio(corpus.root / file)
        np.testing.assert_array_equal(found.read(f"u{file[0]}")[:, 0], np.sort(samples)[-3:])
    halved = extract(corpus, "peaks", Peaks(), quiet=True, transform=Halve())
    assert halved.folder != found.folder and "u1" in halved.failed


def test_a_corpus_without_transcripts_is_one_line(corpus: Corpus) -> None:
    with pytest.raises(EmotoneError, match="feature letters is one of transcripts, of which the corpus .* has none"):
        extract(corpus, "letters", Letters(), quiet=True)


def test_stores_without_notes_can_still_be_read(corpus: Corpus) -> None:
    folder = extract(corpus, "mel", MEL, quiet=True).folder
    for path in folder.glob("*.parquet"):
        pd.read_parquet(path).drop(columns="note").to_parquet(path, index=False)
    found = FeatureStore.open(folder)
    assert len(found) == 11 and found.notes == {}


def test_channels_that_cancel_are_noted(corpus: Corpus) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4_000)
    soundfile.write(corpus.root / "3.wav", np.stack([noise, -noise], 1), 16_000)
    found = extract(corpus, "mel", MEL)
    assert not found.failed and [*found.notes.values()] == [1]
    assert "read by one channel" in next(iter(found.notes))


def test_whatever_a_feature_raises_is_the_utterances_error(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Mel.__call__

    def fail_on_short(mel: Mel, samples: Samples) -> NDArray[np.float32]:
        if len(samples) == 1_000:
            raise MemoryError("too much")
        return call(mel, samples)

    monkeypatch.setattr(Mel, "__call__", fail_on_short)
    found = extract(corpus, "mel", MEL)
    assert list(found.failed) == ["u0"] and "the feature fails (MemoryError: too much)" in found.failed["u0"]
