"""The page and the picture of `predict`: with and without a table, and never in place of what others made."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from pages import Page
from voices import JFK, spoken

from emotone.cli.main import main
from emotone.errors import EmotoneError
from emotone.predict.page.outputs import Outputs


@pytest.fixture
def predict(tiny_bundle: Path):  # noqa: ANN201 - a function
    return lambda *words: main(["predict", *map(str, words), "--model", str(tiny_bundle), "--quiet"])


def test_a_page_beside_a_table_or_alone(predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "b.wav", spoken(2.0, 1), 16_000)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    files = (JFK, tmp_path / "b.wav", tmp_path / "bad.wav")
    assert predict(*files, "--page", tmp_path / "a.html", "--output", tmp_path / "a.csv") == 1
    assert predict(*files, "--page", tmp_path / "b.html", "--picture", tmp_path / "b.svg") == 1
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(pd.read_csv(tmp_path / "a.csv"))
    pages = [(tmp_path / name).read_text() for name in ("a.html", "b.html")]
    tables = [Page(text).cells for text in pages]
    assert tables[0] == tables[1] and (tmp_path / "b.svg").read_bytes().count(b"b.wav") == 1
    scored = pd.read_csv(tmp_path / "a.csv")["arousal"].notna().sum()
    page = Page(pages[0])
    assert sum("data-r" in row for row in page.of("tr")) == scored >= 4 and "bad.wav: " in page.text


def test_an_interrupted_run_s_rows_are_on_the_page(predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emotone.base.result_table import ResultFile

    soundfile.write(tmp_path / "b.wav", spoken(2.0, 1), 16_000)
    words = (JFK, tmp_path / "b.wav", "--page", tmp_path / "a.html", "--output", tmp_path / "a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(ResultFile, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert predict(*words) == 130 and not (tmp_path / "a.csv").exists()
    assert predict(*words) == 0
    assert {row.get("data-r") for row in Page((tmp_path / "a.html").read_text()).of("tr")[1:]} == {"0", "1"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--window", "3", "--hop", "1"], "windows, scored by tiny"),
        (["--utterances", "--longest", "2"], "utterances, scored by tiny"),
        (["--longest", "2"], "utterances, scored by tiny"),
        (["--channels", "1"], "utterances, scored by tiny"),
    ],
)
def test_parts_are_those_asked_for(predict, tmp_path: Path, words: list[str], says: str) -> None:
    assert predict(JFK, "--page", tmp_path / "a.html", *words) == 0
    assert says in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(("option", "name"), [("--page", "a.html"), ("--picture", "a.svg"), ("--picture", "a.png")])
def test_own_files_are_replaced_and_others_are_not(
    predict, tmp_path: Path, option: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_text("<html>mine</html>")
    assert predict(JFK, option, path) == 2 and path.read_text() == "<html>mine</html>"
    assert f"{name}: is there already" in capsys.readouterr().err
    assert predict(JFK, option, path, "--overwrite") == 0
    assert predict(JFK, option, path) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--page", "x.pdf"], "x.pdf: must end in .html"),
        (["--picture", "x.jpg"], "x.jpg: must end in .svg or .png"),
        (["--page", "nowhere/x.html"], "the folder does not exist"),
        (["--page", "x.html", "--summary"], "--summary is of whole recordings"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    predict, words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert predict(JFK, *words) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_picture_is_of_few_recordings_and_needs_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = Outputs(picture=tmp_path / "x.svg")
    assert outputs and not Outputs()
    with pytest.raises(EmotoneError, match="up to 10 recordings, not 11"):
        outputs.check(11, False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmotoneError, match="matplotlib"):
        outputs.check(1, False)
