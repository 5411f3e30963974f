"""A network in ONNX: loaded as data only, its inputs and outputs checked against what its bundle says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.view.streams import Streams
from emotone.errors import EmotoneError, unknown

Array = NDArray[np.float32]


@dataclass
class OnnxNetwork:
    """A session of onnxruntime with outputs `names`."""

    session: Any
    names: list[str]

    @classmethod
    def load(
        cls, path: Path, inputs: dict[str, list[int]], outputs: dict[str, list[int]], threads: int, device: str
    ) -> OnnxNetwork:
        """The network of a file; raises EmotoneError where it cannot be loaded or is not of this form.

        `inputs` {name: sizes of the last axes}, `outputs` {name: sizes of all axes but the batch}.
        """
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors become ours
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        own_errors = tuple(
            value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)
        )
        network = path.read_bytes()  # as bytes: it cannot refer to other files
        try:
            session = onnxruntime.InferenceSession(network, options, [check_device(device)])
        except own_errors as error:
            raise EmotoneError(f"{path}: not a network that can be loaded ({error})") from None
        _check(session, inputs, outputs, path)
        return cls(session, list(outputs))

    def run(self, inputs: list[Array]) -> dict[str, Array]:
        """Outputs [N, ...] of N inputs "features"; those of one shape go through together."""
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for position, item in enumerate(inputs):
            by_shape.setdefault(item.shape, []).append(position)
        outputs: dict[str, list[Any]] = {name: [None] * len(inputs) for name in self.names}
        for positions in by_shape.values():
            results = self.session.run(self.names, {"features": np.stack([inputs[position] for position in positions])})
            for name, result in zip(self.names, results, strict=True):
                for position, row in zip(positions, result, strict=True):
                    outputs[name][position] = row
        return {name: np.stack(rows) for name, rows in outputs.items()}

    def run_padded(self, batch: Streams) -> dict[str, Array]:
        """Outputs [B, ...] of a padded batch of speech and text."""
        return dict(zip(self.names, self.session.run(self.names, batch._asdict()), strict=True))


def check_device(device: str) -> str:
    """onnxruntime's name of a device; raises EmotoneError where it is not available."""
    import onnxruntime

    known = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
    if device not in known:
        raise unknown("device", device, known)
    if known[device] not in onnxruntime.get_available_providers():
        raise EmotoneError(
            f"device '{device}' is not available to the installed onnxruntime (cuda needs onnxruntime-gpu)"
        )
    return known[device]


def _check(session: Any, inputs: dict[str, list[int]], outputs: dict[str, list[int]], path: Path) -> None:
    """Raise EmotoneError when the network's inputs and outputs are not those of the description."""
    takes = {node.name: node.shape for node in session.get_inputs()}
    if set(takes) != set(inputs) or not all(_has_shape(takes[name], sizes) for name, sizes in inputs.items()):
        sizes_of = {name: f"[B, ..., {sizes[-1]}]" if sizes else "[B]" for name, sizes in inputs.items()}
        wanted = ", ".join(f"{name} {sizes}" for name, sizes in sizes_of.items())
        raise EmotoneError(f"{path}: must take {wanted}, not {takes}")
    gives = {node.name: node.shape for node in session.get_outputs()}
    for name, sizes in outputs.items():
        if name not in gives or not _has_shape(gives[name], sizes, num_axes=1 + len(sizes)):
            raise EmotoneError(f"{path}: has no output {name} {['B', *sizes]}")


def _has_shape(shape: list[Any], last: list[int], num_axes: int | None = None) -> bool:
    """Whether a network's shape, whose free axes are names, ends with these sizes."""
    ends = zip(reversed(shape), reversed(last), strict=False)
    fits = all(not isinstance(size, int) or size == wanted for size, wanted in ends)
    return fits and len(shape) >= len(last) and num_axes in (None, len(shape))
