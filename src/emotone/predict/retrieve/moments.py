"""The N most or least aroused, pleasant or angry moments of one recording or of an archive.

A recording is read as a stream: voice activity per 32 ms, windows that overlap, those with enough speech scored by the
same code as `emotone predict`. Of each recording the best windows are taken one after another, each leaving out those
closer than the gap; the best of all recordings stay in a heap of N. Since the gap only separates moments of one
recording, that is the same as choosing greedily among all windows of the archive. Exactness costs 32 bytes per scored
window while its recording is searched (115 kB per hour); nothing else grows with duration or with the archive.
"""

from __future__ import annotations

import functools
import heapq
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, AudioError, Samples, read_blocks
from emotone.audio.speech import SpeechTrack
from emotone.base.onnx_session import NetworkError
from emotone.base.processes import DIED, map_ordered
from emotone.base.progress import track
from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.predict.prediction import Choices
from emotone.predict.predictor import Predictor, load_once
from emotone.predict.retrieve.findings import Findings, Moment, Recording, Search, shortest_s
from emotone.predict.windows import BATCH_S, cut_windows

FEWEST_WINDOWS = 10
"""Fewer windows do not say what is usual in a recording."""
MAD_TO_STD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""
MOST_POINTS = 1000
"""A curve for the page has no more points, however long the recording."""


def find_moments(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], search: Search, jobs: int = 1, quiet: bool = True
) -> Findings:
    """The best moments of all files, ranked together; among equal scores the earlier comes first.

    A file that cannot be read stands in `failed`, the rest goes on. Raises EmotoneError for a search that makes no
    sense or does not fit its bundle.

    >>> found = find_moments("examples/jfk.wav", Search("arousal", num=2, min_gap_s=1.0))
    >>> [(moment.rank, moment.end_s - moment.start_s) for moment in found.moments]
    [(1, 3.0), (2, 3.0)]
    >>> found.moments[0].score > found.moments[1].score
    True
    """
    threads = 1 if jobs > 1 else 0
    predictor = load_once(search.model, threads, search.device, search.lld)
    search.check(predictor)
    given = [files] if isinstance(files, str | os.PathLike) else files
    names = list(dict.fromkeys(os.fspath(file) for file in given))
    work = functools.partial(_search_file, search, threads)
    recordings = track(map_ordered(work, names, jobs, died=_died), len(names), "retrieve", quiet)
    reliability = reliability_of(predictor.choices, predictor.reliability, search.attribute)
    findings = rank_moments(enumerate(recordings), search, predictor.bundle.name, reliability)
    findings.bundle_note = predictor.bundle.note
    return findings


def rank_moments(
    recordings: Iterable[tuple[int, Recording]], search: Search, bundle: str, reliability: str, keeps_all: bool = True
) -> Findings:
    """The best moments of recordings, which come in any order, each with its place among them.

    keeps_all: those that failed or have a note are kept; without it they are counted, and one with a note is kept.
    """
    ranking = Ranking(search.num, search.lowest)
    findings = Findings(search, bundle, reliability=reliability)
    for place, recording in recordings:
        ranking.add(recording, place)
        findings.num_recordings += 1
        findings.duration_s += recording.duration_s
        findings.speech_s += recording.speech_s
        if recording.error and keeps_all:
            findings.failed.append(recording)
        elif recording.error:
            findings.num_more_failed += 1
        elif recording.note and (keeps_all or not findings.noted):
            findings.noted.append(replace(recording, moments=[], outline=np.zeros(0)))
        elif recording.note:
            findings.num_more_noted += 1
    findings.moments, findings.recordings = ranking.result()
    return findings


def search_recording(file: str, search: Search, predictor: Predictor) -> Recording:
    """One file searched; `error` says why it cannot be used, `note` why there is nothing, or not all, in it."""
    scored = score_recording(file, search, predictor, [search.attribute])
    return pick_moments(file, scored, search, predictor.bundle.name, shortest_s(predictor.bundle))


def pick_moments(file: str, scored: Scored, search: Search, bundle: str, least_s: float) -> Recording:
    """The best moments of a recording whose windows are scored by a bundle, which sees `least_s` seconds at once."""
    if not scored.num_samples and scored.error:
        return Recording(file, error=scored.error)
    note = _note(scored, search, bundle, least_s)
    found = Recording(file, scored.num_samples / RATE_HZ, scored.speech_s, len(scored.start))
    if not scored.start and scored.num_spoken:
        return replace(found, error=note)
    found = replace(found, note="; ".join([*scored.notes, *filter(None, [note])]))
    if not scored.start:
        return found
    start, stop = np.array(scored.start), np.array(scored.stop)
    score = np.array(scored.scores[search.attribute])
    sign = -1 if search.lowest else 1
    places = pick(start, stop, sign * score, search.num, round(search.min_gap_s * RATE_HZ))
    confidence = sign * stand_out(score)
    moments = [scored.moment(file, place, float(score[place]), float(confidence[place])) for place in places]
    outline = _outline(start + stop, 2 * scored.num_samples, score, search)
    return replace(found, moments=moments, outline=outline, median=float(np.median(score)))


