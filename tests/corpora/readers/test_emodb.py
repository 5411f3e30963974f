"""EmoDB: the real corpus, the official layout, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from emotone.corpora.readers.emodb import EmoDB
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
RATINGS = (
    "Nr.\tSatz\terkannt\tnatuerlich\n"
    "1\xa0\xa0\t03a01Fa.wav\t90,00\xa0\xa0\t75,50\xa0\n"
    "2\xa0\t16b10Wb.wav\t100,00\xa0\t7,00\xa0\n"
)


def test_real_corpus(shared: Path) -> None:
    corpus = EmoDB().read(shared / "data/emodb")
    table = corpus.utterances.set_index("id")
    assert len(table) == 535 and corpus.raters is None
    assert table["emotion"].value_counts().to_dict() == {
        "anger": 127,
        "boredom": 81,
        "neutral": 79,
        "happiness": 71,
        "fear": 69,
        "sadness": 62,
        "disgust": 46,
    }
    assert sorted(table["speaker"].unique()) == ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
    assert set(table.loc[table["gender"] == "male", "speaker"]) == {"03", "10", "11", "12", "15"}
    assert table["gender"].notna().all() and table["script"].nunique() == 10 and table["transcript"].nunique() == 10
    row = table.loc["wav/16b10Wb"]
    assert row[["file", "speaker", "gender", "script", "emotion", "take", "language"]].to_dict() == {
        "file": "wav/16b10Wb.flac",
        "speaker": "16",
        "gender": "female",
        "script": "b10",
        "emotion": "anger",
        "take": "b",
        "language": "de",
    }
    # The published selection: recognised by 80 %, natural to 60 % of the listeners, with few exceptions.
    assert row[["recognition", "naturalness"]].tolist() == [100.0, 75.0]
    assert table["recognition"].notna().all() and (table["recognition"] >= 80).mean() > 0.9
    assert corpus.meta["licence"] == "CC0 1.0" and corpus.meta["ranges"] == {} and len(corpus.meta["emotions"]) == 7
    assert all(corpus.path_of(file).is_file() for file in table["file"])


def test_official_layout(plant: Plant) -> None:
    folder = plant("wav/03a01Fa.wav", "wav/16b10Wb.wav", "wav/08a02Na.wav", "silb/03a01Fa.silb", "wav/.hidden.wav")
    (folder / "erkennung.txt").write_text(RATINGS, encoding="latin-1")
    corpus = EmoDB().read(folder)
    assert corpus.meta["notes"] == [f"{folder / 'erkennung.txt'}: 1 of 3 audio files have no row, e.g. 08a02Na"]
    table = corpus.utterances
    assert table["file"].tolist() == ["wav/03a01Fa.wav", "wav/08a02Na.wav", "wav/16b10Wb.wav"]
    assert table["emotion"].tolist() == ["happiness", "neutral", "anger"]
    assert table["naturalness"].tolist()[::2] == [75.5, 7.0] and pd.isna(table["recognition"][1])
    # Pointing at the audio folder itself finds the ratings beside it.
    inner = EmoDB().read(folder / "wav").utterances
    assert inner["id"].tolist() == ["03a01Fa", "08a02Na", "16b10Wb"] and inner["recognition"][0] == 90


def test_without_ratings_there_are_no_rating_columns(plant: Plant) -> None:
    assert "recognition" not in EmoDB().read(plant("03a01Fa.wav")).utterances


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["wav/03a01Xa.wav"], "wav/03a01Xa.wav is not named like a file of this corpus (e.g. 03a01Fa.wav)"),
        (["wav/jfk.wav"], "wav/jfk.wav is not named"),
        (["a.wav", "b.wav", "03a01Fa.wav"], "(e.g. 03a01Fa.wav), nor are 1 more of 3"),
        (["wav/03a01Fa.wav", "copy/03a01Fa.flac"], "two files are named 03a01Fa: copy/03a01Fa.flac and"),
        ([], "holds no audio (.3gp,"),
    ],
)
def test_strange_folders_are_refused(plant: Plant, names: list[str], message: str) -> None:
    folder = plant(*names)
    with pytest.raises(EmotoneError) as error:
        EmoDB().read(folder)
    assert message in str(error.value) and str(error.value).startswith(str(folder))


def test_missing_folder_and_file_for_a_folder(plant: Plant) -> None:
    folder = plant("03a01Fa.wav")
    with pytest.raises(EmotoneError, match="nowhere: there is no such folder"):
        EmoDB().read(folder / "nowhere")
    with pytest.raises(EmotoneError, match="is a file, not a folder"):
        EmoDB().read(folder / "03a01Fa.wav")


def test_damaged_ratings_name_their_line(plant: Plant) -> None:
    folder = plant("03a01Fa.wav")
    (folder / "erkennung.txt").write_text(RATINGS.replace("7,00", "sieben"), encoding="latin-1")
    with pytest.raises(EmotoneError, match=r"erkennung.txt, line 3: expected"):
        EmoDB().read(folder)


def test_linked_folders_are_followed_once(plant: Plant) -> None:
    folder = plant("03a01Fa.wav", folder="elsewhere")
    linked = plant(folder="corpus")
    (linked / "wav").symlink_to(folder)
    (folder / "loop").symlink_to(folder)
    assert EmoDB().read(linked).utterances["file"].tolist() == ["wav/03a01Fa.wav"]


def test_file_names_that_are_no_text_are_refused(plant: Plant) -> None:
    folder = plant("03a01Fa.wav")
    try:
        shutil.copy(folder / "03a01Fa.wav", str(folder / "03a0").encode() + b"\xff.wav")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(EmotoneError, match="is not UTF-8"):
        EmoDB().read(folder)
