"""A prediction as notebooks show it: a player, scores and probabilities, and the curve; HTML without scripts.

Nothing is loaded from elsewhere: sound is a data: address, the curve SVG. The colours are the notebook's own, light or
dark, and every text is escaped, since file names come from anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emotone.audio.ogg import encode_ogg
from emotone.audio.read import AudioError, load_audio
from emotone.audio.words.transcripts import is_text_file
from emotone.base.figure import COLOURS
from emotone.base.page import Player
from emotone.predict.curve import Curve

MOST_HEARD_S = 120.0
"""Of a recording, which become some 700 kB of the notebook."""
MOST_POINTS = 1_000
"""Of a line; of more, every so many-th is drawn."""
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 160, 40, 18, 8
NO_FILE = ("array", "text", "stream")
"""What predictions are of that have no file to be heard."""
STYLE = """<style>
.emotone-shown table { border-collapse: collapse; margin: .4em 0; color: inherit; } .emotone-shown p { margin: .3em 0; }
.emotone-shown td { text-align: left; padding: .1em .8em .1em 0; border: 0; background: none; }
.emotone-shown .bar { display: inline-block; height: .7em; background: #0b8aa8; min-width: 1px; }
.emotone-shown svg { max-width: 100%; height: auto; color: inherit; } .emotone-shown small { opacity: .75; }
</style>"""


class Shown(Protocol):
    """What is shown of a `Prediction`."""

    file: str
    start_s: float | None
    end_s: float | None
    scores: dict[str, float]
    probabilities: dict[str, float]
    curve: Curve | None
    error: str
    note: str

    @property
    def labels(self) -> Mapping[str, str | None]: ...


def to_html(shown: Shown) -> str:
    """The prediction as one element of a page.

    The sound of a file is read for it, at most its first two minutes; where there is none to hear, a line says why.
    """
    return "\n".join([STYLE, '<div class="emotone-shown">', *_parts(shown), "</div>"])


def _parts(shown: Shown) -> Iterator[str]:
    lasts = "" if shown.end_s is None else f" <small>{shown.end_s - (shown.start_s or 0.0):.1f} s</small>"
    yield f"<p><b>{_text(shown.file)}</b>{lasts}</p>"
    if shown.error:
        yield f"<p>error: {_text(shown.error)}</p>"
        return
    if shown.note:
        yield f"<p>{_text(shown.note)}</p>"
    yield _player(shown)
    yield f"<table>{''.join(_rows(shown))}</table>"
    if shown.curve is not None and len(shown.curve.start_s) > 1:
        yield _draw(shown.curve, list(shown.scores) or list(shown.probabilities))


def _player(shown: Shown) -> str:
    if shown.file in NO_FILE or is_text_file(shown.file):
        return f"<p><small>no player: a prediction of {'a text' if shown.end_s is None else 'samples'}</small></p>"
    try:
        samples = load_audio(shown.file, end_s=MOST_HEARD_S)
    except AudioError as error:  # it has gone since
        return f"<p><small>no player: the file {_text(error.reason)}</small></p>"
    is_cut = shown.end_s is not None and shown.end_s > MOST_HEARD_S
    cut = f" <small>the first {MOST_HEARD_S / 60:g} minutes</small>" if is_cut else ""
    source = Player(encode_ogg(samples, "vorbis")).source  # at once, where Opus would keep the cell waiting
    return f'<p><audio controls preload="metadata" src="{source}"></audio>{cut}</p>'


def _rows(shown: Shown) -> Iterator[str]:
    for target, label in shown.labels.items():
        yield f"<tr><td>{_text(target)}</td><td><b>{_text(label or '–')}</b></td><td></td></tr>"
    for name, score in shown.scores.items():
        yield f"<tr><td>{_text(name)}</td><td>{score:.2f}</td><td></td></tr>"
    for name, share in sorted(shown.probabilities.items(), key=lambda item: -item[1]):
        bar = f'<span class="bar" style="width:{6 * share:.2f}em"></span>'
        yield f"<tr><td>{_text(name)}</td><td>{share:.2f}</td><td>{bar}</td></tr>"


def _draw(curve: Curve, names: list[str]) -> str:
    """The curve's columns over time as SVG, with a legend; nothing where none has a score."""
    names = [name for name in names if name in curve.columns and np.isfinite(curve.columns[name]).any()]
    if not names:
        return ""
    values = np.concatenate([curve.columns[name] for name in names])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = max(0.05 * (high - low), 0.01)
    low, high, first_s, last_s = low - margin, high + margin, float(curve.start_s[0]), float(curve.end_s.max())

    def across(time_s: float) -> float:
        return LEFT + (WIDTH - LEFT) * (time_s - first_s) / (last_s - first_s)

    def down(score: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - score) / (high - low)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" font-size="12" fill="currentColor">']
    parts += [f'<text x="0" y="{down(score) + 4:.0f}">{score:.2f}</text>' for score in (low + margin, high - margin)]
    ends = ((LEFT, "start", first_s), (WIDTH, "end", last_s))
    parts += [f'<text x="{x}" y="{HEIGHT - 3}" text-anchor="{anchor}">{at:.1f} s</text>' for x, anchor, at in ends]
    for name, colour in zip(names, _colours(len(names)), strict=True):
        path = "".join(
            f"M{across(start):.1f} {down(scores[0]):.1f}H{across(end):.1f}"
            if len(scores) == 1
            else "M" + "L".join(f"{across(at):.1f} {down(score):.1f}" for at, score in zip(times, scores, strict=True))
            for start, end, times, scores in _runs(curve, curve.columns[name])
        )
        title = f"<title>{_text(name)}</title>"
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8">{title}</path>')
    legend = "".join(
        f'<span style="color:{colour}">━</span> {_text(name)} &nbsp; '
        for name, colour in zip(names, _colours(len(names)), strict=True)
    )
    return f"<p>{legend}</p>{''.join([*parts, '</svg>'])}"


def _runs(
    curve: Curve, scores: NDArray[np.float64]
) -> Iterator[tuple[float, float, NDArray[np.float64], NDArray[np.float64]]]:
    """The pieces that have a score and touch, those next to each other together: start, end, midpoints, scores."""
    every = math.ceil(len(scores) / MOST_POINTS)
    known = np.flatnonzero(np.isfinite(scores))
    apart = (np.diff(known) > 1) | (curve.start_s[known[1:]] > curve.end_s[known[:-1]] + 1e-6)
    for run in np.split(known, np.flatnonzero(apart) + 1):
        places = run[::every]
        yield float(curve.start_s[run[0]]), float(curve.end_s[run[-1]]), curve.time_s[places], scores[places]


def _colours(num: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(num)]


def _text(words: str) -> str:
    """Words for the page: escaped, and what UTF-8 does not have as codes.

    >>> _text("<b> & \\udcff")
    '&lt;b&gt; &amp; \\\\udcff'
    """
    return escape(words.encode("utf-8", "backslashreplace").decode())