def reliability_of(choices: Choices, reliability: Mapping[str, str], column: str) -> str:
    """What a bundle says of an attribute, or of the categories that a column is one of."""
    target = next((name for name, labels in choices.items() if column in labels.values()), column)
    return reliability.get(target, "")


def _search_file(search: Search, threads: int, file: str) -> Recording:
    return search_recording(file, search, load_once(search.model, threads, search.device, search.lld))


def _died(file: str) -> Recording:
    return Recording(file, error=DIED)


class _SpokenWindow(NamedTuple):
    """A window in which somebody speaks, samples `start` to `stop`: the share of speech, 0..1, and features [T, D]."""

    start: int
    stop: int
    speech: float
    features: NDArray[np.float32]


@dataclass
class Scored:
    """The scored windows of one recording, W of them, as columns: samples `start` to `stop`, share of speech, scores.

    num_samples: of the recording; 0 where it cannot be read, as `error` says. num_spoken: windows with enough speech,
    those without a score included, of which `error` is the last reason. notes: what is to be said of reading it.
    """

    num_samples: int = 0
    speech_s: float = 0.0
    num_spoken: int = 0
    start: array[int] = field(default_factory=lambda: array("q"))
    stop: array[int] = field(default_factory=lambda: array("q"))
    speech: array[float] = field(default_factory=lambda: array("d"))
    scores: dict[str, array[float]] = field(default_factory=dict)
    error: str = ""
    notes: list[str] = field(default_factory=list)

    def add(self, window: _SpokenWindow, scores: dict[str, float]) -> None:
        """One more window; the network may give no number for it."""
        if not np.isfinite(list(scores.values())).all():
            self.error = "the network gives no number"
            return
        self.start.append(window.start)
        self.stop.append(window.stop)
        self.speech.append(window.speech)
        for name, score in scores.items():
            self.scores.setdefault(name, array("d")).append(score)

    def moment(self, file: str, place: int, score: float, confidence: float) -> Moment:
        """The window at a place of the columns."""
        start_s, end_s = self.start[place] / RATE_HZ, self.stop[place] / RATE_HZ
        return Moment(file, start_s, end_s, score, confidence, self.speech[place])

    def to_columns(self) -> dict[str, Any]:
        """What it holds as lists and numbers, the scores of each name as a column of that name."""
        columns: dict[str, Any] = {name: list(scores) for name, scores in self.scores.items()}
        for name in ("start", "stop", "speech"):
            columns[name] = list(getattr(self, name))
        for name in ("num_samples", "speech_s", "num_spoken", "error", "notes"):
            columns[name] = getattr(self, name)
        return columns

    @classmethod
    def from_columns(cls, columns: dict[str, Any], name: str, min_speech: float) -> Scored:
        """The scores of one name, of the windows that have so much speech."""
        speech = np.array(columns["speech"] or [], float)
        spoken = np.flatnonzero(speech >= min_speech)
        found = cls(columns["num_samples"] or 0, columns["speech_s"] or 0.0)
        for own, kind in (("start", "q"), ("stop", "q"), ("speech", "d")):
            setattr(found, own, array(kind, np.array(columns[own] or [])[spoken].tolist()))
        found.scores[name] = array("d", np.array(columns[name] or [], float)[spoken].tolist())
        num_failed = (columns["num_spoken"] or 0) - len(speech)
        found.num_spoken = len(spoken) + num_failed
        found.error, found.notes = columns["error"] or "", columns["notes"] or []
        return found


def score_recording(
    file: str,
    search: Search,
    predictor: Predictor,
    names: Sequence[str],
    start_s: float = 0.0,
    end_s: float | None = None,
    channel: int | None = None,
) -> Scored:
    """A file, a part of it, or a channel, from front to back: windows with enough speech, scored in batches.

    names: of the scores that are kept.
    """
    scored, bundle = Scored(), predictor.bundle
    only = tuple(target.name for target in bundle.targets if {target.name, *target.columns.values()} & {*names})
    try:
        blocks = read_blocks(file, start_s, end_s, notes=scored.notes, channel=channel)
        for batch in _batches(_spoken_windows(blocks, search, bundle, scored), BATCH_S):
            try:
                found = bundle.score_features([window.features for window in batch], only=only)
            except NetworkError as error:
                scored.error = str(error)
                continue
            scores = found.attributes | found.probabilities
            for place, window in enumerate(batch):
                scored.add(window, {name: float(scores[name][place]) for name in names})
    except AudioError as error:
        return Scored(error=error.reason)
    return scored


def _spoken_windows(read: Iterable[Samples], search: Search, bundle: Bundle, scored: Scored) -> Iterator[_SpokenWindow]:
    """Windows with enough speech; duration, speech and errors of the recording are written into `scored`."""
    speech_track = SpeechTrack()
    least = shortest_s(bundle) * RATE_HZ
    blocks = speech_track.listen(read)
    extract = bundle.windows()
    for start, samples in cut_windows(blocks, search.length_s, search.step_s, 0.0):
        stop = scored.num_samples = start + len(samples)
        speech = speech_track.share(start, stop)
        if speech < search.min_speech or len(samples) < least:
            continue
        scored.num_spoken += 1
        try:
            yield _SpokenWindow(start, stop, speech, extract(start, samples))
        except EmotoneError as error:
            scored.error = str(error)
    scored.speech_s = speech_track.speech_s


