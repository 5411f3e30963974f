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

from emotone.base.onnx_file import part_for, refers_to_files
from emotone.errors import EmotoneError

Arrays = list[NDArray[Any]]


class NetworkError(EmotoneError):
    """A network that fails when it runs, on what it was given: others may go on."""


class OnnxSession:
    """A network, ready to run on the CPU or on what `provider` names.

    where: the file that it is, for messages. threads: 0 is one per core. only: the outputs that will be asked for; what
    the others need is left out. Raises EmotoneError for what is no network, and for one that refers to other files,
    which onnxruntime would look for in the working folder.

    >>> OnnxSession(b"", "model.onnx")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: model.onnx: not a network that can be loaded (...)
    """

    def __init__(
        self,
        network: bytes,
        where: str,
        threads: int = 0,
        provider: str = "CPUExecutionProvider",
        only: Sequence[str] = (),
    ) -> None:
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
            network = part_for(network, only) if only else network
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
