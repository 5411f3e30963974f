"""Transcripts as prediction takes them: text files, what is refused, the words of a window."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.read import AudioError
from emotone.audio.words.transcripts import (
    TranscriptLike,
    check_transcript,
    is_text_file,
    read_text_file,
    text_of,
    words_between,
)
from emotone.errors import EmotoneError

# ---- texts ------------------------------------------------------------------------------------------------------


def test_a_text(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("\ufeff So gööd\n".encode())
    assert read_text_file(tmp_path / "x.txt") == "So gööd"


def test_the_suffix_says_what_is_text() -> None:
    assert [is_text_file(name) for name in ("a.txt", Path("b.TXT"), "txt", "a.txt.wav")] == [True, True, False, False]


def test_the_text_of_words_is_all_of_them() -> None:
    assert text_of([("So", 0.0, 0.1), ("good", 0.1, 0.2)]) == "So good" and text_of("So  good") == "So  good"
    assert text_of([]) == ""


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("gööd".encode("latin-1"))
    (tmp_path / "large.txt").write_bytes(bytes(1_000_001))
    os.mkfifo(tmp_path / "pipe.txt")
    reasons = {
        "latin": "is no text in UTF-8",
        "large": "is larger than a transcript may be (1 MB)",
        "pipe": "is not a regular file",
        "none": "does not exist",
    }
    for name, reason in reasons.items():
        with pytest.raises(AudioError) as caught:
            read_text_file(tmp_path / f"{name}.txt")
        assert caught.value.reason == reason


# ---- words ------------------------------------------------------------------------------------------------------


def test_a_word_is_in_the_window_of_its_middle() -> None:
    words = [("so", 0.25, 1.25), ("what", 1.25, 2.25), ("now", 2.25, 2.5)]  # middles 0.75, 1.75, 2.375
    assert words_between(words, 0.0, 0.75) == [] and words_between(words, 0.0, 1.0) == [("so", 0.25, 1.0)]
    assert words_between(words, 0.5, 1.5) == [("so", 0.0, 0.75)]
    assert words_between(words, 1.0, 2.0) == [("what", 0.25, 1.0)]


def test_the_first_and_the_last_window_take_what_was_rounded_out_of_the_recording() -> None:
    words = [("so", -0.1, 0.0), ("what", -0.05, 0.3), ("now", 1.95, 2.1)]
    assert words_between(words, 0.0, 1.0) == [("so", 0.0, 0.0), ("what", 0.0, 0.3)]
    assert words_between(words, 1.0, 2.0) == []
    assert words_between(words, 1.0, 2.0, is_last=True) == [("now", 0.95, 1.0)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30), st.floats(0.1, 5))
def test_every_word_is_in_one_of_adjoining_windows(gaps: list[tuple[float, float]], window_s: float) -> None:
    words, time_s = [], 0.0
    for number, (gap_s, length_s) in enumerate(gaps):
        words.append((str(number), time_s + gap_s, time_s + gap_s + length_s))
        time_s = words[-1][2]
    found = []
    num_windows = int(time_s / window_s)
    for number in range(num_windows + 1):
        end_s = time_s if number == num_windows else (number + 1) * window_s
        inside = words_between(words, number * window_s, end_s, is_last=number == num_windows)
        check_transcript(inside, window_s)
        found += [word for word, _, _ in inside]
    assert found == [word for word, _, _ in words]


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        (5, "a transcript is text or a list of"),
        (["so"], "a transcript is text or a list of"),
        ([("so", 0.0)], "a transcript is text or a list of"),
        ([("so", "0", "1")], "a transcript is text or a list of"),
        ("\ud800", "has lone surrogates"),
        ([("so", 0.5, 0.1)], "its transcript: word 1, 'so' at 0.50-0.10 s, ends before it starts"),
        ([("so", 0.0, 0.9), ("good", 0.2, 1.0)], "word 2, 'good' at 0.20-1.00 s, overlaps the word before it"),
        ([("so", 2.0, 2.5)], r"lies outside the audio \(0.00-2.00 s\)"),
        ([("so", float("nan"), 1.0)], "ends before it starts"),
    ],
)
def test_what_is_no_transcript(transcript: TranscriptLike, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        check_transcript(transcript, 2.0)
