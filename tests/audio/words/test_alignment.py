"""Word alignments: both forms of TextGrid in every encoding, Sphinx word segments, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.words.alignment import Word, check_words, put_in_order, read_words
from emotone.errors import EmotoneError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 2.5
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.31
            text = ""
        intervals [2]:
            xmin = 0.31
            xmax = 0.9
            text = "café"
        intervals [3]:
            xmin = 0.9
            xmax = 1.25
            text = "so-called ""art"" 2 "
        intervals [4]:
            xmin = 1.25
            xmax = 2.5
            text = " "
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.5
            text = "K"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
1
"IntervalTier"
"words"
0
2.5
4
0
0.31
""
0.31
0.9
"café"
0.9
1.25
"so-called ""art"" 2 "
1.25
2.5
" "
"""
WORDS = [("café", 0.31, 0.9), ('so-called "art" 2', 0.9, 1.25)]
WDSEG = """     SFrm  EFrm    SegAScr Word
       0      2    -117721 <s>
       3     20   -1052907 YOU'RE(2)
      21     40    -200000 <sil>
      41     59    -300000 ++LAUGHTER++
      60     72     -17530 WHAT
      73     80     -20000 </s>
 Total score:     -1672893

"""


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_textgrids(tmp_path: Path, text: str, encoding: str, ending: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.replace("\n", ending).encode(encoding))
    assert read_words(path) == WORDS


def test_big_endian_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(b"\xfe\xff" + LONG.encode("utf-16-be"))
    assert read_words(path) == WORDS


def test_word_segments(tmp_path: Path) -> None:
    path = tmp_path / "a.wdseg"
    path.write_text(WDSEG)
    assert read_words(path) == [("YOU'RE", 0.03, 0.21), ("WHAT", 0.6, 0.73)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.TextGrid", LONG.replace("IntervalTier", "TextTier", 1), "first tier is not one of intervals"),
        ("a.TextGrid", SHORT.replace("\n4\n", "\n5\n"), "tier 1 ends before interval 5"),
        ("a.TextGrid", LONG[:60], "is no TextGrid as expected"),
        ("a.TextGrid", SHORT.replace("0.31\n0.9", '"x"\n0.9'), "is no TextGrid as expected"),
        ("a.wdseg", WDSEG.replace("<sil>", ""), "line 4: expected 'start end score word'"),
        ("a.ctm", "", "unknown alignment format '.ctm'"),
    ],
)
def test_damage_is_one_clear_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(EmotoneError) as error:
        read_words(tmp_path / name)
    assert message in str(error.value) and name in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=r"a.wdseg is missing"):
        read_words(tmp_path / "a.wdseg")


# ---- order ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([("a", 0.5, 0.2)], "word 1, 'a' at 0.50-0.20 s, ends before it starts"),
        ([("a", float("nan"), 0.2)], "ends before it starts"),
        ([("a", 0.0, 0.5), ("b", 0.5, 2.2)], "word 2, 'b' at 0.50-2.20 s, lies outside the audio (0.00-2.00 s)"),
        ([("a", -0.3, 0.5)], "outside the audio"),
        ([("a", 0.0, 0.5), ("b", 0.3, 0.9)], "overlaps the word before it, which ends at 0.50 s"),
        ([("a", 0.0, 1.5), ("b", 1.5, 1.6), ("c", 0.2, 0.4)], "word 3, 'c' at 0.20-0.40 s, overlaps"),
    ],
)
def test_alignments_of_other_audio_are_refused(words: list[Word], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        check_words(words, 2.0, "a.TextGrid")
    assert message in str(error.value) and str(error.value).startswith("a.TextGrid: word ")


def test_times_that_were_rounded_pass() -> None:
    check_words([], 2.0)
    check_words([("a", -0.01, 0.5), ("b", 0.45, 2.05)], 2.0)
    check_words([("a", -0.1, 0.5), ("b", 0.4, 2.1)], 2.0)


@given(times=st.lists(st.tuples(st.floats(-2, 12), st.floats(-2, 12)), max_size=8), end_s=st.floats(0.01, 10))
def test_words_in_order_stay_in_the_audio(times: list[tuple[float, float]], end_s: float) -> None:
    words = put_in_order([("x", start_s, stop_s) for start_s, stop_s in times], end_s)
    flat = [time_s for _, start_s, stop_s in words for time_s in (start_s, stop_s)]
    assert len(words) == len(times) and flat == sorted(flat)
    assert all(0 <= time_s <= end_s + 0.005 for time_s in flat)
