"""Found moments as a listening page: their table, and the recordings with the moments marked in waveform and curve.

It is written with the standard library and the runtime's packages, so that retrieval needs none that reports need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from emotone.audio.read import AudioError
from emotone.predict.page.content import Column, Content, Piece, Shown, Track, clock, clock_tenths, num_shown
from emotone.predict.page.html import render_page as render
from emotone.predict.page.predicted import MOST_FAILED, RIGHTS
from emotone.predict.page.sound import Clip, Sound, encode_clip, listen, share_of_bytes
from emotone.predict.retrieve.findings import Findings, Moment, Recording

MOST_CLIPS = 100
"""Clips of 3 s are 12 kB each."""
CONFIDENCE = (
    "Confidence says how far a moment stands out of the speech of its own recording, in robust standard deviations "
    "from the median; it is no probability. Empty: too little speech to tell."
)


def render_page(findings: Findings, paths: Mapping[str, str] | None = None) -> str:
    """The page as HTML; what it leaves out stands at its end. paths: where recordings lie that are called otherwise."""
    return render(show_findings(findings, paths))


def show_findings(findings: Findings, paths: Mapping[str, str] | None = None) -> Content:
    """The moments as a page; recordings with moments are read once more, for their sound.

    Recordings are heard whole where a page takes them all, else their moments, the first `MOST_CLIPS`.
    """
    search = findings.search
    recordings = list(findings.recordings.values())
    recordings = recordings[: num_shown([recording.duration_s for recording in recordings])]
    shown, notes = _shown(recordings, findings, paths or {})
    places = {recording.name: place for place, recording in enumerate(shown)}
    count = f"{findings.num_recordings} recording{_s(findings.num_recordings)}"
    num = len(findings.moments)
    return Content(
        title=f"{search.direction.capitalize()} {search.attribute}: {num} moment{_s(num)}",
        summary=(
            f"{count}, {clock(findings.duration_s)}, of which speech {clock(findings.speech_s)}. Windows of "
            f"{search.length_s:g} s with at least {search.min_speech:.0%} speech, scored by {findings.bundle}."
        ),
        columns=COLUMNS,
        pieces=[_piece(moment, places.get(moment.file)) for moment in findings.moments],
        recordings=shown,
        warnings=_warnings(findings),
        notes=notes,
        is_marked=True,
    )


COLUMNS = (
    Column("rank", "number"),
    Column("start", "start"),
    Column("end", "end"),
    Column("score", "number"),
    Column("confidence", "number"),
    Column("speech", "number", is_minor=True),
    Column("recording", "text"),
)


def _s(num: int) -> str:
    return "" if num == 1 else "s"


def _warnings(findings: Findings) -> list[str]:
    failed = [f"{recording.file}: {recording.error}" for recording in findings.failed]
    warnings = [*filter(None, [findings.caution]), *failed[:MOST_FAILED], *findings.notes]
    if len(failed) > MOST_FAILED:
        warnings.append(f"and {len(failed) - MOST_FAILED} more that could not be used")
    return warnings


def _piece(moment: Moment, recording: int | None) -> Piece:
    confidence = "" if np.isnan(moment.confidence) else f"{moment.confidence:.1f}"
    numbers = (f"{moment.score:.2f}", confidence, f"{moment.speech:.0%}")
    cells = (str(moment.rank), clock_tenths(moment.start_s), clock_tenths(moment.end_s), *numbers, moment.file)
    return Piece(recording, moment.start_s, moment.end_s, cells, label=str(moment.rank))


def _shown(
    recordings: Sequence[Recording], findings: Findings, paths: Mapping[str, str]
) -> tuple[list[Shown], list[str]]:
    """The recordings with their sounds and curves, all on one scale, and what is to be said of them."""
    rate, num = share_of_bytes([recording.duration_s for recording in recordings])
    is_whole = num == len(recordings)
    shown, notes = [], [CONFIDENCE] if findings.moments else []
    for recording in recordings:
        try:
            path = paths.get(recording.file, recording.file)
            sound = listen(path, rate) if is_whole else _moments_of(recording, path)
        except AudioError as error:
            notes.append(f"{recording.file}: {error.reason}")
            continue
        shown.append(Shown(recording.file, sound, [_track(recording, recordings, findings.search.attribute)]))
    if shown:
        notes.append(
            f"The curve is the {findings.search.direction} score of the windows in each part of a recording; gaps are "
            f"pauses, music and noise. The dashed line is the recording's median. {RIGHTS}"
        )
    if shown and not is_whole:
        num_clips = min(MOST_CLIPS, sum(len(one.sound.clips) for one in shown))
        notes.append(f"Of these recordings the sound of the first {num_clips} moments is part of the page.")
    more = len(findings.recordings) - len(shown)
    if more:
        notes.append(f"{more} more recordings with moments are in the table alone.")
    return shown, notes


def _moments_of(recording: Recording, path: str) -> Sound:
    """A recording of which only the best moments are heard."""
    sound = listen(path, None)
    clips: list[Clip] = [
        encode_clip(path, moment.start_s, moment.end_s) for moment in recording.moments if moment.rank <= MOST_CLIPS
    ]
    return Sound(sound.duration_s, sound.peaks, clips)


def _track(recording: Recording, recordings: Sequence[Recording], name: str) -> Track:
    """The outline of a recording's scores over time, in the range of all of them."""
    values = np.concatenate([other.outline for other in recordings])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = max(0.05 * (high - low), 0.01)
    step_s = recording.duration_s / len(recording.outline)
    points = [
        ((place + 0.5) * step_s, None if np.isnan(score) else float(score))
        for place, score in enumerate(recording.outline)
    ]
    return Track(name, low - margin, high + margin, points, level=recording.median)
