"""Networks in ONNX, run as data: the one place that makes sessions of onnxruntime.

A network comes from anybody. It reads no file but its own, says nothing by itself, ends when the user interrupts, and
whatever it does wrong is one line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from emotone.errors import EmotoneError

Arrays = list[NDArray[Any]]


class NetworkError(EmotoneError):
    """A network that fails when it runs, on what it was given: others may go on."""


class OnnxSession:
    """A network, ready to run on the CPU or on what `provider` names.

    where: the file that it is, for messages. threads: 0 is one per core. Raises EmotoneError for what is no network,
    and for one that refers to other files, which onnxruntime would look for in the working folder.

    >>> OnnxSession(b"", "model.onnx")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: model.onnx: not a network that can be loaded (...)
    """

    def __init__(self, network: bytes, where: str, threads: int = 0, provider: str = "CPUExecutionProvider") -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors become ours
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.where = where
        try:
            if refers_to_files(network):
                raise EmotoneError("it refers to other files")
            # Its fallback to another device prints onto stdout.
            self._session = onnxruntime.InferenceSession(network, options, [provider], enable_fallback=0)
            self.inputs = {node.name: (node.shape, node.type) for node in self._session.get_inputs()}
            self.outputs = {node.name: (node.shape, node.type) for node in self._session.get_outputs()}
        except Exception as error:  # a network's bytes are anything, and onnxruntime has no type for what it raises
            raise EmotoneError(f"{where}: not a network that can be loaded ({error})") from None

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """The outputs of these names; raises NetworkError where it fails, KeyboardInterrupt on an interrupt."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        try:
            with _ended_by_interrupt(options):
                return self._session.run(list(names), dict(feeds), options)
        except Exception as error:
            if options.terminate:
                raise KeyboardInterrupt from None
            raise NetworkError(f"{self.where}: the network fails ({error})") from None


# ---- other files ------------------------------------------------------------------------------------------------

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "file", 14: "place"},
}
"""Messages of ONNX (onnx.proto) that may hold a tensor, by field; a tensor's fields 13 and 14 are for other files."""


def refers_to_files(network: bytes) -> bool:
    """Whether a tensor of a network lies in another file; raises EmotoneError for bytes that are no ONNX.

    >>> refers_to_files(bytes([0x3A, 6, 0x2A, 4, 0x6A, 2, 0x0A, 0]))  # model, graph, initializer, external_data
    False
    >>> refers_to_files(bytes([0x3A, 14, 0x2A, 12, 0x6A, 10, 0x0A, 8]) + b"location")
    True
    """
    if network[4:8] == b"ORTM":
        raise EmotoneError("it is in onnxruntime's own format, not in ONNX")
    if b"location" not in network:  # without that key nothing is read
        return False
    view = memoryview(network)
    waiting = [(view, "model")]
    while waiting:
        message, kind = waiting.pop()
        for field, value in _fields(message):
            part = _PARTS[kind].get(field)
            if part in ("file", "place"):
                if part == "file" or value:
                    return True
            elif part is not None and isinstance(value, memoryview):
                waiting.append((value, part))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Fields of a protobuf message: numbers, and bytes where they have a length; raises EmotoneError for damage."""
    position = 0
    while position < len(message):
        key, position = _number(message, position)
        form = key & 7
        if form == 0:
            value, position = _number(message, position)
            yield key >> 3 & 0x1FFF_FFFF, value
            continue
        size = {1: 8, 5: 4}.get(form)
        if form == 2:
            size, position = _number(message, position)
        if size is None or size > len(message) - position:
            raise EmotoneError("it is damaged")
        if form == 2:
            yield key >> 3 & 0x1FFF_FFFF, message[position : position + size]
        position += size


def _number(message: memoryview, position: int) -> tuple[int, int]:
    """The number that begins at a place, in seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise EmotoneError("it is damaged")


# ---- interrupts -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _ended_by_interrupt(options: Any) -> Iterator[None]:
    """While it lasts Ctrl-C ends the run of these `options`, in which Python itself would not hear of it.

    A signal writes its number to a pipe, to which a thread listens; that costs a run nothing.
    """
    is_ours = (
        os.name == "posix"
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield
        return
    watch = _watch(os.getpid())
    watch.running = options
    before = signal.set_wakeup_fd(watch.pipe, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        watch.running = None


class _Watch:
    """A thread that ends what is `running` when an interrupt is written into its `pipe`."""

    def __init__(self) -> None:
        self.running: Any = None
        self._heard, self.pipe = os.pipe()
        os.set_blocking(self.pipe, False)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while signals := os.read(self._heard, 64):
            running = self.running
            if running is not None and signal.SIGINT in signals:
                running.terminate = True


@lru_cache(maxsize=1)
def _watch(process: int) -> _Watch:
    """The watch of a process; threads do not go over to one that is forked."""
    return _Watch()
