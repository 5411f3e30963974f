"""Tasks of a worker, within this process; how it is started and ended is `test_pool.py`'s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emotone.errors import EmotoneError
from emotone.serve.worker import Setup, Worker, _clean


def task(folder: Path, do: str = "predict", **values: Any) -> dict[str, Any]:
    sound = folder / "sound"
    sound.write_bytes(Path("examples/jfk.wav").read_bytes())
    about = {"do": do, "kind": do, "folder": str(folder), "path": str(sound), "name": "talk.wav", "speakers": None}
    return about | {"fields": {"utterances": "true"}, "page": True, "as": ""} | values


def test_rows_page_and_formats_of_one_recording(tmp_path: Path) -> None:
    worker = Worker(Setup({"small": "small"}))
    assert worker.do(task(tmp_path))["error"] == ""
    kept = json.loads((tmp_path / "rows.json").read_text())
    assert kept["duration_s"] == 11.0 and len(kept["rows"]) == 4 and kept["rows"][0]["file"] == "talk.wav"
    page = (tmp_path / "page.html").read_text()
    assert "talk.wav" in page and str(tmp_path) not in page
    for form in ("srt", "csv", "json"):
        places = {worker.do(task(tmp_path, "export", kind="predict", **{"as": form}))["file"] for _ in range(2)}
        assert len(places) == 2 and all(place.endswith(f"/{form}.{form}") for place in places)
        assert all((tmp_path / place).stat().st_size > 100 for place in places)


def test_words_name_no_place(tmp_path: Path) -> None:
    turns = tmp_path / "turns.csv"
    turns.write_text("begin,end\n1,2\n")
    worker = Worker(Setup({"small": "small"}))
    with pytest.raises(EmotoneError) as failed:
        worker.do(task(tmp_path, fields={}, speakers=str(turns)))
    assert "turns.csv" in str(failed.value)


def test_moments(tmp_path: Path) -> None:
    fields = {"attribute": "arousal", "highest": "2"}
    answer = Worker(Setup({"small": "small"})).do(task(tmp_path, "moments", fields=fields, **{"as": "json"}))
    assert answer["file"].endswith("/moments.json") and answer["error"] == ""
    found = json.loads((tmp_path / "found.json").read_text())
    assert [moment["file"] for moment in found["moments"]] == ["talk.wav"] * 2
    assert str(tmp_path) not in (tmp_path / "page.html").read_text() + (tmp_path / "found.json").read_text()


def test_bundles_by_name_alone(tmp_path: Path) -> None:
    worker = Worker(Setup({"mine": "default"}))
    names = [model["name"] for model in worker.do({"do": "about"})["models"]]
    assert names[0] == "mine" and "small" in names
    for name in (str(tmp_path), "default/../small", "runs/x"):
        with pytest.raises(EmotoneError, match="unknown model"):
            worker.do({"do": "load", "fields": {"model": name}})


@pytest.mark.parametrize("folder", ["/tmp/März/job", "C:\\Users\\März\\job"])
def test_places_of_files_stay_here(folder: str) -> None:
    path = f"{folder}{folder[-4]}sound"
    said = {"rows": [{"error": f"{path}: is empty", "note": f"of {path!r}", "start_s": 0.5}]}
    found = {"rows": [{"error": "sound: is empty", "note": "of 'sound'", "start_s": 0.5}]}
    assert _clean(said, {"folder": folder}) == found
    assert _clean(said, {}) == said
