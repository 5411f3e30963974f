"""What Emotone has kept, read back: as it is, or a line that names the file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emotone.base.kept import read_object, read_rows
from emotone.errors import EmotoneError


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "x.json: cannot be read (No such file or directory)"),
        (b"", "x.json: cannot be read (Expecting value"),
        (b"\xff", "x.json: cannot be read ('utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, "x.json: cannot be read ("),
        (b"[1]", "x.json: cannot be read (it holds no object)"),
        (b"{}", "x.json: cannot be read (it has no hash, or one that is no str)"),
        (b'{"hash": 3, "corpora": {}}', "x.json: cannot be read (it has no hash, or one that is no str)"),
    ],
)
def test_objects_that_are_none(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(EmotoneError) as caught:
        read_object(tmp_path / "x.json", hash=str, corpora=dict)
    assert words in str(caught.value)


def test_objects_keep_what_nobody_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"hash": "ä", "more": [1]}', encoding="utf-8")
    assert read_object(tmp_path / "x.json", hash=str) == {"hash": "ä", "more": [1]}


@pytest.mark.parametrize("name", ["x.parquet", "x.csv"])
def test_tables(tmp_path: Path, name: str) -> None:
    table = pd.DataFrame({"id": ["a", "b"], "score": [0.5, 1.5]})
    with pytest.raises(EmotoneError, match=f"{name} is missing; run emotone train again"):
        read_rows(tmp_path / name)
    (tmp_path / name).write_bytes(b"" if name == "x.csv" else b"PAR1 junk")
    with pytest.raises(EmotoneError, match=rf"{name}: cannot be read \("):
        read_rows(tmp_path / name)
    table.to_csv(tmp_path / name, index=False) if name == "x.csv" else table.to_parquet(tmp_path / name)
    pd.testing.assert_frame_equal(read_rows(tmp_path / name, ["id", "score"]), table)
    with pytest.raises(EmotoneError, match=f"{name}: has no column fold, rank"):
        read_rows(tmp_path / name, ["id", "fold", "rank"])
