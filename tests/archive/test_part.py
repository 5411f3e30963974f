"""Part files: what is written is read, and what was cut, changed or never ours is no part."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
import pytest

from emotone.archive.part import Answer, Count, Head, PartForm, read_batches, read_count

FORM = PartForm(["file", "start_s", "end_s", "arousal", "error"], {"file", "error"})
MOMENTS = {"num_samples": 5, "speech_s": 0.5, "num_spoken": 1, "error": "", "notes": ["x"]}
WINDOWS = {"start": [0], "stop": [3], "speech": [0.5], "arousal": [4.5]}


def row(file: str, arousal: float | None, error: str = "") -> dict[str, object]:
    return {"file": file, "start_s": 0.0, "end_s": 2.5, "arousal": arousal, "error": error}


ANSWERS = [
    Answer(b"a" * 16, "5 6", [row("a.wav", 0.1), row("a.wav", 1 / 3), row("a.wav", None, "silent")]),
    Answer(b"b" * 16, "-1 -1", [row("\udce4.wav", None, "does not exist")]),
]


def test_answers_come_back_with_every_digit(tmp_path: Path) -> None:
    count = FORM.write(tmp_path / "p", ANSWERS, 1.5)
    assert count == read_count(tmp_path / "p") == Count(2, 1, 5.0, 1.5)
    found = FORM.read(tmp_path / "p")
    assert found[b"a" * 16] == ANSWERS[0] and not found[b"a" * 16].error
    assert found[b"b" * 16].rows[0]["file"] == "\\udce4.wav" and found[b"b" * 16].error == "does not exist"
    states = {("a.wav", "5 6"), ("\\udce4.wav", "-1 -1")}
    assert FORM.head(tmp_path / "p") == Head([b"a" * 16, b"b" * 16], states, count)
    assert sum(batch.num_rows for batch in read_batches(tmp_path / "p", ["file"], 3)) == 4


def test_moments_stand_with_the_first_row(tmp_path: Path) -> None:
    form = PartForm(FORM.columns, FORM.texts, ["arousal"])
    answers = [Answer(b"a" * 16, "1 1", ANSWERS[0].rows, MOMENTS | WINDOWS), ANSWERS[1]]
    form.write(tmp_path / "p", answers, 0.0)
    found = form.read(tmp_path / "p")
    assert found[b"a" * 16] == answers[0] and found[b"b" * 16].moments is None
    assert FORM.read(tmp_path / "p") == {}  # of another form


def test_a_part_that_is_cut_anywhere_is_none(tmp_path: Path) -> None:
    FORM.write(tmp_path / "p", ANSWERS, 0.0)
    content = (tmp_path / "p").read_bytes()
    for size in range(0, len(content), 37):
        (tmp_path / "cut").write_bytes(content[:size])
        assert FORM.read(tmp_path / "cut") == {} and FORM.head(tmp_path / "cut") is None
        assert read_count(tmp_path / "cut") is None
    assert FORM.read(tmp_path / "gone") == {} and read_count(tmp_path / "gone") is None


def test_no_byte_that_was_changed_changes_an_answer(tmp_path: Path) -> None:
    FORM.write(tmp_path / "p", ANSWERS, 0.0)
    content, expected = (tmp_path / "p").read_bytes(), FORM.read(tmp_path / "p")
    num_noticed = 0
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 0x10
        (tmp_path / "p").write_bytes(changed)
        found = FORM.read(tmp_path / "p")
        assert found in ({}, expected), place
        num_noticed += found == {}
    assert num_noticed > len(content) / 20


def test_a_table_of_others_is_no_part(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"file": ["a.wav"]}), tmp_path / "p")
    assert FORM.read(tmp_path / "p") == {} and FORM.head(tmp_path / "p") is None and read_count(tmp_path / "p") is None


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "p").touch()
    with pytest.raises(FileExistsError):
        FORM.write(tmp_path / "p", ANSWERS, 0.0)
