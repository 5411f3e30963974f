"""Words with their times: the alignments of corpora (Praat TextGrids, Sphinx word segments), and the order of words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from emotone.base.files import read_plain_text
from emotone.errors import EmotoneError, unknown

Word = tuple[str, float, float]
"""A word, its start and its end in seconds of the recording."""

FRAME_S = 0.01
"""Frame shift of Sphinx's aligner, which numbers frames from 0 and includes the last one."""
TOLERANCE_S = 0.1
"""A word may lie so far outside the audio, or reach so far into the next: aligners round to their frames."""
# Praat reads quoted text, <flags> and numbers that stand alone; all else (`xmin =`, `item [1]:`) is for people.
TEXTGRID_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(<\w+>|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\S)')
WDSEG_LINE = re.compile(r"\s*(\d+)\s+(\d+)\s+-?\d+\s+(\S+)\s*")
WDSEG_VARIANT = re.compile(r"\(\d+\)$")


def read_words(path: Path) -> list[Word]:
    """Words of an alignment file in order: (word, start_s, end_s), silence and noises left out.

    `.TextGrid` (Praat's long or short text form, UTF-8 or UTF-16): the intervals of tier 1 that have a mark. `.wdseg`
    (Sphinx, as in IEMOCAP): 10 ms frames; pronunciation variants (`DO(2)`) and marks (`<sil>`, `++LAUGHTER++`) go.
    Raises EmotoneError for a missing or damaged file and another suffix.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.wdseg"
    ...     _ = path.write_text("SFrm EFrm SegAScr Word\\n0 41 -9 <s>\\n42 71 -175 WHAT(2)\\nTotal score: -184\\n")
    ...     read_words(path)
    [('WHAT', 0.42, 0.72)]
    """
    readers = {".textgrid": _read_textgrid, ".wdseg": _read_wdseg}
    if path.suffix.lower() not in readers:
        raise unknown("alignment format", path.suffix, (".TextGrid", ".wdseg"), where=str(path))
    return readers[path.suffix.lower()](path)


def check_words(words: Sequence[Word], duration_s: float, where: str = "word alignment") -> None:
    """Raise EmotoneError naming the first word that ends before it starts, lies outside the audio or overlaps another.

    Up to `TOLERANCE_S` of either passes; so do no words at all.

    >>> check_words([("so", 0.0, 0.1), ("what", 0.1, 2.3)], 2.0)
    Traceback (most recent call last):
    emotone.errors.EmotoneError: word alignment: word 2, 'what' at 0.10-2.30 s, lies outside the audio (0.00-2.00 s)
    """
    before_s = 0.0
    for number, (word, start_s, end_s) in enumerate(words, start=1):
        said = f"{where}: word {number}, {word!r} at {start_s:.2f}-{end_s:.2f} s,"
        if not start_s <= end_s:  # NaN too
            raise EmotoneError(f"{said} ends before it starts")
        if start_s < -TOLERANCE_S or end_s > duration_s + TOLERANCE_S:
            raise EmotoneError(f"{said} lies outside the audio (0.00-{duration_s:.2f} s)")
        if start_s < before_s - TOLERANCE_S:
            raise EmotoneError(f"{said} overlaps the word before it, which ends at {before_s:.2f} s")
        before_s = max(before_s, end_s)


def put_in_order(words: Iterable[Word], end_s: float) -> list[Word]:
    """Words within 0..`end_s` that begin no earlier than the one before ends; rounded to 10 ms.

    >>> put_in_order([("so", -0.1, 0.5), ("good", 0.4, 0.9), ("day", 0.9, 1.7)], 1.5)
    [('so', 0.0, 0.5), ('good', 0.5, 0.9), ('day', 0.9, 1.5)]
    """
    ordered: list[Word] = []
    past_s = 0.0
    for word, start_s, end in words:
        start_s = round(float(min(max(start_s, past_s), end_s)), 2)
        past_s = round(float(max(min(end, end_s), start_s)), 2)
        ordered.append((word, start_s, past_s))
    return ordered


def _read_textgrid(path: Path) -> list[Word]:
    found = TEXTGRID_TOKEN.finditer(read_plain_text(path))
    tokens = [match[2] if match[1] is None else match[1].replace('""', '"') for match in found]
    try:
        file_type, kind, _, _, exists, _, tier, _, _, _, size = tokens[:11]
        if (file_type, kind, exists, tier) != ("ooTextFile", "TextGrid", "<exists>", "IntervalTier"):
            raise ValueError("its first tier is not one of intervals")
        cells = tokens[11 : 11 + 3 * int(size)]
        if len(cells) < 3 * int(size):
            raise ValueError(f"tier 1 ends before interval {size}")
        words = [(mark.strip(), float(start), float(end)) for start, end, mark in zip(*[iter(cells)] * 3, strict=True)]
    except ValueError as error:
        raise EmotoneError(f"{path}: is no TextGrid as expected ({error})") from None
    return [word for word in words if word[0]]


def _read_wdseg(path: Path) -> list[Word]:
    words = []
    for number, line in enumerate(read_plain_text(path).splitlines(), start=1):
        if not line.strip() or line.split()[0] in ("SFrm", "Total"):
            continue
        match = WDSEG_LINE.fullmatch(line)
        if match is None:
            raise EmotoneError(f"{path}, line {number}: expected 'start end score word', not {line.strip()!r}")
        first, last, word = int(match[1]), int(match[2]), WDSEG_VARIANT.sub("", match[3])
        if not word.startswith(("<", "++")):
            words.append((word, round(first * FRAME_S, 2), round((last + 1) * FRAME_S, 2)))
    return words
