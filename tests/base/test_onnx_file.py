"""Parts of networks: what some outputs need, against onnxruntime on the whole.

What refers to other files is tested where sessions are made, in test_onnx_session.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.base.onnx_file import part_for
from emotone.base.onnx_session import OnnxSession
from emotone.errors import EmotoneError

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3)


def two_outputs() -> bytes:
    """x -> y = relu(x + w), z = -relu(x + w) where c (else x + v): v is taken in a branch alone."""
    info = helper.make_tensor_value_info
    of_branch = [info("b", TensorProto.FLOAT, None)]
    then = helper.make_graph([helper.make_node("Neg", ["r"], ["b"])], "then", [], of_branch)
    other = helper.make_graph([helper.make_node("Identity", ["s"], ["b"])], "else", [], of_branch)
    nodes = [
        helper.make_node("Add", ["x", "w"], ["a"]),
        helper.make_node("Add", ["x", "v"], ["s"], name="of a branch"),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Identity", ["r"], ["y"]),
        helper.make_node("If", ["c"], ["z"], then_branch=then, else_branch=other),
    ]
    tensors = [
        numpy_helper.from_array(np.array([1, -2, 3], np.float32), "w"),
        numpy_helper.from_array(np.array([5, 6, 7], np.float32), "v"),
        numpy_helper.from_array(np.array(False), "c"),
    ]
    ends = [info(name, TensorProto.FLOAT, ["B", 3]) for name in ("x", "y", "z")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors, value_info=[info("s", TensorProto.FLOAT, None)])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, model_version=-1
    ).SerializeToString()


@pytest.mark.parametrize(
    ("name", "operators"), [("y", ["Add", "Relu", "Identity"]), ("z", ["Add", "Add", "Relu", "If"])]
)
def test_a_part_is_what_its_output_needs(name: str, operators: list[str]) -> None:
    whole, part = two_outputs(), part_for(two_outputs(), [name])
    model = onnx.load_from_string(part)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == operators
    assert [output.name for output in model.graph.output] == [name] and model.model_version == -1
    expected = OnnxSession(whole, "whole", 1).run([name], {"x": FLOATS})[0]
    session = OnnxSession(whole, "part", 1, only=[name])
    assert [*session.outputs] == [name]
    np.testing.assert_array_equal(session.run([name], {"x": FLOATS})[0], expected)


def test_all_outputs_are_the_network_as_it_was() -> None:
    whole = two_outputs()
    assert onnx.load_from_string(part_for(whole, ["y", "z"])) == onnx.load_from_string(whole)


@pytest.mark.parametrize("damaged", [b"\x3a\xff", b"\x3a\x02\x0a\x09", two_outputs()[:-3]])
def test_damage_is_one_line(damaged: bytes) -> None:
    with pytest.raises(EmotoneError, match="damaged"):
        part_for(damaged, ["y"])
    with pytest.raises(EmotoneError, match=r"^m\.onnx: not a network that can be loaded"):
        OnnxSession(damaged, "m.onnx", only=["y"])


def test_an_output_that_there_is_not(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    session: Any = None
    with pytest.raises(EmotoneError, match=r"^m\.onnx: not a network that can be loaded"):
        session = OnnxSession(two_outputs(), "m.onnx", 1, only=["w h a t"])
    assert session is None and capfd.readouterr() == ("", "")
