"""The feature store: per corpus and feature, flat array shards on disk and a Parquet index (`emotone.data.shards`).

    feature.json           feature, settings, dtype, number of features
    shard-00000.data       features of the first utterances; shard-00000.parquet: what is where

Extraction appends whole shards in the order of the corpus. A killed run loses at most what it was about, and the
finished store is the same, byte for byte, as that of an undisturbed run. Another setting is another folder.

An utterance is known by its id, and by what its features were made of: file, times, size and time of last change, or
where these differ the file's content. One that is another now is extracted again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.read import Samples, load_audio
from emotone.base import plugins
from emotone.base.files import cache_folder, discard, write_json
from emotone.base.lock import lock, try_lock
from emotone.base.processes import Item, map_ordered
from emotone.base.progress import track
from emotone.base.result_table import UNCHECKED
from emotone.bundle.view.moments import Moments
from emotone.corpora.corpus import Corpus
from emotone.data.rows import Rows
from emotone.data.shards import (
    Extracted,
    PartialShard,
    partial_path,
    read_shards,
    remove_shard,
    unfinished,
    write_shard,
)
from emotone.data.sources import Source, made_with, sources_of, texts_of
from emotone.errors import EmotoneError
from emotone.features.feature import BatchedFeature

UTTERANCES_PER_SHARD = 128
UTTERANCES_AT_ONCE = 16
DTYPES = ("float32", "float16")


@dataclass
class FeatureStore:
    """A store opened for reading.

    `index` has one row per utterance (id -> shard and the columns of `emotone.data.shards.INDEX`), `failed` {id: error}
    names what could not be extracted, `shards` are memory maps [frames, D]. `entries` has the rows of both.
    """

    folder: Path
    num_features: int
    index: pd.DataFrame
    failed: dict[str, str]
    shards: dict[int, NDArray[Any]]
    entries: pd.DataFrame

    @classmethod
    def open(cls, folder: Path) -> FeatureStore:
        """Open a store's finished shards; raises EmotoneError when there is none or a shard is damaged."""
        about = _read_about(folder)
        index, shards = read_shards(folder, about["num_features"], about["dtype"])
        index = index.drop_duplicates("id", keep="last").set_index("id")
        bad = index["error"] != ""
        return cls(folder, about["num_features"], index[~bad], index.loc[bad, "error"].to_dict(), shards, index)

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

    def extracted(self, utterance: str) -> Extracted:
        """An utterance as it was written; its values are of the store's type."""
        row = self.entries.loc[utterance]
        values = self.shards[row["shard"]][row["offset"] : row["offset"] + row["frames"]]
        return Extracted(utterance, values, row["error"], row["note"], row["state"], row["content"])

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
    settings: list[Any] = [plugins.identity_of(feature), dtype, str(corpus.root.resolve())]
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
        write_json(folder / "feature.json", about)
    is_text = feature.input == "text"
    sources = texts_of(corpus) if is_text else sources_of(corpus, made_with(feature, transform))
    store = FeatureStore.open(folder)
    if not _work(store, sources, quiet) and not unfinished(folder) and not _superseded(store):
        return store
    with _alone(folder, quiet):
        store = FeatureStore.open(folder)
        work = _work(store, sources, quiet=True)
        first = max(store.shards, default=-1) + 1
        for path in unfinished(folder):
            if path != partial_path(folder, first) or not work:
                discard(path)
        group_size = _group_size() if isinstance(feature, BatchedFeature) else 1
        begun = _begun(PartialShard(folder, first, len(feature.names), dtype), work, group_size)
        results = _extract_all(work[len(begun) :], feature, transform, jobs, group_size)
        results = track(results, len(work), f"{feature_name} of {corpus.name}", quiet, done=len(begun))
        news = (one for one in results if store.failed.get(one.id) != one.error)  # not the same failure again
        _write_all(folder, first, begun, news, len(feature.names), dtype)
        store = FeatureStore.open(folder)
        for number in _superseded(store):
            remove_shard(folder, number)
    return FeatureStore.open(folder)


def _work(store: FeatureStore, sources: list[Source], quiet: bool) -> list[Source | Extracted]:
    """What is to be extracted, in the order of the corpus: what is new or has changed, or else what has failed before.

    An interrupted extraction so goes on as if nothing had happened. A shard of which something has changed is written
    anew: what else it holds comes, as it is, between.
    """
    entries = store.entries
    known = dict(zip(entries.index, zip(entries["state"], entries["content"], strict=True), strict=True))
    unchecked = sum(source.path != "" and known.get(source.id, ("-", "-"))[0] == "" for source in sources)
    if unchecked and not quiet:
        note = f"{store.folder}: {unchecked} utterances were extracted by an earlier version, {UNCHECKED}"
        print(f"note: {note}; to extract them again remove the folder", file=sys.stderr)
    news = {source.id for source in sources if source.id not in known or not source.is_same(*known[source.id])}
    if not news:
        return [source for source in sources if source.id in store.failed]
    changed = entries["shard"].isin(entries.loc[entries.index.isin(news), "shard"]) & ~entries.index.isin(news)
    kept = {id_: store.extracted(id_) for id_ in entries.index[changed]}
    work = [kept.pop(source.id, source) for source in sources if source.id in news or source.id in kept]
    return [*work, *kept.values()]


