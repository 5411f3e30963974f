"""A listening page as one HTML file that loads nothing: table, waveform, curves and player.

Its policy (Content-Security-Policy) lets the browser run the one script and the one style that are in it, play the
sounds in it, and ask no host for anything. Every text is escaped; in the data, which the script takes as text alone,
`<` and `>` are codes, so that nothing in it ends the element.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from emotone.base.version import __version__
from emotone.predict.page.content import MOST_ROWS, TRACK_COLOURS, Content, Piece, Shown, clock

HERE = Path(__file__).parent
GENERATOR = '<meta name="generator" content="Emotone '
LONG = ("recording", "note", "error")
"""Columns whose words may be broken anywhere."""
KEYS = "Space plays, ← → move by 2 s, ↑ ↓ go from row to row, + − zoom. Click into the picture or on a row."


def render_page(content: Content) -> str:
    """The page; what the table leaves out, a note says."""
    style = (HERE / "page.css").read_text(encoding="utf-8") + "\n".join(_own_rules(content)) + "\n"
    script = (HERE / "page.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; media-src blob:; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    title = text(content.title)
    head = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f'{GENERATOR}{escape(__version__)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>',
    ]
    notes = [*content.notes]
    if len(content.pieces) > MOST_ROWS:
        notes.append(f"The table has the first {MOST_ROWS} of {len(content.pieces)} rows.")
    body = [
        f"<h1>{title}</h1>\n<p>{text(content.summary)}</p>",
        *(f'<p class="warning">{text(line)}</p>' for line in content.warnings),
        *_viewer(content),
        *_table(content),
        *(f'<p class="note">{text(line)}</p>' for line in notes),
        f"<footer>Emotone {escape(__version__)}</footer>",
    ]
    data = f'<script type="application/json" id="data">{_data(content)}</script>\n<script>{script}</script>'
    return "\n".join([*head, *body, data, "</body>\n</html>\n"])


def text(words: str) -> str:
    """Words for the page: escaped, and what UTF-8 does not have as codes.

    >>> text("<b> & \\udcff")
    '&lt;b&gt; &amp; \\\\udcff'
    """
    return escape(words.encode("utf-8", "backslashreplace").decode())


def _viewer(content: Content) -> Iterator[str]:
    """Player, picture and legend; nothing where no recording is drawn."""
    if not content.recordings:
        return
    yield '<section id="viewer" aria-label="Player">'
    yield "<noscript>The picture and the player need scripts; the table does not.</noscript>"
    yield '<div class="bar"><button id="play" type="button" aria-label="Play">▶</button>'
    yield '<span id="time" class="time">0:00</span>'
    if len(content.recordings) > 1:
        names = "".join(f"<option>{text(name)}</option>" for name in short_names(content.recordings))
        yield f'<select id="recording" aria-label="Recording">{names}</select>'
    yield '<span id="now" role="status"></span><span class="zoom">'
    yield '<button id="out" type="button" aria-label="Zoom out">−</button>'
    yield '<button id="in" type="button" aria-label="Zoom in">+</button></span></div>'
    yield '<div id="stage" tabindex="0" role="slider" aria-label="Time" aria-valuemin="0">'
    yield '<canvas id="picture"></canvas><div id="cursor"></div><div id="tip" hidden></div></div>'
    entries = [
        f'<span data-k="{place}"><i></i>{text(kind.name)}{_share(kind.share)}</span>'
        for place, kind in enumerate(content.legend)
    ]
    tracks = next((shown.tracks for shown in content.recordings if shown.tracks), ())
    are_alike = len({(track.low, track.high) for track in tracks}) <= 1  # so that the picture has their scale
    for place, track in enumerate(tracks):
        limits = "" if are_alike else f", {track.low:.3g} to {track.high:.3g}"
        entries.append(f'<span class="line" data-t="{place}"><i></i>{text(track.name)}{limits}</span>')
    yield f'<div class="legend">{"".join(entries)}</div></section>'
    yield f'<p class="note keys">{KEYS}</p>'


def short_names(recordings: Sequence[Shown]) -> list[str]:
    """Names of several recordings without the folders that all of them are in.

    >>> from emotone.predict.page.sound import listen
    >>> sound = listen("examples/jfk.wav", None)
    >>> short_names([Shown("a/b/1.wav", sound), Shown("a/b/c/2.wav", sound)])
    ['1.wav', 'c/2.wav']
    """
    names = [shown.name for shown in recordings]
    size = _folder_size(os.path.commonprefix([name[: _folder_size(name)] for name in names]))
    return [name[size:] for name in names]


def _folder_size(name: str) -> int:
    """How long the folder is that a name begins with, as any system writes it.

    >>> _folder_size("calls/a.wav"), _folder_size("C:\\\\calls\\\\a.wav"), _folder_size("a.wav")
    (6, 9, 0)
    """
    return max(name.rfind("/"), name.rfind("\\")) + 1


def _share(share: float | None) -> str:
    return "" if share is None else f" {share:.0%}"


def _table(content: Content) -> Iterator[str]:
    if not content.pieces:
        yield "<p>There is nothing to show.</p>"
        return
    heads = "".join(f'<th scope="col" data-kind="{column.kind}">{text(column.name)}</th>' for column in content.columns)
    yield f'<div class="wide"><table id="pieces"><thead><tr>{heads}</tr></thead><tbody>'
    for piece in content.pieces[:MOST_ROWS]:
        yield f"<tr{_places(piece)}>{''.join(f'<td>{text(cell)}' for cell in piece.cells)}"
    yield "</tbody></table></div>"


def _places(piece: Piece) -> str:
    """What a row says of its piece: recording, start, end, and as far as there are, category and lane."""
    if piece.recording is None:
        return "" if piece.kind is None else f' data-k="{piece.kind}"'
    kind = "" if piece.kind is None else f' data-k="{piece.kind}"'
    lane = f' data-l="{piece.lane}"' if piece.lane else ""
    return f' data-r="{piece.recording}" data-s="{piece.start_s:.6g}" data-e="{piece.end_s:.6g}"{kind}{lane}'


def _own_rules(content: Content) -> Iterator[str]:
    """Rules of this page's colours and columns."""
    for place, kind in enumerate(content.legend):
        yield f'[data-k="{place}"] {{ --c: {kind.colour}; }}'
    for place, colour in enumerate(TRACK_COLOURS):
        yield f'[data-t="{place}"] {{ --c: {colour}; }}'
    numbers = _columns(content, lambda column: column.kind != "text")
    if numbers:
        yield f"{numbers} {{ text-align: right; white-space: nowrap; }}"
    long = _columns(content, lambda column: column.name in LONG)
    if long:
        yield f"{long} {{ overflow-wrap: anywhere; min-width: 9rem; }}"
    minor = _columns(content, lambda column: column.is_minor)
    if minor:
        yield f"@media (max-width: 46rem) {{ {minor} {{ display: none; }} }}"


