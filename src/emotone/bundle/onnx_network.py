"""A network in ONNX: loaded as data only, its inputs and outputs checked against what its bundle says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base.onnx_session import NetworkError, OnnxSession
from emotone.bundle.view.streams import Streams
from emotone.errors import EmotoneError, unknown

Array = NDArray[np.float32]
FLOATS, INTEGERS = {"tensor(float)", "tensor(float16)", "tensor(double)"}, {"tensor(int64)"}


@dataclass
class OnnxNetwork:
    """A session with outputs, `outputs` {name: sizes of all axes but the batch}."""

    session: OnnxSession
    outputs: dict[str, list[int]]

    @classmethod
    def load(
        cls,
        path: Path,
        inputs: dict[str, list[int | None]],
        outputs: dict[str, list[int]],
        threads: int,
        device: str,
        only: Sequence[str] = (),
    ) -> OnnxNetwork:
        """The network of a file; raises EmotoneError where it cannot be loaded or is not of this form.

        `inputs` and `outputs` are {name: sizes of all axes but the batch}, None for one of any size. `only`: the
        outputs that it shall give; by default all.
        """
        session = OnnxSession(path.read_bytes(), str(path), threads, check_device(device), only)
        outputs = {name: outputs[name] for name in only or outputs}
        _check(session, inputs, outputs)
        return cls(session, outputs)

    def run(self, inputs: list[Array]) -> dict[str, Array]:
        """Outputs [N, ...] of N inputs "features"; those of one shape go through together.

        Raises NetworkError where the network fails, or gives other shapes than it said.
        """
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for position, item in enumerate(inputs):
            by_shape.setdefault(item.shape, []).append(position)
        outputs: dict[str, list[Any]] = {name: [None] * len(inputs) for name in self.outputs}
        for positions in by_shape.values():
            results = self._run({"features": np.stack([inputs[position] for position in positions])}, len(positions))
            for name, result in results.items():
                for position, row in zip(positions, result, strict=True):
                    outputs[name][position] = row
        return {name: np.stack(rows) for name, rows in outputs.items()}

    def run_padded(self, batch: Streams) -> dict[str, Array]:
        """Outputs [B, ...] of a padded batch of speech and text; raises NetworkError as `run` does."""
        return self._run(batch._asdict(), len(batch.speech_length))

    def _run(self, feeds: dict[str, NDArray[Any]], num_inputs: int) -> dict[str, Array]:
        results = dict(zip(self.outputs, self.session.run([*self.outputs], feeds), strict=True))
        for name, sizes in self.outputs.items():
            shape = getattr(results[name], "shape", None)
            if shape != (num_inputs, *sizes):
                raise NetworkError(
                    f"{self.session.where}: the network gives {name} of shape {shape}, not {(num_inputs, *sizes)}"
                )
        return results


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


def _check(session: OnnxSession, inputs: dict[str, list[int | None]], outputs: dict[str, list[int]]) -> None:
    """Raise EmotoneError when the network's inputs and outputs are not those of the description."""
    fits = set(session.inputs) == set(inputs) and all(
        _has_shape(session.inputs[name][0], sizes) and session.inputs[name][1] in FLOATS | INTEGERS
        for name, sizes in inputs.items()
    )
    if not fits:
        wanted = ", ".join(f"{name} {_describe(sizes)}" for name, sizes in inputs.items())
        given = ", ".join(f"{name} {shape} of {kind}" for name, (shape, kind) in session.inputs.items())
        raise EmotoneError(f"{session.where}: must take {wanted}, not {given or 'nothing'}")
    for name, sizes in outputs.items():
        shape, kind = session.outputs.get(name, ([], ""))
        if kind not in FLOATS or not _has_shape(shape, [*sizes]):
            raise EmotoneError(f"{session.where}: has no output {name} {_describe([*sizes])}")


def _describe(sizes: list[int | None]) -> str:
    """The axes of an input or output.

    >>> _describe([None, 128])
    '[B, .., 128]'
    """
    return f"[{', '.join(['B', *('..' if size is None else str(size) for size in sizes)])}]"


def _has_shape(shape: list[Any], sizes: list[int | None]) -> bool:
    """Whether a network's shape, whose free axes are names, is a batch of these sizes."""
    pairs = zip(shape, [None, *sizes], strict=False)
    return len(shape) == 1 + len(sizes) and all(
        not isinstance(given, int) or wanted in (None, given) for given, wanted in pairs
    )
