"""Lists of ids by part, read from a file; what splits make of them is tested in `test_split.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.data.split_lists import read_lists
from emotone.errors import EmotoneError


def test_one_fold_or_several(tmp_path: Path) -> None:
    path = tmp_path / "lists.json"
    path.write_text('{"train": ["a"]}')
    assert read_lists(path, ("train",)) == [{"train": ["a"]}]
    path.write_text('[{"train": ["a"]}, {"train": []}]')
    assert read_lists(path, ("train",)) == [{"train": ["a"]}, {"train": []}]


@pytest.mark.parametrize("text", ["[]", "3", '{"train": "a"}', '{"train": [1]}', "[{}, 1]"])
def test_what_is_no_list_of_ids(text: str, tmp_path: Path) -> None:
    (tmp_path / "lists.json").write_text(text)
    with pytest.raises(EmotoneError, match="must be {part: .* with the parts train, test"):
        read_lists(tmp_path / "lists.json", ("train", "test"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="none.json is missing"):
        read_lists(tmp_path / "none.json", ("train",))
    (tmp_path / "torn.json").write_text('{"train": [')
    with pytest.raises(EmotoneError, match="torn.json: cannot be read as JSON"):
        read_lists(tmp_path / "torn.json", ("train",))
