"""Transcripts as prediction takes them: text, or words with their times.

They come from a user, from a text file of one recording, from a table (`emotone.audio.words.transcript_table`) or from
Whisper (`emotone.audio.words.whisper`).
"""

from __future__ import annotations

import math
import os
import stat
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from emotone.audio.read import AudioError
from emotone.audio.words.alignment import Word, check_words, put_in_order
from emotone.base.files import is_unicode
from emotone.errors import EmotoneError

TranscriptLike = str | Sequence[Word]
"""Text, or words in the order of their times."""

TEXT_SUFFIX = ".txt"
LARGEST_TEXT_BYTES = 1_000_000


def is_text_file(path: str | os.PathLike[str]) -> bool:
    """Whether an input is a transcript rather than audio, which its suffix says.

    >>> is_text_file("talk.txt"), is_text_file("talk.wav")
    (True, False)
    """
    return os.path.splitext(os.fspath(path))[1].lower() == TEXT_SUFFIX


def read_text_file(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8 of up to 1 MB; raises AudioError, as for any other input that cannot be used."""
    try:
        return read_bytes(path, LARGEST_TEXT_BYTES).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise AudioError(path, "is no text in UTF-8") from None


def read_bytes(path: str | os.PathLike[str], largest_bytes: int) -> bytes:
    """The content of a regular file of up to `largest_bytes`; raises AudioError for any other."""
    try:
        status = os.stat(path)  # before it is opened, which waits where it is a pipe
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(path, "is not a regular file")
        if status.st_size > largest_bytes:
            raise AudioError(path, f"is larger than a transcript may be ({largest_bytes / 1e6:g} MB)")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise AudioError(path, "does not exist") from None
    except (OSError, ValueError) as error:
        raise AudioError(path, f"cannot be read ({error})") from None


def check_transcript(transcript: TranscriptLike, duration_s: float | None = None) -> None:
    """Raise EmotoneError for another type, text that is no Unicode, words in disorder or outside of 0..`duration_s`.

    >>> check_transcript([("so", 0.0, 0.3)], 1.0)
    >>> check_transcript(["so", "good"])
    Traceback (most recent call last):
    emotone.errors.EmotoneError: a transcript is text or a list of (word, start_s, end_s), not ['so', 'good']
    """
    if isinstance(transcript, str):
        if not is_unicode(transcript):
            raise EmotoneError("a transcript is text in Unicode; this one has lone surrogates")
    elif _are_words(transcript):
        check_words(transcript, math.inf if duration_s is None else duration_s, where="its transcript")
    else:
        raise EmotoneError(f"a transcript is text or a list of (word, start_s, end_s), not {repr(transcript)[:60]}")


def text_of(transcript: TranscriptLike) -> str:
    """The words of a transcript as one text.

    >>> text_of([("So", 0.0, 0.4), ("good", 0.5, 0.8)])
    'So good'
    """
    return transcript if isinstance(transcript, str) else " ".join(word for word, _, _ in transcript)


def words_between(words: Sequence[Word], start_s: float, end_s: float, is_last: bool = False) -> list[Word]:
    """Words whose middle lies in a window, start_s..end_s of the recording: their times from its start on, within it.

    `words` are in order. The first window (`start_s` 0) and the last (`is_last`) also take the words that an aligner's
    rounding has put outside of the recording.

    >>> words_between([("So", 0.0, 0.4), ("good", 0.5, 1.2), ("day", 1.2, 1.5)], 0.5, 1.0)
    [('good', 0.0, 0.5)]
    """

    def middle(word: Word) -> float:
        return (word[1] + word[2]) / 2

    first = bisect_left(words, start_s, key=middle) if start_s > 0 else 0
    past = len(words) if is_last else bisect_left(words, end_s, key=middle)
    inside = [(word, begin - start_s, end - start_s) for word, begin, end in words[first:past]]
    return put_in_order(inside, end_s - start_s)


def is_text_or_none(value: object) -> bool:
    """Whether a cell or a word is text in Unicode, or nothing."""
    return value is None or (isinstance(value, str) and is_unicode(value))


def _are_words(transcript: object) -> TypeGuard[Sequence[Word]]:
    return isinstance(transcript, Sequence) and all(map(_is_word, transcript))


def _is_word(word: Any) -> bool:
    if not isinstance(word, Sequence) or len(word) != 3 or not is_text_or_none(word[0]):
        return False
    return all(isinstance(time_s, int | float) for time_s in word[1:])
