"""The feature store: per corpus and feature, flat array shards on disk and a Parquet index.

    feature.json           feature, settings, dtype, number of features
    shard-00000.data       rows of all its utterances one after another, [frames, D], memory-mapped for reading
    shard-00000.parquet    id, offset (first row), frames, error, note; renamed into place last, without it no shard

Extraction appends whole shards in the order of the corpus, so a killed run loses at most the shard it was writing, and
the finished store is the same, byte for byte, as that of an undisturbed run. Another setting is another folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.read import Samples, load_audio
from emotone.base import plugins
from emotone.base.files import cache_folder, replace_file
from emotone.base.processes import Item, map_ordered
from emotone.base.progress import track
from emotone.bundle.view.moments import Moments
from emotone.corpora.corpus import Corpus
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.features.feature import BatchedFeature

UTTERANCES_PER_SHARD = 128


@dataclass
class FeatureStore:
    """A store opened for reading.

    `index` has one row per utterance (id -> shard, offset, frames, note), `failed` {id: error} names what could not be
    extracted, `shards` are memory maps [frames, D].
    """

    folder: Path
    num_features: int
    index: pd.DataFrame
    failed: dict[str, str]
    shards: dict[int, NDArray[Any]]

    @classmethod
    def open(cls, folder: Path) -> FeatureStore:
        """Open a store's finished shards; raises EmotoneError when there is none or a shard is damaged."""
        about = _read_about(folder)
        tables, shards = [], {}
        for path in sorted(folder.glob("shard-*.parquet")):
            number = int(path.stem.split("-")[1])
            table = _read_index(path).assign(shard=number)
            tables.append(table)
            num_rows = int(table["frames"].sum())
            shards[number] = _map_shard(path.with_suffix(".data"), num_rows, about["num_features"], about["dtype"])
        index = pd.concat(tables) if tables else _no_rows()
        index = index.drop_duplicates("id", keep="last").set_index("id")
        bad = index["error"] != ""
        return cls(folder, about["num_features"], index[~bad], index.loc[bad, "error"].to_dict(), shards)

    def __len__(self) -> int:
        return len(self.index)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.index.index

    @property
    def ids(self) -> pd.Index[str]:
        """The utterances with features."""
        return self.index.index

    @property
    def notes(self) -> dict[str, int]:
        """The notes on utterances that were not used whole, and the number of utterances of each."""
        found = self.index["note"]
        return {str(note): int(count) for note, count in found[found != ""].value_counts().items()}

    def read(self, utterance: str) -> NDArray[np.float32]:
        """Features of one utterance: float32 [T, D]; raises EmotoneError when it is not in the store."""
        try:
            row = self.index.loc[utterance]
        except KeyError:
            reason = self.failed.get(utterance, "not extracted")
            raise EmotoneError(f"{self.folder}: no features of {utterance!r} ({reason})") from None
        rows = self.shards[row["shard"]][row["offset"] : row["offset"] + row["frames"]]
        return np.asarray(rows, dtype=np.float32)

    def frames(self, utterances: Sequence[str]) -> NDArray[np.intp]:
        """Number of frames of each utterance: int [N]."""
        return self.index.loc[list(utterances), "frames"].to_numpy()

    def moments(self, utterances: Sequence[str]) -> Moments:
        """Mean and deviation per feature over all frames of these utterances, in one streaming pass."""
        moments = Moments()
        for utterance in utterances:
            moments.update(self.read(utterance))
        return moments

    def rows(self, utterances: Sequence[str]) -> Rows:
        """A fast reader for training: the utterances' places resolved once."""
        places = self.index.loc[list(utterances), ["shard", "offset", "frames"]].to_numpy()
        # Plain views of the maps: quicker to slice, and a sixth of the memory per utterance.
        shards = {number: np.asarray(shard) for number, shard in self.shards.items()}
        return Rows([shards[shard][offset : offset + frames] for shard, offset, frames in places], self.num_features)


Transform = Callable[[Samples, str], Samples]
"""A change of the samples of the utterance with this id, before the feature; a dataclass, whose fields are hashed."""


