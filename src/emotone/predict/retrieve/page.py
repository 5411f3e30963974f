"""Found moments as a page: a table with players, and the curve of each recording with its moments marked.

The page is one file without scripts that loads nothing from elsewhere: clips are data: addresses, curves are SVG. It is
written with the standard library, so that retrieval needs none of the packages that reports need.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from html import escape

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, load_audio
from emotone.base.page import Player
from emotone.base.version import __version__
from emotone.predict.retrieve.findings import Findings, Moment, Recording

MOST_PLAYERS = 100
"""Clips of 3 s are 15 kB each."""
MOST_ERRORS = 10
MOST_CURVES = 20
MOST_LABELS = 30
WIDTH, HEIGHT = 940, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 20, 26
TIME_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
SCORE_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def render_page(findings: Findings) -> str:
    """The page as HTML; every text is escaped, since file names come from anywhere."""
    search = findings.search
    title = f"{search.direction.capitalize()} {search.attribute}: {len(findings.moments)} moments"
    failed = [f"{recording.file}: {recording.error}" for recording in findings.failed]
    count = f"{findings.num_recordings} recording{'s' if findings.num_recordings > 1 else ''}"
    summary = (
        f"{count}, {clock(findings.duration_s)}, of which speech {clock(findings.speech_s)}. Windows of "
        f"{search.length_s:g} s with at least {search.min_speech:.0%} speech, scored by {findings.bundle}."
    )
    warnings = [*filter(None, [findings.caution]), *failed[:MOST_ERRORS], *findings.notes]
    if len(failed) > MOST_ERRORS:
        warnings.append(f"and {len(failed) - MOST_ERRORS} more that could not be used")
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(summary)}</p>",
        *(f'<p class="warning">{_escaped(line)}</p>' for line in warnings),
        *_table(findings.moments),
        *_curves(findings),
        f"<footer>Emotone {escape(__version__)}</footer>",
    ]
    return PAGE.format(title=escape(title), body="\n".join(body))


def clock(seconds: float) -> str:
    """A time as people read it.

    >>> clock(75.2), clock(3600)
    ('1:15', '1:00:00')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def encode_clip(moment: Moment) -> bytes:
    """A moment's audio as Ogg Opus, 16 kHz."""
    held = io.BytesIO()
    samples = load_audio(moment.file, moment.start_s, moment.end_s)
    soundfile.write(held, samples, RATE_HZ, format="OGG", subtype="OPUS")
    return held.getvalue()


def _table(moments: list[Moment]) -> Iterator[str]:
    if not moments:
        yield "<p>No moments.</p>"
        return
    names = ("rank", "", "start (s)", "end (s)", "score", "confidence", "speech")
    yield '<div class="wide"><table><tr>' + "".join(f'<th class="number">{name}</th>' for name in names)
    yield "<th>recording</th></tr>"
    for moment in moments:
        player = ""
        if moment.rank <= MOST_PLAYERS:
            player = f'<audio controls preload="none" src="{Player(encode_clip(moment)).source}"></audio>'
        confidence = "–" if np.isnan(moment.confidence) else f"{moment.confidence:.1f}"
        numbers = (f"{moment.start_s:.2f}", f"{moment.end_s:.2f}", f"{moment.score:.2f}", confidence)
        yield f'<tr id="m{moment.rank}"><td class="number">{moment.rank}</td><td>{player}</td>'
        yield "".join(f'<td class="number">{text}</td>' for text in (*numbers, f"{moment.speech:.0%}"))
        yield f"<td>{_escaped(moment.file)}</td></tr>"
    yield "</table></div>"
    notes = [
        "Confidence says how far a moment stands out of the speech of its own recording, in robust standard deviations "
        "from the median; it is no probability. A dash: too little speech to tell.",
        "The clips are part of this page: mind the rights in the recordings before you pass it on.",
    ]
    if len(moments) > MOST_PLAYERS:
        notes.append(f"The first {MOST_PLAYERS} moments have a player.")
    yield f'<p class="note">{" ".join(notes)}</p>'


def _curves(findings: Findings) -> Iterator[str]:
    """The curves of the recordings with moments, those with the best first, all on one scale."""
    recordings = list(findings.recordings.values())[:MOST_CURVES]
    if not recordings:
        return
    search = findings.search
    values = np.concatenate([recording.outline for recording in recordings])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = max(0.05 * (high - low), 0.01)
    yield f"<h2>{escape(search.attribute.capitalize())} over time</h2>"
    for recording in recordings:
        yield f"<h3>{_escaped(recording.file)}</h3>"
        yield f"<figure>{draw_curve(recording, low - margin, high + margin)}</figure>"
    more = len(findings.recordings) - len(recordings)
    yield (
        f'<p class="note">The {search.direction} score of the windows in each part of a recording; gaps are pauses, '
        "music and noise. The dashed line is the recording's median. Marked: the moments, by rank."
        f"{f' {more} more recordings with moments are not drawn.' if more else ''}</p>"
    )


