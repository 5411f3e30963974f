"""How metrics fall as audio gets worse: test utterances degraded, scored anew, compared with themselves.

`robustness` does this for a finished run or a bundle on a corpus, `score_degraded` for any items and scorer. What is
drawn for an utterance (noise, room, voices) depends on the seed, its id and the kind of degradation alone: not on the
order, the number of processes or the other utterances, and it is the same at every severity. A bundle of speech and
text is given the whole transcript beside the degraded audio.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotone.audio.change.degrade import CURVES, Severity, degrade
from emotone.audio.change.effects import babble, coloured_noise
from emotone.audio.change.noise import excerpt
from emotone.audio.folder import list_audio
from emotone.audio.read import RATE_HZ, AudioError, Samples, load_audio
from emotone.base.draws import generator
from emotone.base.processes import map_ordered
from emotone.base.progress import track
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.streams import Utterance, Words
from emotone.corpora.corpus import Corpus
from emotone.data.words_and_text import words_of_bundle
from emotone.errors import EmotoneError
from emotone.evaluate.degraded.measured import MeasuredCurves, to_report
from emotone.evaluate.degraded.scoring import (
    DegradedScores,
    check_scorable,
    choose_curves,
    choose_utterances,
    score_utterances,
)
from emotone.evaluate.run_folder import Run, bundles_of, corpora_of

NUM_UTTERANCES = 200
NUM_VOICES = 5
NUM_CANDIDATES = 20
"""As many voices are drawn for an utterance; the first `NUM_VOICES` of them that can be read are mixed."""
ScoreRow = dict[str, float]
"""A row of a prediction table: {`predicted_NAME` or `p_LABEL`: score}."""


@dataclass(frozen=True)
class AudioPart:
    """A file, or a part of it."""

    path: str
    start_s: float = 0.0
    end_s: float | None = None

    def load(self) -> Samples:
        """Its samples; raises AudioError."""
        return load_audio(self.path, self.start_s, self.end_s)


@dataclass(frozen=True)
class Item:
    """An utterance to be degraded, `voices` for its babble (none: no babble) and the bundle that scores it.

    Of the voices the first `NUM_VOICES` that can be read are mixed. `unchanged` are its words and text.
    """

    id: str
    audio: AudioPart
    voices: tuple[AudioPart, ...] = ()
    bundle: str = ""
    unchanged: Utterance = Utterance(None)


Score = Callable[[Item, Sequence[Samples]], list[ScoreRow | None]]
"""Scores of several versions of an item; None for one that is too short to be scored. Pickles where jobs > 1."""


@dataclass(frozen=True)
class Noise:
    """What the noise curve adds: real recordings, or pink noise where there are none."""

    files: tuple[str, ...] = ()
    folder: str = ""

    @property
    def name(self) -> str:
        """What the title of the curve says, e.g. "12 recordings of rain"."""
        where = f" of {self.folder}" if self.folder else ""
        return f"{len(self.files)} recordings{where}" if self.files else "pink noise, not recorded"

    def samples(self, num_samples: int, random: np.random.Generator) -> Samples:
        """Noise for one utterance [num_samples]; raises EmotoneError for a recording of silence."""
        if not self.files:
            return coloured_noise(num_samples, 1.0, random)
        file = self.files[int(random.integers(len(self.files)))]
        recording = _load_recording(file)
        if not recording.any():
            raise EmotoneError(f"{file}: holds only silence, so it is no noise; take it out of the folder")
        return excerpt(recording, num_samples, random)


def robustness(run: Run, *given: Any, **settings: Any) -> MeasuredCurves:
    """`score_robustness`, with its arguments, as reports show it (`emotone.evaluate.degraded.measured.to_report`)."""
    return to_report(score_robustness(run, *given, **settings), run.targets, "robustness")


def score_robustness(
    run: Run,
    noise: Path | None = None,
    num_utterances: int = NUM_UTTERANCES,
    jobs: int = 1,
    quiet: bool = False,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> DegradedScores:
    """Degraded test utterances, scored by the bundle of their fold and repeat, or by a bundle on a corpus.

    At most `num_utterances` are taken, speakers in turn. `noise` is a folder of recordings. `only`: these curves.
    Raises EmotoneError for corpora that are not prepared or have changed, for bundles that normalise by speaker, which
    cannot score single files, for relative scores, which say nothing of an utterance by itself, and for unknown curves.
    """
    names = choose_curves(CURVES, only)
    check_scorable(run, "robustness")
    files = tuple(str(noise / file) for file in list_audio(noise)) if noise else ()
    recordings = Noise(files, noise.name if noise else "")
    tested = run.test.assign(bundle=bundles_of(run))
    chosen = tested[tested["id"].isin(choose_utterances(tested.drop_duplicates("id"), num_utterances, seed)["id"])]
    items = _items(run, chosen, seed, quiet)
    return score_degraded(items, chosen, BundleScorer(run.targets, run.lld), recordings, seed, jobs, quiet, names)


def score_degraded(
    items: Sequence[Item],
    table: pd.DataFrame,
    score: Score,
    noise: Noise = Noise(),  # noqa: B008  # frozen
    seed: int = 0,
    jobs: int = 1,
    quiet: bool = False,
    names: Sequence[str] = tuple(CURVES),
) -> DegradedScores:
    """Every item scored in all conditions of the curves `names`, the clean ones included.

    `table` has a row per item with `id, speaker` and the `true_*` columns. Raises EmotoneError where no item could be
    scored clean.
    """
    notes, has_voices = [], np.array([bool(item.voices) for item in items])
    if "babble" in names and not has_voices.all():
        without = "" if not has_voices.any() else f" of {table['id'][~has_voices].nunique()} utterances"
        notes.append(f"no babble{without}: the corpus names no other speakers")
        names = [name for name in names if name != "babble" or has_voices.any()]
    if not names:
        return DegradedScores({}, {}, notes)
    conditions = [(name, level) for name in names for level in CURVES[name].severities if level != CURVES[name].clean]
    work = _Degrader(score, noise, seed, tuple(conditions))
    rows = list(track(map_ordered(work, items, jobs), len(items), "robustness", quiet))
    is_short = [row[0] is None for row in rows]
    if all(is_short):
        raise EmotoneError("robustness: no utterance could be scored, all are too short")
    if any(is_short):
        notes.append(f"{table['id'][is_short].nunique()} more utterances are too short to be scored")
    columns = next(list(row[0]) for row in rows if row[0] is not None)
    clean, *others = (_in_table(table, columns, scores) for scores in zip(*rows, strict=True))
    degraded = dict(zip(conditions, others, strict=True))
    curves = {name: CURVES[name] for name in names}
    if "noise" in curves:
        curves["noise"] = replace(CURVES["noise"], title=f"Noise ({noise.name})")
    tables = {name: {level: degraded.get((name, level), clean) for level in CURVES[name].severities} for name in names}
    if "babble" in tables:
        tables["babble"] = {level: scores[has_voices] for level, scores in tables["babble"].items()}
    return DegradedScores(curves, tables, notes)


def _in_table(table: pd.DataFrame, columns: list[str], scores: Sequence[ScoreRow | None]) -> pd.DataFrame:
    """`table` with these scores in its rows, NaN where there are none."""
    found = pd.DataFrame([one or {} for one in scores], index=table.index, columns=columns, dtype=float)
    return table.drop(columns=columns, errors="ignore").join(found)


@dataclass(frozen=True)
class BundleScorer:
    """Scores with the item's bundle, and the words and text of the item; attributes on the ranges of `targets`.

    lld: as of `Bundle.load`.
    """

    targets: list[Target]
    lld: str | None = None

    def __call__(self, item: Item, copies: Sequence[Samples]) -> list[ScoreRow | None]:
        """One row of scores per version."""
        bundle = _load_bundle(item.bundle, self.lld)
        found: list[ScoreRow | None] = []
        for samples in copies:
            if len(samples) < round(bundle.feature.min_duration_s * RATE_HZ):
                found.append(None)
                continue
            words = words_within(item.unchanged.words, len(samples) / RATE_HZ)
            utterance = item.unchanged._replace(speech=bundle.extract(samples), words=words)
            found.extend(score_utterances(bundle, [utterance], self.targets).to_dict("records"))
        return found


def words_within(words: Words, duration_s: float) -> Words:
    """Aligned words within the first `duration_s` of the audio; a number of words stays as it is.

    >>> words_within([("so", 0.0, 0.3), ("good", 0.3, 0.9), ("day", 0.9, 1.4)], 0.5)
    [('so', 0.0, 0.3), ('good', 0.3, 0.5)]
    """
    if not isinstance(words, Sequence):
        return words
    return [(word, start_s, min(end_s, duration_s)) for word, start_s, end_s in words if start_s < duration_s]


@dataclass(frozen=True)
class _Degrader:
    """The scores of one item: clean, and in every condition."""

    score: Score
    noise: Noise
    seed: int
    conditions: tuple[tuple[str, Severity], ...]

    def __call__(self, item: Item) -> list[ScoreRow | None]:
        samples = item.audio.load()
        copies, is_made = [samples], [True]
        added: dict[str, Samples | None] = {}
        for curve, severity in self.conditions:
            random = generator(self.seed, item.id, curve)
            if curve in ("noise", "babble") and curve not in added:
                added[curve] = self._added(item, curve, len(samples), random)
            is_made.append(added.get(curve, samples) is not None)
            if is_made[-1]:
                copies.append(degrade(samples, curve, severity, random, added.get(curve)))
        scores = iter(self.score(item, copies))
        return [next(scores) if made else None for made in is_made]

    def _added(self, item: Item, curve: str, num_samples: int, random: np.random.Generator) -> Samples | None:
        """Noise, or the babble of the item's voices; None where there are none."""
        if curve != "babble":
            return self.noise.samples(num_samples, random)
        voices = list(itertools.islice(_readable(item.voices), NUM_VOICES))
        return babble(num_samples, voices, random) if voices else None


