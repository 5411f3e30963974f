"""A page's recordings as a picture, SVG or PNG: waveforms coloured by category, and the attributes below."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotone.base import figure
from emotone.base.files import replace_file
from emotone.predict.page.content import TRACK_COLOURS, Content, Piece, Shown, clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG_MARK, PNG_MARK = b"<!-- made by emotone predict -->", b"Software\0Emotone"
"""By which a picture is known to be one of these."""
MOST_RECORDINGS = 10
MOST_COLUMNS = 1500
"""Of a waveform, which is drawn 1000 to 1500 pixels wide."""
GREY = "#b3bdc4"


def write_picture(content: Content, path: Path) -> None:
    """Draw the recordings of a page, one below the other, to a file whose suffix is .svg or .png.

    Raises EmotoneError without matplotlib.
    """
    drawn = _draw(content)
    with replace_file(path) as temporary:
        if path.suffix.lower() == ".png":
            drawn.savefig(temporary, format="png", dpi=150, metadata={"Software": "Emotone"})
        else:
            temporary.write_bytes(SVG_MARK + b"\n" + figure.svg(drawn).encode("utf-8", "replace"))


def _draw(content: Content) -> Figure:
    with_tracks = any(shown.tracks for shown in content.recordings)
    rows = 2 if with_tracks else 1
    num = max(1, len(content.recordings))
    drawn, axes = figure.panels(rows * num, 1, figure.WIDTH_IN, (3.6 if with_tracks else 1.8) * num)
    for place, shown in enumerate(content.recordings):
        own = [piece for piece in content.pieces if piece.recording == place]
        _draw_wave(axes[rows * place], shown, own, content)
        if with_tracks:
            _draw_tracks(axes[rows * place + 1], shown)
    _add_legend(drawn, content)
    return drawn


def _draw_wave(axes: Axes, shown: Shown, pieces: list[Piece], content: Content) -> None:
    """The waveform in grey, and where there are pieces, in the colours of their categories."""
    peaks = shown.sound.peaks / 255
    size = max(1, len(peaks) // MOST_COLUMNS)
    starts = np.arange(0, len(peaks), size)
    heights = np.maximum.reduceat(peaks, starts)
    time_s = (starts + size / 2) / len(peaks) * shown.sound.duration_s
    width_pt = 72 * figure.WIDTH_IN / len(heights)
    colours = np.full(len(heights), GREY, dtype=object)
    for piece in pieces:
        colour = figure.COLOURS[0] if piece.kind is None else content.legend[piece.kind].colour
        colours[(time_s >= piece.start_s) & (time_s < piece.end_s)] = colour
        axes.axvspan(piece.start_s, piece.end_s, color=colour, alpha=0.14, linewidth=0)
    for colour in dict.fromkeys(colours):
        chosen = colours == colour
        axes.vlines(time_s[chosen], -heights[chosen], heights[chosen], color=colour, linewidth=width_pt)
    axes.set(xlim=(0, shown.sound.duration_s), ylim=(-1, 1), yticks=[])
    axes.set_title(figure.plain(shown.name), loc="left", fontsize=9)
    _show_times(axes, shown)


def _draw_tracks(axes: Axes, shown: Shown) -> None:
    for place, track in enumerate(shown.tracks):
        scores = [np.nan if score is None else score for _, score in track.points]
        colour = TRACK_COLOURS[place % len(TRACK_COLOURS)]
        axes.plot([time_s for time_s, _ in track.points], scores, color=colour, linewidth=1.6)
    low, high = min(track.low for track in shown.tracks), max(track.high for track in shown.tracks)
    axes.set(xlim=(0, shown.sound.duration_s), ylim=(low, high))
    _show_times(axes, shown)


def _show_times(axes: Axes, shown: Shown) -> None:
    axes.xaxis.set_major_formatter(
        lambda seconds, _: clock(seconds) if shown.sound.duration_s >= 60 else f"{seconds:g} s"
    )


def _add_legend(drawn: Figure, content: Content) -> None:
    """The categories that some piece has, and the attributes, below the picture."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    used = {piece.kind for piece in content.pieces}
    handles: list[Patch | Line2D] = [
        Patch(color=kind.colour, label=figure.plain(kind.name))
        for place, kind in enumerate(content.legend)
        if place in used
    ]
    tracks = content.recordings[0].tracks if content.recordings else ()
    handles += [
        Line2D([], [], color=TRACK_COLOURS[place % len(TRACK_COLOURS)], label=figure.plain(track.name))
        for place, track in enumerate(tracks)
    ]
    if handles:
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False, fontsize=8)