def store_folder(
    corpus: Corpus, feature_name: str, feature: Any, dtype: str = "float32", transform: Transform | None = None
) -> Path:
    """Where the store of a corpus, feature and settings lies; other settings, audio folder or texts: another store."""
    settings: list[Any] = [plugins.settings_of(feature), dtype, str(corpus.root.resolve())]
    if transform is not None:
        settings += [type(transform).__name__, plugins.settings_of(transform)]
    if feature.input == "text":  # other transcripts are other features
        settings.append(corpus.utterances[["id", "transcript"]].to_json())
    about = json.dumps(settings, sort_keys=True)
    digest = hashlib.sha256(about.encode()).hexdigest()[:8]
    return cache_folder() / "features" / corpus.name / f"{feature_name}-{digest}"


def extract(
    corpus: Corpus,
    feature_name: str,
    feature: Any,
    jobs: int = 1,
    dtype: str = "float32",
    quiet: bool = False,
    transform: Transform | None = None,
) -> FeatureStore:
    """The store of a feature for every utterance of a corpus; does what is not done yet and resumes after a kill.

    An utterance whose audio or extraction fails is recorded with its error, and the rest goes on; a call that finds
    nothing else to do tries it again. `transform` changes the samples before the feature sees them (augmented copies).
    A feature of text is given the corpus's transcripts, to which there is no transform.
    """
    if transform is not None and feature.input == "text":
        raise EmotoneError(f"feature {feature_name} is one of transcripts, which changed copies of the audio share")
    if feature.input == "text" and not corpus.utterances["transcript"].astype(bool).any():
        raise EmotoneError(f"feature {feature_name} is one of transcripts, of which the corpus {corpus.name} has none")
    folder = store_folder(corpus, feature_name, feature, dtype, transform)
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "feature": feature_name,
        "settings": plugins.settings_of(feature),
        "dtype": dtype,
        "num_features": len(feature.names),
        "corpus": corpus.name,
    }
    if not (folder / "feature.json").is_file():
        with replace_file(folder / "feature.json") as path:
            path.write_text(json.dumps(about, indent=1))
    store = FeatureStore.open(folder)
    missing = corpus.utterances[~corpus.utterances["id"].isin(store.ids)]
    untried = missing[~missing["id"].isin(store.failed)]
    table = untried if len(untried) else missing  # an interrupted extraction goes on as if nothing had happened
    if not len(table):
        return store
    results = track(
        _extract_all(corpus, table, feature, transform, jobs), len(table), f"{feature_name} of {corpus.name}", quiet
    )
    news = (one for one in results if store.failed.get(one.id) != one.error)  # not the same failure again
    first = max(store.shards, default=-1) + 1
    for number, shard in enumerate(_groups(news, UTTERANCES_PER_SHARD), start=first):
        _write_shard(folder, number, shard, len(feature.names), dtype)
    return FeatureStore.open(folder)


class Source(NamedTuple):
    """Where the audio of an utterance lies."""

    id: str
    path: str
    start_s: float
    end_s: float | None

    @classmethod
    def of(cls, row: Any, corpus: Corpus) -> Source:
        """That of a row of the corpus's table; unknown times are those of the whole file."""
        start_s = 0.0 if pd.isna(row.start_s) else row.start_s
        return cls(row.id, str(corpus.path_of(row.file)), start_s, None if pd.isna(row.end_s) else row.end_s)


class Extracted(NamedTuple):
    """An utterance on its way into a store.

    `values` are its features [T, D]; of a batched feature, until a batch is full, its samples or its text. With an
    `error` they do not count. A `note` says what of them is not used.
    """

    id: str
    values: Any
    error: str = ""
    note: str = ""


def _extract_all(
    corpus: Corpus, table: pd.DataFrame, feature: Any, transform: Transform | None, jobs: int
) -> Iterator[Extracted]:
    """Features of the rows of a table, in their order; where the feature is batched, a shard's utterances together."""
    rows = table.itertuples()
    if feature.input == "text":
        texts = (Extracted(row.id, row.transcript, "" if row.transcript else "has no transcript") for row in rows)
        yield from _encode_all(feature, texts)
        return
    is_batched = isinstance(feature, BatchedFeature)
    work = functools.partial(_extract_one, None if is_batched else feature, transform)
    results = map_ordered(work, [Source.of(row, corpus) for row in rows], jobs, died=_died)
    yield from _encode_all(feature, results) if is_batched else results