def _readable(parts: Sequence[AudioPart]) -> Iterator[Samples]:
    for part in parts:
        with contextlib.suppress(AudioError):  # a file of the corpus that the run never scored
            yield part.load()


def _items(run: Run, chosen: pd.DataFrame, seed: int, quiet: bool) -> list[Item]:
    """An item per row of `chosen` (with `bundle`): audio, words and text, and voices for babble."""
    items: dict[Any, Item] = {}
    bundle = Bundle.load(chosen["bundle"].iloc[0])  # words and text are the same for the bundles of all folds
    for corpus in corpora_of(run):
        utterances = corpus.utterances.set_index("id")
        spoken = utterances[utterances["speaker"].notna()]
        rows = chosen[chosen["corpus"] == corpus.name]
        words = words_of_bundle(bundle, corpus, rows.assign(id=rows["own_id"]).drop_duplicates("id"), quiet=quiet)
        for row in rows.itertuples():
            own = utterances.loc[row.own_id]
            others = spoken[spoken["speaker"] != own["speaker"]] if own["speaker"] is not None else spoken[:0]
            lots = generator(seed, row.id, "voices").permutation(len(others))[:NUM_CANDIDATES]
            voices = tuple(_audio_of(corpus, others.iloc[lot]) for lot in lots)
            said = Utterance(None, words.read_text(row.own_id), words.words[row.own_id])
            items[row.Index] = Item(row.id, _audio_of(corpus, own), voices, row.bundle, said)
    return [items[place] for place in chosen.index]


def _audio_of(corpus: Corpus, row: pd.Series) -> AudioPart:
    start_s, end_s = row["start_s"], row["end_s"]
    path = str(corpus.path_of(row["file"]))
    return AudioPart(path, 0.0 if pd.isna(start_s) else float(start_s), None if pd.isna(end_s) else float(end_s))


@lru_cache(maxsize=1)
def _load_bundle(folder: str, lld: str | None) -> Bundle:
    """The bundle, kept until another is asked for: items of one fold mostly follow each other."""
    return replace(Bundle.load(folder, lld=lld), threads=1)


@lru_cache(maxsize=100)
def _load_recording(file: str) -> Samples:
    return load_audio(file)