def _columns(content: Content, is_one: Any) -> str:
    """The selector of columns; "" for none."""
    places = [place for place, column in enumerate(content.columns, start=1) if is_one(column)]
    return ", ".join(f"#pieces tr > :nth-child({place})" for place in places)


def _data(content: Content) -> str:
    """What the script draws and plays, as JSON without `<`, `>` and `&`."""
    kinds = [{"name": _plain(kind.name), "colour": kind.colour} for kind in content.legend]
    pieces = []
    if len(content.pieces) > MOST_ROWS:  # drawn, though the table does not have them
        pieces = [
            [
                piece.recording,
                round(piece.start_s, 3),
                round(piece.end_s, 3),
                -1 if piece.kind is None else piece.kind,
                piece.lane,
            ]
            for piece in content.pieces[MOST_ROWS:]
            if piece.recording is not None
        ]
    about = {
        "recordings": [_recording(shown) for shown in content.recordings],
        "kinds": kinds,
        "tracks": list(TRACK_COLOURS),
        "marked": content.is_marked,
        "labels": [_plain(piece.label) for piece in content.pieces[:MOST_ROWS]] if content.is_marked else [],
        "more": pieces,
    }
    return json.dumps(about, separators=(",", ":")).translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"})


def _plain(words: str) -> str:
    return words.encode("utf-8", "backslashreplace").decode()


def _recording(shown: Shown) -> dict[str, Any]:
    sound = shown.sound
    return {
        "name": _plain(shown.name),
        "length": round(sound.duration_s, 3),
        "clock": clock(sound.duration_s),
        "peaks": _base64(sound.peaks.tobytes()),
        "clips": [[round(clip.start_s, 3), round(clip.end_s, 3), _base64(clip.content)] for clip in sound.clips],
        "lanes": [_plain(lane) for lane in shown.lanes],
        "tracks": [
            {
                "low": track.low,
                "high": track.high,
                "level": track.level,
                "points": [
                    [round(time_s, 2), None if score is None else float(f"{score:.4g}")]
                    for time_s, score in track.points
                ],
            }
            for track in shown.tracks
        ],
    }


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _hash(source: str) -> str:
    """A text as Content-Security-Policy names it."""
    return "sha256-" + _base64(hashlib.sha256(source.encode()).digest())
