"""Weights as torch keeps them, read as plain data."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

from emotone.errors import EmotoneError, missing_extra

READ_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    TypeError, ValueError, pickle.UnpicklingError, struct.error,
)  # fmt: skip
"""What torch's readers of its three file formats raise at damaged and foreign files."""


def read_weights(path: Path) -> dict[str, Any]:
    """A published state dict; raises EmotoneError for anything that is more than tensors."""
    try:
        import torch
    except ImportError:
        raise missing_extra("torch", "train", "pull") from None
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except READ_ERRORS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EmotoneError(f"{path}: refused, not a file of plain tensors ({reason})") from None
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items()
    ):
        raise EmotoneError(f"{path}: refused, not a dictionary of tensors")
    return {name.removeprefix("module."): value for name, value in weights.items()}
