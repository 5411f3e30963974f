"""Tables of pandas: those of the command line, and with audformat's index, as audinterface gives them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import audformat
import audinterface
import numpy as np
import pandas as pd
import pytest
import soundfile
from voices import spoken

import emotone
from emotone.audio.read import load_audio
from emotone.cli.main import main
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return emotone.load(str(tiny_bundle), threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of 7 and 2 s, and one that is none."""
    folder = tmp_path_factory.mktemp("talks")
    for name, samples in {"a<b>.wav": spoken(7.0), "c.wav": spoken(2.0, 1)}.items():
        soundfile.write(folder / name, samples, 16_000, "FLOAT")
    (folder / "bad.wav").write_bytes(b"no sound")
    return folder


@pytest.fixture(scope="module")
def files(folder: Path) -> list[str]:
    return [str(folder / name) for name in ("a<b>.wav", "bad.wav", "c.wav")]


# ---- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--window", "2"], ["--utterances"]])
def test_a_table_is_what_the_command_line_writes(
    predictor: Predictor, files: list[str], tmp_path: Path, tiny_bundle: Path, options: list[str]
) -> None:
    table = tmp_path / "x.csv"
    assert main(["predict", *files, "--model", str(tiny_bundle), "--output", str(table), "--quiet", *options]) == 1
    given = {"window_s": 2.0} if "--window" in options else {"parts": emotone.UtteranceRules()} if options else {}
    frame = predictor.predict_files(files, **given)  # type: ignore[arg-type]
    written = pd.read_csv(table)
    assert list(frame.columns) == list(written.columns)
    for column in frame:
        assert frame[column].astype(object).fillna("").tolist() == written[column].astype(object).fillna("").tolist()
    assert frame["arousal"].dtype == float and frame["arousal"].notna().any()
    assert frame.loc[frame["file"] == files[1], "error"].str.contains("is not audio").all()


def test_processes_change_nothing(predictor: Predictor, files: list[str]) -> None:
    pd.testing.assert_frame_equal(predictor.predict_files(files, jobs=2), predictor.predict_files(files))


def test_no_file_and_only_bad_files_are_tables_of_the_same_types(predictor: Predictor, files: list[str]) -> None:
    types = predictor.predict_files(files).dtypes
    for given in ([], files[1:2]):
        pd.testing.assert_series_equal(predictor.predict_files(given).dtypes, types)


def test_names_with_markup_stay_text_in_a_notebook(predictor: Predictor, files: list[str]) -> None:
    with pd.option_context("display.max_colwidth", None):  # a name may lie deep in folders
        shown = predictor.predict_files(files)._repr_html_()  # type: ignore[operator]
    assert "a&lt;b&gt;.wav" in shown and "<b>" not in shown


@pytest.mark.parametrize(
    ("given", "words"),
    [("talk.wav", "a list of files, not str"), ([3], "int is none"), (7, "a list of files, not int")],
)
def test_what_is_no_list_of_files_is_refused(predictor: Predictor, given: object, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        predictor.predict_files(given)  # type: ignore[arg-type]


def test_pandas_is_loaded_by_tables_alone_and_its_lack_is_a_line(tiny_bundle: Path) -> None:
    code = f"""
import sys, emotone
predictor = emotone.load({str(tiny_bundle)!r})
assert "pandas" not in sys.modules
sys.modules["pandas"] = None
for call in (lambda: predictor.predict_files([]), lambda: predictor.predict_index(None)):
    try:
        call()
    except emotone.EmotoneError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{name} needs the package pandas: pip install pandas" for name in ("predict_files", "predict_index")
    ]


# ---- an index ----------------------------------------------------------------------------------------------------


def test_a_filewise_index_stays_and_joins(predictor: Predictor, folder: Path, files: list[str]) -> None:
    index = audformat.filewise_index([Path(file).name for file in reversed(files)])
    table = predictor.predict_index(index, root=folder)
    assert audformat.is_filewise_index(table.index)
    pd.testing.assert_index_equal(table.index, index)
    rows = predictor.predict_files(files)[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.reset_index(drop=True), rows.drop(columns=["file", "start_s", "end_s"]))
    assert list(table.columns[:4]) == ["emotion", "arousal", "dominance", "valence"]


def test_segments_are_scored_as_files_of_their_own(predictor: Predictor, files: list[str]) -> None:
    starts, ends = [3.0, 0.0, 0.5, 1.5, 30.0, 1.0], [5.0, 1.25, None, None, None, 1.001]
    given = [files[0], files[0], files[0], files[2], files[2], files[2]]
    index = audformat.segmented_index(
        given, pd.to_timedelta(starts, unit="s"), pd.to_timedelta([np.nan if end is None else end for end in ends], "s")
    )
    table = predictor.predict_index(index)
    assert audformat.is_segmented_index(table.index)
    pd.testing.assert_index_equal(table.index, index)
    for place in range(4):
        alone = predictor.predict(load_audio(given[place], starts[place], ends[place]), 16_000)
        assert table["arousal"].iloc[place] == pytest.approx(alone.scores["arousal"], rel=1e-5)
        assert table["emotion"].iloc[place] == alone.emotion
    assert table["error"].tolist()[:4] == [""] * 4
    assert table["error"].iloc[4] == "ends before 30 s" and "1 ms" in table["error"].iloc[5]
    pd.testing.assert_frame_equal(table, predictor.predict_index(index, jobs=2))


def test_an_audformat_table_takes_the_scores(predictor: Predictor, files: list[str], tmp_path: Path) -> None:
    database = audformat.Database("talks")
    database["scores"] = audformat.Table(audformat.filewise_index([files[0], files[2]]))
    found = predictor.predict_index(database["scores"].index)
    database["scores"]["arousal"] = audformat.Column()
    database["scores"]["arousal"].set(found["arousal"].to_numpy())
    database.save(tmp_path)
    back = audformat.Database.load(tmp_path)["scores"]["arousal"].get()
    assert back.tolist() == found["arousal"].tolist()


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (["a.wav"], "not list"),
        (pd.Index(["a.wav"]), r"not an index of \[None\]"),
        (pd.MultiIndex.from_tuples([("a", 0.0, 1.0)], names=["file", "start", "end"]), "times as pandas.Timedelta"),
        (pd.DataFrame(), "not DataFrame"),
    ],
)
def test_another_index_is_refused(predictor: Predictor, index: object, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        predictor.predict_index(index)  # type: ignore[arg-type]


# ---- audinterface ------------------------------------------------------------------------------------------------


def test_audinterface_calls_it_and_gives_the_same(predictor: Predictor, files: list[str]) -> None:
    feature = audinterface.Feature(predictor.columns, process_func=predictor.process_signal)
    index = audformat.segmented_index([files[0], files[2]], ["1s", "0s"], ["3s", "1.5s"])
    theirs, ours = feature.process_index(index), predictor.predict_index(index)
    pd.testing.assert_frame_equal(theirs, ours[predictor.columns], check_dtype=False, rtol=1e-5)
    stereo = np.stack([spoken(2.0, 1)] * 2)
    np.testing.assert_allclose(
        predictor.process_signal(stereo, 16_000), feature.process_file(files[2]).iloc[0], rtol=1e-5
    )
