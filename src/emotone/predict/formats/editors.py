"""Files of editors, as text: SubRip, WebVTT, Praat's TextGrid, ELAN's EAF, label tracks of Audacity.

Sources: WebVTT (W3C, 2019); Praat's manual, "TextGrid file formats"; the schema EAFv3.0.xsd; Audacity's manual,
"Importing and exporting labels". SubRip has no standard: what players agree on is taken. Times are in seconds, texts
are one line each.
"""

from __future__ import annotations

import datetime
import mimetypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from emotone.base.files import file_state
from emotone.predict.formats.segments import Interval, Recording

NO_MARKUP = str.maketrans("<>{}", "‹›()")
"""SubRip cannot write these but as markup, which players carry out or leave out."""
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"


class Editor(NamedTuple):
    """The suffix of an editor's files, and the text of one."""

    suffix: str
    text: Callable[[Recording], str]


def srt(pieces: Iterable[Interval]) -> str:
    """SubRip: numbered subtitles; of markup the characters are others that look alike.

    >>> print(srt([Interval(0.5, 3661.25, "calm <b> 0.75")]), end="")
    1
    00:00:00,500 --> 01:01:01,250
    calm ‹b› 0.75
    <BLANKLINE>
    """
    return "".join(
        f"{number}\n{_clock(piece.start_s, ',')} --> {_clock(piece.end_s, ',')}\n{piece.text.translate(NO_MARKUP)}\n\n"
        for number, piece in enumerate(pieces, start=1)
    )


def vtt(recording: Recording) -> str:
    """WebVTT: subtitles, each in the voice of who is heard.

    >>> from emotone.predict.formats.segments import Segment
    >>> print(vtt(Recording("a.wav", 3.0, [Segment(0.0, 1.5, "Ann & Bo", {"emotion": ("calm", 0.75)})])), end="")
    WEBVTT
    <BLANKLINE>
    00:00:00.000 --> 00:00:01.500
    <v Ann &amp; Bo>calm 0.75</v>
    """
    cues = []
    for piece in recording.segments:
        text = escape(piece.text)
        spoken = f"<v {escape(piece.who)}>{text}</v>" if piece.who else text
        cues.append(f"\n{_clock(piece.start_s, '.')} --> {_clock(piece.end_s, '.')}\n{spoken}\n")
    return "WEBVTT\n" + "".join(cues)


def _clock(time_s: float, point: str) -> str:
    ms = round(1000 * time_s)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


def textgrid(duration_s: float, tiers: Mapping[str, Sequence[Interval]]) -> str:
    """Praat's long text format: interval tiers, whose pieces do not overlap, and intervals without a text between them.

    >>> print(textgrid(2.0, {"mood": [Interval(0.5, 2.0, '"calm"')]}).split("intervals: ")[1], end="")
    size = 2
            intervals [1]:
                xmin = 0.000000
                xmax = 0.500000
                text = ""
            intervals [2]:
                xmin = 0.500000
                xmax = 2.000000
                text = \"""calm\"""
    """
    end = f"{duration_s:.6f}"
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, pieces) in enumerate(tiers.items(), start=1):
        intervals = _filled(pieces, end)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_praat_text(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end}", f"        intervals: size = {len(intervals)}"]
        for place, (start, stop, text) in enumerate(intervals, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start}", f"            xmax = {stop}"]
            lines.append(f"            text = {_praat_text(text)}")
    return "\n".join(lines) + "\n"


def _filled(pieces: Iterable[Interval], end: str) -> list[tuple[str, str, str]]:
    """The pieces, and what lies between them, up to the end: times in microseconds, so that none is empty."""
    intervals: list[tuple[str, str, str]] = []
    position = f"{0:.6f}"
    for piece in pieces:
        start, stop = f"{piece.start_s:.6f}", f"{piece.end_s:.6f}"
        if float(start) > float(position):
            intervals.append((position, start, ""))
            position = start
        if float(stop) > float(position):
            intervals.append((position, stop, piece.text))
            position = stop
    return [*intervals, (position, end, "")] if position != end else intervals


def _praat_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def eaf(recording: Recording) -> str:
    """ELAN's format, with the path of the recording and, as its date, that of the recording's last change.

    >>> from emotone.predict.formats.segments import Segment
    >>> text = eaf(Recording("a.wav", 3.0, [Segment(0.0, 1.5, "Ann", {"emotion": ("calm", 0.75)})]))
    >>> "<ANNOTATION_VALUE>calm 0.75</ANNOTATION_VALUE>" in text, 'TIME_SLOT_ID="ts2" TIME_VALUE="1500"' in text
    (True, True)
    """
    slots: list[str] = []
    tiers: list[str] = []
    number = 0
    for name, pieces in recording.tiers.items():
        tiers.append(f"    <TIER LINGUISTIC_TYPE_REF={quoteattr('default-lt')} TIER_ID={quoteattr(name)}>")
        for piece in pieces:
            number += 1
            first, second = f"ts{2 * number - 1}", f"ts{2 * number}"
            for slot, time_s in ((first, piece.start_s), (second, piece.end_s)):
                slots.append(f'        <TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{round(1000 * time_s)}"/>')
            tiers.append(
                f'        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="{first}" '
                f'TIME_SLOT_REF2="{second}"><ANNOTATION_VALUE>{escape(piece.text)}</ANNOTATION_VALUE>'
                "</ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
        tiers.append("    </TIER>")
    path = Path(recording.file)
    kind = mimetypes.guess_type(path.name)[0] or "audio/x-wav"
    changed = datetime.datetime.fromtimestamp(max(0, file_state(recording.file)[1]) // 10**9, datetime.UTC)
    place = path.absolute().as_uri()
    if not path.is_absolute() and not path.exists():  # scored elsewhere: it will lie beside its annotation
        changed, place = datetime.datetime.now(datetime.UTC).replace(microsecond=0), f"./{quote(path.name)}"
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<ANNOTATION_DOCUMENT AUTHOR="Emotone" DATE="{changed.isoformat()}" FORMAT="3.0" VERSION="3.0" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{SCHEMA}">',
        '    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        f'        <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(place)} MIME_TYPE="{kind}"/>',
        "    </HEADER>",
    ]
    types = '    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>'
    order = ["    <TIME_ORDER>", *slots, "    </TIME_ORDER>"]
    return "\n".join([*head, *order, *tiers, types, "</ANNOTATION_DOCUMENT>"]) + "\n"


def audacity(pieces: Iterable[Interval]) -> str:
    """A label track of Audacity (File > Import > Labels): start, end and text between tabs.

    >>> audacity([Interval(0.5, 1.25, "calm 0.75")])
    '0.500000\\t1.250000\\tcalm 0.75\\n'
    """
    return "".join(f"{piece.start_s:.6f}\t{piece.end_s:.6f}\t{piece.text}\n" for piece in pieces)


EDITORS = {
    "srt": Editor(".srt", lambda recording: srt(piece.spoken for piece in recording.segments)),
    "vtt": Editor(".vtt", vtt),
    "textgrid": Editor(".TextGrid", lambda recording: textgrid(recording.duration_s, recording.tiers)),
    "eaf": Editor(".eaf", eaf),
    "audacity": Editor(".txt", lambda recording: audacity(piece.spoken for piece in recording.segments)),
}
"""Formats of which a file is about one recording."""
