"""Files of weights as torch keeps them: plain tensors are read, anything else is refused in one line and never run."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.errors import EmotoneError
from emotone.models.torch_file import read_checkpoint, read_safetensors, read_weights

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch, of what it refuses


def test_things_that_are_no_state_dict(tmp_path: Path) -> None:
    for content in (torch.zeros(3), [torch.zeros(3)], {3: torch.zeros(3)}, {"a": 3}, {}):
        torch.save(content, tmp_path / "w")
        if content == {}:
            assert read_weights(tmp_path / "w") == {}
            continue
        with pytest.raises(EmotoneError, match="refused, not a dictionary of tensors"):
            read_weights(tmp_path / "w")
    torch.save({"module.a": torch.ones(2)}, tmp_path / "w")
    assert list(read_weights(tmp_path / "w")) == ["a"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_weights_are_refused_with_one_line(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "w"
    torch.save({"a": torch.ones(5)}, path, _use_new_zipfile_serialization=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    try:
        read_weights(path)
    except EmotoneError as error:
        assert "\n" not in str(error) and "refused" in str(error)


@pytest.mark.parametrize("read", [read_weights, read_checkpoint])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", pickle.dumps({"a": 1}), pickle.dumps(print)])
def test_files_that_are_no_weights(tmp_path: Path, content: bytes, read: Callable[[Path], Any]) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(EmotoneError, match="refused, not a file of plain tensors"):
        read(tmp_path / "w")
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("w/data.pkl", content)
    with pytest.raises(EmotoneError, match="refused"):
        read(tmp_path / "z")


def test_a_checkpoint_holds_its_weights(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {"a.module.b": torch.arange(2.0)}}, tmp_path / "w")
    found = read_checkpoint(tmp_path / "w")
    assert list(found) == ["a.module.b"] and found["a.module.b"].tolist() == [0, 1]


@pytest.mark.parametrize(
    "content", [torch.zeros(3), {"a": torch.zeros(3)}, {"state_dict": torch.zeros(3)}, {"state_dict": {"a": 3}}]
)
def test_things_that_are_no_checkpoint(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w")
    with pytest.raises(EmotoneError, match="refused, not a checkpoint with a dictionary of tensors"):
        read_checkpoint(tmp_path / "w")


@pytest.mark.parametrize("read", [read_weights, read_checkpoint])
def test_what_is_more_than_tensors_is_refused(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    torch.save({"state_dict": {"a": print}}, tmp_path / "w")
    with pytest.raises(EmotoneError, match="refused, not a file of plain tensors"):
        read(tmp_path / "w")


@pytest.mark.parametrize("read", [read_weights, read_checkpoint])
def test_torch_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], Any]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(EmotoneError, match=r'pull needs the package torch: pip install "emotone\[train\]"'):
        read(tmp_path / "w")


@pytest.mark.parametrize("kind", ["", "F16", "F6_E2M3", "NONSENSE"])
def test_safetensors_of_any_content_are_tensors_or_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.safetensors"
    header = json.dumps({"w": {"dtype": kind, "shape": [4], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8) if kind else b"torn")
    if kind == "F16":
        assert read_safetensors(path)["w"].tolist() == [0.0] * 4
        return
    with pytest.raises(EmotoneError, match="refused, not a file of plain tensors"):
        read_safetensors(path)
