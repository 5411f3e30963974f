"""Who speaks when: turns of speakers from RTTM or a table, and a stream of samples cut into them."""

from __future__ import annotations

import csv
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from emotone.audio.read import LEAST_SAMPLES, RATE_HZ, Samples
from emotone.base.files import plain_name
from emotone.errors import EmotoneError, unknown

COLUMNS = ("file", "start_s", "end_s", "speaker")
"""Of a table of turns; `file` may be missing where there is one recording."""
RTTM_FIELDS = 8
MOST_TURNS = 1_000_000
LATEST_S = 1e6
"""No recording is longer: eleven days."""


class Turn(NamedTuple):
    """A speaker's turn in a recording, from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    speaker: str


def read_turns(path: Path) -> dict[str, list[Turn]]:
    """Turns by recording, as `plain_name` has it, ordered by their start; "" is any, where no column `file` is.

    `.rttm`: lines `SPEAKER file channel start duration <NA> <NA> name ...` (NIST, Rich Transcription 2009); others are
    CSV with start_s, end_s, speaker and perhaps file. Raises EmotoneError, which names the line, for anything else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "talk.rttm"
    ...     _ = path.write_text("SPEAKER talk 1 0.5 2.0 <NA> <NA> Ada <NA> <NA>")
    ...     read_turns(path)
    {'talk': [Turn(start_s=0.5, end_s=2.5, speaker='Ada')]}
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise EmotoneError(f"{path}: cannot be read ({reason})") from None
    rows = _rttm_rows if path.suffix.lower() == ".rttm" else _table_rows
    turns: dict[str, list[Turn]] = {}
    for number, (file, start, end, speaker) in rows(path, text):
        try:
            turn = Turn(float(start), float(end), speaker.strip())
        except ValueError:
            raise EmotoneError(
                f"{path}, line {number}: times must be numbers of seconds, not {start!r}, {end!r}"
            ) from None
        if not (0 <= turn.start_s < turn.end_s <= LATEST_S) or not turn.speaker:
            raise EmotoneError(
                f"{path}, line {number}: a turn needs a speaker, and an end after its start, at most {LATEST_S:.0f} s"
            )
        turns.setdefault(file and plain_name(file), []).append(turn)
    if not turns:
        raise EmotoneError(f"{path}: holds no turns")
    if sum(map(len, turns.values())) > MOST_TURNS:
        raise EmotoneError(f"{path}: holds more than {MOST_TURNS} turns")
    return {file: sorted(found) for file, found in turns.items()}


def _rttm_rows(path: Path, text: str) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":  # other types of lines are allowed, and say nothing of turns
            continue
        if len(fields) < RTTM_FIELDS:
            raise EmotoneError(f"{path}, line {number}: has {len(fields)} fields; RTTM has at least {RTTM_FIELDS}")
        try:
            end = str(float(fields[3]) + float(fields[4]))
        except ValueError:
            end = fields[4]
        yield number, (fields[1], fields[3], end, fields[7])


def _table_rows(path: Path, text: str) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    reader = csv.DictReader(text.splitlines())
    names = [name for name in reader.fieldnames or []]
    missing = [name for name in COLUMNS[1:] if name not in names]
    if missing:
        raise EmotoneError(f"{path}: a table of turns has the columns start_s, end_s, speaker; {missing[0]} is missing")
    try:
        for number, row in enumerate(reader, start=2):
            yield number, (row.get("file") or "", row["start_s"] or "", row["end_s"] or "", row["speaker"] or "")
    except csv.Error as error:  # a field that never ends
        raise EmotoneError(f"{path}, line {reader.line_num}: is no line of a table ({error})") from None


def turns_of(turns: dict[str, list[Turn]], file: str, path: Path | str) -> list[Turn]:
    """The turns in a recording, by its path, its name or its name without the suffix; raises EmotoneError for none."""
    given = PurePosixPath(plain_name(file))
    for name in (str(given), given.name, given.stem, ""):
        if name in turns:
            return turns[name]
    raise unknown(f"recording in {path}", given.stem, list(turns))


def cut_turns(blocks: Iterable[Samples], turns: Sequence[Turn], longest_s: float) -> Iterator[tuple[int, Samples, str]]:
    """The turns in a stream of blocks: first sample, samples, speaker; long ones in equal parts of up to `longest_s`.

    Turns may overlap; those beyond the end of the stream are left out, and what reaches beyond is cut there.

    >>> cuts = cut_turns([np.ones(32_000, np.float32)], [Turn(0.5, 1.0, "Ada"), Turn(1.0, 9.0, "Bo")], 12.0)
    >>> [(start, len(samples), speaker) for start, samples, speaker in cuts]
    [(8000, 8000, 'Ada'), (16000, 16000, 'Bo')]
    """
    num_parts = sum(math.ceil((turn.end_s - turn.start_s) / longest_s) for turn in turns)
    if num_parts > 2 * MOST_TURNS:
        raise EmotoneError(f"its turns have {num_parts} parts of {longest_s:g} s; there may be {2 * MOST_TURNS}")
    waiting = deque(sorted(part for turn in turns for part in _parts(turn, longest_s)))
    held, start = np.zeros(0, np.float32), 0
    for block in blocks:
        held = np.concatenate([held, block])
        while waiting and waiting[0][1] <= start + len(held):
            first, stop, speaker = waiting.popleft()
            yield first, held[first - start : stop - start].copy(), speaker
        needed = min(waiting[0][0] if waiting else start + len(held), start + len(held))
        # parts are ordered by their start, so that nothing before the first one is needed again
        held, start = held[max(0, needed - start) :].copy(), max(start, needed)
    for first, stop, speaker in waiting:
        if start + len(held) - first >= LEAST_SAMPLES:
            yield first, held[first - start : stop - start].copy(), speaker


def _parts(turn: Turn, longest_s: float) -> list[tuple[int, int, str]]:
    """First and last sample of the equal parts of a turn."""
    count = max(1, math.ceil((turn.end_s - turn.start_s) / longest_s))
    edges = np.round(np.linspace(turn.start_s, turn.end_s, count + 1) * RATE_HZ).astype(int).tolist()
    return [(first, stop, turn.speaker) for first, stop in zip(edges[:-1], edges[1:], strict=True)]
