"""ESC-50 and ESC-10: both official layouts, the recordings that clips were cut from, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.esc50 import FOLDERS, Esc50
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
HEADER = "filename,fold,target,category,esc10,src_file,take\n"
ROWS = (
    "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
    "1-100038-A-14.wav,1,14,chirping_birds,False,100038,A\n"
    "2-100032-B-0.wav,2,0,dog,True,100032,B\n"
)


def official(plant: Plant, rows: str = ROWS) -> Path:
    """The release of ESC-50 with three clips."""
    folder = plant("audio/1-100032-A-0.wav", "audio/1-100038-A-14.wav", "audio/2-100032-B-0.wav")
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text(HEADER + rows)
    return folder


def test_official_layout(plant: Plant) -> None:
    folder = official(plant)
    table = Esc50().read(folder).utterances
    assert table["id"].tolist() == ["audio/1-100032-A-0", "audio/1-100038-A-14", "audio/2-100032-B-0"]
    assert table["sound"].tolist() == ["dog", "chirping_birds", "dog"] and table["take"].tolist() == ["A", "A", "B"]
    assert table["speaker"].tolist() == ["100032", "100038", "100032"] and table["session"].tolist() == ["1", "1", "2"]
    subset = Esc50(subset="esc10").read(folder)
    assert subset.utterances["sound"].tolist() == ["dog", "dog"]
    assert subset.meta["notes"] == [f"{folder / 'meta' / 'esc50.csv'}: 1 files of other classes are left out"]


@pytest.mark.parametrize("layout", ["{number:03} - {name}/1-{number}-A.ogg", "{number:03}_{snake}/1-{number}-A.flac"])
def test_esc10_by_itself(plant: Plant, layout: str) -> None:
    names = [
        layout.format(number=number, name=name.capitalize(), snake=name.replace(" ", "_"))
        for number, name in enumerate(FOLDERS, start=1)
    ]
    table = Esc50().read(plant(*names)).utterances
    assert table["sound"].tolist() == list(FOLDERS.values()) and table["emotion"].isna().all()


def test_the_clips_at_hand(shared: Path) -> None:
    table = Esc50().read(shared / "data" / "esc10").utterances
    assert table["sound"].value_counts().to_dict() == dict.fromkeys(FOLDERS.values(), 5)
    assert (
        table.loc[table["sound"] == "helicopter", "speaker"].nunique() == 1
    )  # so that it cannot be tested by recording


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["audio/dog.wav"], "audio/dog.wav is not named like a file of this corpus (e.g. 1-100032-A-0.wav)"),
        (
            ["audio/1-100032-A-0.wav"],
            "esc50.csv is missing, and the folder of audio/1-100032-A-0.wav is none of ESC-10",
        ),
    ],
)
def test_strange_files_are_refused(plant: Plant, names: list[str], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        Esc50().read(plant(*names))
    assert message in str(error.value)


def test_a_table_of_other_files_is_refused(plant: Plant) -> None:
    with pytest.raises(EmotoneError, match="names none of the 3 files, e.g. audio/1-100032-A-0.wav"):
        Esc50().read(official(plant, "5-9-A-40.wav,5,40,helicopter,True,9,A\n"))