def _extract_one(feature: Any, transform: Transform | None, source: Source) -> Extracted:
    """Features of an utterance, or without a feature its samples."""
    try:
        samples = load_audio(source.path, source.start_s, source.end_s)
        samples = samples if transform is None else transform(samples, source.id)
        return Extracted(source.id, samples if feature is None else feature(samples))
    except EmotoneError as error:
        return Extracted(source.id, None, str(error))


def _encode_all(feature: BatchedFeature, sources: Iterable[Extracted]) -> Iterator[Extracted]:
    """`sources` with features in place of samples or texts. Shard by shard: a resumed run has the same batches."""
    for group in _groups(sources, UTTERANCES_PER_SHARD):
        checked = [_check(feature, one) for one in group]
        good = [one.values for one in checked if not one.error]
        encoded = iter(feature.encode(good) if good else [])
        yield from (one if one.error else one._replace(values=next(encoded)) for one in checked)


def _check(feature: BatchedFeature, source: Extracted) -> Extracted:
    """The samples or text with the feature's error or note on them."""
    if source.error:
        return source
    try:
        return source._replace(note=feature.check(source.values))
    except EmotoneError as error:
        return source._replace(error=str(error))


def _died(source: Source) -> Extracted:
    return Extracted(source.id, None, f"{source.path}: the process that read it died")


def _groups(results: Iterable[Item], size: int) -> Iterator[list[Item]]:
    group: list[Item] = []
    for result in results:
        group.append(result)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _write_shard(folder: Path, number: int, shard: list[Extracted], num_features: int, dtype: str) -> None:
    """Data first, index last, both by atomic rename."""
    frames = [0 if one.error else len(one.values) for one in shard]
    offsets = np.concatenate([[0], np.cumsum(frames)[:-1]]).astype(np.int64)
    path = folder / f"shard-{number:05d}.data"
    with replace_file(path) as temporary, open(temporary, "wb") as file:
        for one in shard:
            if not one.error:
                assert one.values.shape[1] == num_features
                file.write(_cast(one.values, dtype, path).tobytes())
    table = pd.DataFrame(
        {
            "id": [one.id for one in shard],
            "offset": offsets,
            "frames": frames,
            "error": [one.error for one in shard],
            "note": [one.note for one in shard],
        }
    )
    with replace_file(path.with_suffix(".parquet")) as temporary:
        table.to_parquet(temporary, index=False)


def _cast(features: NDArray[np.float32], dtype: str, path: Path) -> NDArray[Any]:
    """Features in the store's type; raises EmotoneError where float16 cannot hold a value."""
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(features, dtype=dtype)
    if not np.isfinite(stored).all() and np.isfinite(features).all():
        largest = float(np.abs(features).max())
        raise EmotoneError(f"{path}: a value of {largest:g} does not fit {dtype}; use feature_dtype float32")
    return stored


def _map_shard(path: Path, num_rows: int, num_features: int, dtype: str) -> NDArray[Any]:
    size = num_rows * num_features * np.dtype(dtype).itemsize
    if not path.is_file() or path.stat().st_size != size:
        raise EmotoneError(f"{path}: damaged, {size} bytes were written to it; remove this folder and extract again")
    if not num_rows:
        return np.zeros((0, num_features), dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=(num_rows, num_features))


def _read_index(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
        return table[["id", "offset", "frames", "error"]].assign(note=table.get("note", ""))  # older shards have none
    except (OSError, ValueError, KeyError) as error:  # not Parquet, or not this table
        raise EmotoneError(f"{path}: damaged ({error}); remove this folder and extract again") from None


def _no_rows() -> pd.DataFrame:
    columns = {"id": str, "offset": int, "frames": int, "error": str, "note": str, "shard": int}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "feature.json").read_text())
    except (OSError, ValueError) as error:
        raise EmotoneError(f"{folder / 'feature.json'}: not a feature store ({error})") from None