def _batches(windows: Iterable[_SpokenWindow], batch_s: float) -> Iterator[list[_SpokenWindow]]:
    """Windows in lists of about `batch_s` seconds."""
    batch: list[_SpokenWindow] = []
    num_samples = 0
    for window in windows:
        batch.append(window)
        num_samples += window.stop - window.start
        if num_samples >= batch_s * RATE_HZ:
            yield batch
            batch, num_samples = [], 0
    if batch:
        yield batch


def pick(
    start: NDArray[np.integer], stop: NDArray[np.integer], strength: NDArray[np.floating], num: int, min_gap: int
) -> list[int]:
    """Positions of up to `num` windows, from the strongest on, each at least `min_gap` from those before it.

    Windows [W] run from `start` to `stop`, both ascending and in samples, as is the gap. Greedy: the strongest is
    always taken, though some other choice might have a higher sum. Among equals the earlier comes first.

    >>> pick(np.array([0, 1, 2, 4]), np.array([2, 3, 4, 6]), np.array([5.0, 9.0, 6.0, 1.0]), 3, 0)
    [1, 3]
    """
    is_free = np.ones(len(start), bool)
    chosen: list[int] = []
    for position in np.argsort(-strength, kind="stable"):
        if len(chosen) == num:
            break
        if is_free[position]:
            chosen.append(int(position))
            first = np.searchsorted(stop, start[position] - min_gap, side="right")
            is_free[first : np.searchsorted(start, stop[position] + min_gap, side="left")] = False
    return chosen


def stand_out(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each score [W] lies above its recording's usual one: robust z-scores [W].

    (score - median) / (1.4826 * median absolute deviation): the outliers that are looked for do not move it. NaN for
    fewer than 10 scores, and where most are equal.

    >>> stand_out(np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 50])).round(1)[[0, -1]].tolist()
    [-1.2, 12.0]
    """
    distance = scores - np.median(scores)
    usual = MAD_TO_STD * np.median(np.abs(distance))
    return distance / usual if len(scores) >= FEWEST_WINDOWS and usual > 0 else np.full(len(scores), np.nan)


def _outline(
    twice_middle: NDArray[np.integer], twice_total: int, score: NDArray[np.float64], search: Search
) -> NDArray[np.float64]:
    """The most extreme score of each of P equal parts of a recording [P], NaN where none is; places in half samples.

    No part is shorter than a hop, so that speech without a pause has no gaps.
    """
    num_points = max(1, min(MOST_POINTS, int(twice_total / (2 * round(search.step_s * RATE_HZ)))))
    outline = np.full(num_points, np.nan)
    extreme = np.fmin if search.lowest else np.fmax
    extreme.at(outline, twice_middle * num_points // (twice_total + 1), score)
    return outline


def _note(scored: Scored, search: Search, bundle: str, least_s: float) -> str:
    """Why a recording has no moments, or fewer than it could have; nothing where all is well."""
    duration_s = scored.num_samples / RATE_HZ
    if duration_s < least_s:
        return f"is shorter ({duration_s:.2f} s) than {bundle} sees at once ({least_s:.2f} s)"
    if not scored.num_spoken:
        if not scored.speech_s:
            return f"holds no speech ({duration_s:.1f} s)"
        least = f"{search.min_speech:.0%} of {search.length_s:g} s"
        return f"holds too little speech ({scored.speech_s:.1f} of {duration_s:.1f} s): nowhere {least}"
    num_failed = scored.num_spoken - len(scored.start)
    return f"{num_failed} of {scored.num_spoken} windows cannot be scored ({scored.error})" if num_failed else ""


class Ranking:
    """The `num` best moments so far, with their recordings; others are forgotten with theirs."""

    def __init__(self, num: int, lowest: bool) -> None:
        self._num, self._sign = num, -1.0 if lowest else 1.0
        self._heap: list[tuple[float, int, int, Moment, Recording]] = []

    def add(self, recording: Recording, place: int) -> None:
        """Let the moments of a recording compete; of equals the earlier is the better, which `place` says."""
        for number, moment in enumerate(recording.moments):
            entry = (self._sign * moment.score, -place, -number, moment, recording)
            if len(self._heap) < self._num:
                heapq.heappush(self._heap, entry)
            else:
                heapq.heappushpop(self._heap, entry)

    def result(self) -> tuple[list[Moment], dict[str, Recording]]:
        """The moments from the best on, with ranks, and their recordings by file."""
        ordered = sorted(self._heap, reverse=True)
        moments = [replace(moment, rank=rank) for rank, (*_, moment, _) in enumerate(ordered, start=1)]
        recordings = {recording.file: replace(recording, moments=[]) for *_, recording in ordered}
        for moment in moments:
            recordings[moment.file].moments.append(moment)
        return moments, recordings