def draw_curve(recording: Recording, low: float, high: float) -> str:
    """The outline of a recording as SVG, scores from `low` to `high`, each moment a link to its row of the table."""
    total_s = recording.duration_s

    def across(time_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * time_s / total_s

    def down(score: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - score) / (high - low)

    floor = HEIGHT - BOTTOM
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">']
    for moment in recording.moments:
        left, right = across(moment.start_s), across(moment.end_s)
        label = f"{moment.rank}: {moment.start_s:.2f} to {moment.end_s:.2f} s, {moment.score:.2f}"
        parts.append(f'<a href="#m{moment.rank}"><title>{label}</title>')
        parts.append(
            f'<rect class="moment" x="{left:.1f}" y="{TOP}" width="{max(2, right - left):.1f}" height="{floor - TOP}"/>'
        )
        if len(recording.moments) <= MOST_LABELS:
            parts.append(f'<text class="rank" x="{(left + right) / 2:.1f}" y="{TOP - 5}">{moment.rank}</text>')
        parts.append("</a>")
    for score in _ticks(low, high, SCORE_STEPS, 5):
        parts.append(f'<path class="grid" d="M{LEFT} {down(score):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="left" x="{LEFT - 6}" y="{down(score) + 4:.1f}">{score:g}</text>')
    for time_s in _ticks(0.0, total_s, TIME_STEPS_S, 10):
        text = clock(time_s) if total_s >= 60 else f"{time_s:g} s"
        parts.append(f'<text class="below" x="{across(time_s):.1f}" y="{HEIGHT - 8}">{text}</text>')
    parts.append(f'<path class="median" d="M{LEFT} {down(recording.median):.1f}H{WIDTH - RIGHT}"/>')
    parts.append(f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}"/>')
    step_s = total_s / len(recording.outline)
    for places in _runs(recording.outline):
        points = (f"{across((place + 0.5) * step_s):.1f} {down(recording.outline[place]):.1f}" for place in places)
        parts.append(f'<path class="curve" d="M{"L".join(points)}{"h0" if len(places) == 1 else ""}"/>')
    return "".join([*parts, "</svg>"])


def _runs(values: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Places of the numbers, those next to each other together: a curve is drawn without its gaps.

    >>> [places.tolist() for places in _runs(np.array([1, np.nan, 2, 3]))]
    [[0], [2, 3]]
    """
    places = np.flatnonzero(~np.isnan(values))
    return [run for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(run)]


def _ticks(low: float, high: float, steps: Iterable[float], most: int) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` of them.

    >>> _ticks(2.3, 4.1, SCORE_STEPS, 5)
    [2.5, 3.0, 3.5, 4.0]
    """
    for step in itertools.chain(steps, (10.0**power for power in itertools.count(3))):
        first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
        if last - first < most:
            return [round(step * number, 6) for number in range(first, last + 1)]
    return []


def _escaped(text: str) -> str:
    """Text with file names in it for the page: escaped, and what UTF-8 does not have as codes."""
    return escape(text.encode("utf-8", "backslashreplace").decode())


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1d2327; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; margin-bottom: .6rem; }}
h3 {{ font-size: .95rem; margin: 1.4rem 0 .2rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin-top: 2.6rem; padding-bottom: .2rem; border-bottom: 1px solid #d8dde0; }}
table {{ border-collapse: collapse; font-size: .88rem; margin: .6rem 0; }} .wide {{ overflow-x: auto; }}
th, td {{ text-align: left; padding: .2rem 1.1rem .2rem 0; border-bottom: 1px solid #e6eaec; }}
td {{ font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
.number {{ text-align: right; white-space: nowrap; }}
tr:target {{ background: #fdf0d5; }} audio {{ height: 1.9rem; width: 14rem; vertical-align: middle; }}
figure {{ margin: 0; }} svg {{ max-width: 100%; height: auto; font-size: 12px; }} text {{ fill: #5f6b73; }}
.curve {{ fill: none; stroke: #0b6e99; stroke-width: 1.4; stroke-linecap: round; stroke-linejoin: round; }}
.median {{ stroke: #5f6b73; stroke-dasharray: 4 4; }} .axis {{ stroke: #5f6b73; }} .grid {{ stroke: #e6eaec; }}
.moment {{ fill: #d1495b; fill-opacity: .22; }} .rank {{ fill: #d1495b; font-weight: 600; text-anchor: middle; }}
.left {{ text-anchor: end; }} .below {{ text-anchor: middle; }}
.warning {{ background: #fff1f0; border-left: 4px solid #d1495b; padding: .6rem .9rem; overflow-wrap: anywhere; }}
.note, footer {{ color: #5f6b73; font-size: .85rem; }} footer {{ margin-top: 3rem; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
