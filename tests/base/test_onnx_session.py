"""Sessions of onnxruntime: one place makes them, and no network reads another file, speaks, or runs for ever."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.audio import speech
from emotone.base.onnx_file import refers_to_files
from emotone.base.onnx_session import NetworkError, OnnxSession
from emotone.bundle.onnx_network import OnnxNetwork
from emotone.errors import EmotoneError
from emotone.features import light_encoder

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FLOATS = np.ones((1, 3), np.float32)


def network(nodes: list[Any], tensors: list[Any] = (), sparse: list[Any] = (), functions: list[Any] = ()) -> bytes:  # type: ignore[assignment]
    """A network x [B, 3] -> y."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", 3]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], list(tensors), sparse_initializer=list(sparse))
    operators = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    return helper.make_model(
        graph, opset_imports=operators, ir_version=8, functions=list(functions)
    ).SerializeToString()


def secret(name: str = "w", dims: tuple[int, ...] = (1, 3)) -> Any:
    """A tensor in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "secret.bin"), ("offset", "0"), ("length", "12")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def constant() -> Any:
    return helper.make_node("Constant", [], ["w"], value=secret())


def in_a_branch() -> bytes:
    inner = helper.make_graph([constant()], "i", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [1, 3])])
    true = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True)))
    branch = helper.make_node("If", ["c"], ["b"], then_branch=inner, else_branch=inner)
    return network([true, branch, helper.make_node("Add", ["x", "b"], ["y"])])


def in_a_function() -> bytes:
    operators = [helper.make_opsetid("", 17)]
    add = helper.make_node("Add", ["a", "w"], ["b"])
    function = helper.make_function("mine", "F", ["a"], ["b"], [constant(), add], operators)
    return network([helper.make_node("F", ["x"], ["y"], domain="mine")], functions=[function])


def sparse() -> bytes:
    values = onnx.SparseTensorProto(values=secret(dims=(3,)), dims=[1, 3])
    values.indices.CopyFrom(numpy_helper.from_array(np.arange(3)))
    return network([helper.make_node("Add", ["x", "w"], ["y"])], sparse=[values])


ADD = helper.make_node("Add", ["x", "w"], ["y"])
SPYING = {
    "initializer": lambda: network([ADD], [secret()]),
    "constant": lambda: network([constant(), ADD]),
    "branch": in_a_branch,
    "function": in_a_function,
    "sparse": sparse,
}


@pytest.mark.parametrize("place", SPYING)
def test_no_network_reads_a_file_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    FLOATS.tofile("secret.bin")
    content = SPYING[place]()
    assert refers_to_files(content)
    with pytest.raises(EmotoneError, match=r"m\.onnx: not a network that can be loaded \(it refers to other files\)"):
        OnnxSession(content, "m.onnx")


def test_every_session_of_the_package_is_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(speech.__file__).parents[1]
    makers = [path.name for path in source.rglob("*.py") if "InferenceSession" in path.read_text(encoding="utf-8")]
    assert makers == ["onnx_session.py"]
    monkeypatch.chdir(tmp_path)
    FLOATS.tofile("secret.bin")
    (tmp_path / "spy.onnx").write_bytes(SPYING["initializer"]())
    monkeypatch.setattr(speech, "NETWORK", tmp_path / "spy.onnx")
    monkeypatch.setattr(light_encoder, "read_network", lambda name: (tmp_path / "spy.onnx").read_bytes())
    for make in (
        speech._session.__wrapped__,
        lambda: light_encoder.session.__wrapped__("first.onnx", 1),
        lambda: OnnxNetwork.load(tmp_path / "spy.onnx", {"x": [3]}, {"y": [3]}, 1, "cpu"),
    ):
        with pytest.raises(EmotoneError, match="refers to other files"):
            make()


def test_who_only_names_things_location_may() -> None:
    weight = numpy_helper.from_array(FLOATS, "location")
    content = network([helper.make_node("Add", ["x", "location"], ["y"], name="location")], [weight])
    assert not refers_to_files(content)
    np.testing.assert_array_equal(OnnxSession(content, "m").run(["y"], {"x": FLOATS})[0], 2 * FLOATS)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense location", b"\x3a\xff location", b"\x00" * 9, b"\0\0\0\0ORTM" + bytes(50)]
)
def test_what_is_no_network(capfd: pytest.CaptureFixture[str], content: bytes) -> None:
    with pytest.raises(EmotoneError, match=r"^m\.onnx: not a network that can be loaded") as caught:
        OnnxSession(content, "m.onnx")
    assert capfd.readouterr() == ("", "")
    assert not isinstance(caught.value, NetworkError) and "\n" not in str(caught.value)


def reshaping() -> bytes:
    shape = numpy_helper.from_array(np.array([7, 11], np.int64), "s")
    return network([helper.make_node("Reshape", ["x", "s"], ["y"])], [shape])


@pytest.mark.parametrize("feeds", [{"x": FLOATS}, {"x": FLOATS.astype(np.float64)}, {"z": FLOATS}, {}])
def test_a_network_that_fails_is_one_line(capfd: pytest.CaptureFixture[str], feeds: dict[str, Any]) -> None:
    session = OnnxSession(reshaping(), "m.onnx", threads=1)
    with pytest.raises(NetworkError, match=r"^m\.onnx: the network fails \(") as caught:
        session.run(["y"], feeds)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def endless() -> bytes:
    """A network that adds for ever."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["co"]), helper.make_node("Add", ["v", "v"], ["vo"])],
        "l",
        [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), info("v", TensorProto.FLOAT, None)],
        [info("co", TensorProto.BOOL, []), info("vo", TensorProto.FLOAT, None)],
    )
    ends = [numpy_helper.from_array(np.array(2**62), "n"), numpy_helper.from_array(np.array(True), "t")]
    return network([helper.make_node("Loop", ["n", "t", "x"], ["y"], body=body)], ends)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_an_interrupt_ends_a_network_that_never_ends() -> None:
    session = OnnxSession(endless(), "m.onnx", threads=1)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.set_wakeup_fd(-1)
    try:
        for _ in range(2):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            begin_s = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                session.run(["y"], {"x": FLOATS})
            assert time.monotonic() - begin_s < 3
        assert signal.set_wakeup_fd(-1) == -1  # nobody's signals are taken afterwards
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.set_wakeup_fd(before)


def test_other_threads_run_networks_too() -> None:
    session = OnnxSession(network([helper.make_node("Identity", ["x"], ["y"])]), "m.onnx", threads=1)
    found: list[Any] = []
    work: Callable[[], None] = lambda: found.extend(session.run(["y"], {"x": FLOATS}))  # noqa: E731
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], FLOATS)
    assert (session.inputs["x"], session.outputs["y"]) == ((["B", 3], "tensor(float)"), (["B", 3], "tensor(float)"))