def _superseded(store: FeatureStore) -> list[int]:
    """The shards that hold nothing that a later one has not."""
    return sorted(store.shards.keys() - set(store.entries["shard"]))


def _begun(partial: PartialShard, work: list[Source | Extracted], group_size: int) -> list[Extracted]:
    """The first of the work that an interrupted run has done, in whole groups; what else it has done is dropped."""
    found = list(partial.read())
    num_whole = num_extracted = 0
    for number, ((one, _), wanted) in enumerate(zip(found, work, strict=False), start=1):
        if (one.id, one.state) != (wanted.id, wanted.state):
            break
        num_extracted += isinstance(wanted, Source)
        if num_extracted % group_size == 0:
            num_whole = number
    partial.cut(found[num_whole - 1][1] if num_whole else 0)
    return [one for one, _ in found[:num_whole]]


def _write_all(
    folder: Path, number: int, begun: list[Extracted], news: Iterable[Extracted], num_features: int, dtype: str
) -> None:
    """Write utterances as shards, the first of which holds those that were `begun`; each is on disk at once."""
    shard, partial = begun, PartialShard(folder, number, num_features, dtype)
    for one in news:
        if len(shard) == UTTERANCES_PER_SHARD:
            write_shard(folder, number, shard, dtype)
            number += 1
            shard, partial = [], PartialShard(folder, number, num_features, dtype)
        assert one.error or one.values.shape[1] == num_features
        partial.add(one)
        shard.append(one)
    if shard:
        write_shard(folder, number, shard, dtype)


@contextlib.contextmanager
def _alone(folder: Path, quiet: bool) -> Iterator[None]:
    """One process at a time extracts into a store; the next finds done what it came for."""
    with open(folder / "feature.json", "rb") as file:
        with contextlib.suppress(OSError):  # no locks here
            if not try_lock(file.fileno()):
                if not quiet:
                    print(f"note: {folder}: waiting for another process, which extracts the same", file=sys.stderr)
                lock(file.fileno())
        yield


def _group_size() -> int:
    """How many utterances a batched feature gets at once: few, of which little is lost; as many as a GPU needs."""
    with contextlib.suppress(ImportError):
        import torch

        if torch.cuda.is_available():
            return UTTERANCES_PER_SHARD
    return min(UTTERANCES_AT_ONCE, UTTERANCES_PER_SHARD)


def _extract_all(
    work: list[Source | Extracted], feature: Any, transform: Transform | None, jobs: int, group_size: int
) -> Iterator[Extracted]:
    """Features of the work, in its order; where the feature is batched, a group of utterances together."""
    sources = [one for one in work if isinstance(one, Source)]
    is_batched = isinstance(feature, BatchedFeature)
    if feature.input == "text":
        texts = (Extracted(one.id, one.text, "" if one.text else "has no transcript") for one in sources)
        found = _encode_all(feature, texts, group_size)
    else:
        found = map_ordered(
            functools.partial(_extract_one, None if is_batched else feature, transform), sources, jobs, died=_died
        )
        found = _encode_all(feature, found, group_size) if is_batched else found
    yield from (one if isinstance(one, Extracted) else next(found) for one in work)


def _extract_one(feature: Any, transform: Transform | None, source: Source) -> Extracted:
    """Features of an utterance, or without a feature its samples."""
    found = Extracted(source.id, None, state=source.state, content=source.content)
    try:
        notes: list[str] = []
        samples = load_audio(source.path, source.start_s, source.end_s, notes)
        samples = samples if transform is None else transform(samples, source.id)
        return found._replace(values=samples if feature is None else feature(samples), note="; ".join(notes))
    except EmotoneError as error:
        return found._replace(error=str(error))
    except Exception as error:  # what one recording does to a feature is no end of all others
        return found._replace(error=f"{source.path}: the feature fails ({type(error).__name__}: {error})")


def _encode_all(feature: BatchedFeature, sources: Iterable[Extracted], group_size: int) -> Iterator[Extracted]:
    """`sources` with features in place of samples or texts. Group by group: a resumed run has the same batches."""
    for group in _groups(sources, group_size):
        checked = [_check(feature, one) for one in group]
        good = [one.values for one in checked if not one.error]
        encoded = iter(feature.encode(good) if good else [])
        yield from (one if one.error else one._replace(values=next(encoded)) for one in checked)


def _check(feature: BatchedFeature, source: Extracted) -> Extracted:
    """The samples or text with the feature's error or note on them."""
    if source.error:
        return source
    try:
        return source._replace(note="; ".join(filter(None, [source.note, feature.check(source.values)])))
    except EmotoneError as error:
        return source._replace(error=str(error))


def _died(source: Source) -> Extracted:
    return Extracted(source.id, None, f"{source.path}: the process that read it died", state=source.state)


def _groups(results: Iterable[Item], size: int) -> Iterator[list[Item]]:
    group: list[Item] = []
    for result in results:
        group.append(result)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "feature.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EmotoneError(f"{path}: not a feature store ({error})") from None
    if isinstance(about, dict) and isinstance(about.get("num_features"), int) and about.get("dtype") in DTYPES:
        return about
    raise EmotoneError(f"{path}: not a feature store (no num_features, or a dtype that is none of {', '.join(DTYPES)})")
