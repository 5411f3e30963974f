"""Weights as torch keeps them, read as plain data."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any, TypeGuard

from emotone.errors import EmotoneError, missing_extra

READ_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)
"""What torch's readers of its three file formats raise at damaged and foreign files."""


def read_weights(path: Path) -> dict[str, Any]:
    """A state dict {parameter: tensor}; raises EmotoneError for anything that is more than tensors."""
    weights = _load(path)
    if not _is_state_dict(weights):
        raise EmotoneError(f"{path}: refused, not a dictionary of tensors")
    return {name.removeprefix("module."): value for name, value in weights.items()}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state dict within a checkpoint, under "state_dict"; raises EmotoneError as `read_weights` does."""
    content = _load(path)
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not _is_state_dict(weights):
        raise EmotoneError(f"{path}: refused, not a checkpoint with a dictionary of tensors")
    return weights


def read_safetensors(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file by name; raises EmotoneError for what is none."""
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # the package's own, and whatever a type raises that torch does not have
        raise EmotoneError(f"{path}: refused, not a file of plain tensors ({error})") from None


def _load(path: Path) -> Any:
    """What a file holds, read without running code from it."""
    try:
        import torch
    except ImportError:
        raise missing_extra("torch", "train", "pull") from None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except READ_ERRORS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EmotoneError(f"{path}: refused, not a file of plain tensors ({reason})") from None


def _is_state_dict(content: Any) -> TypeGuard[dict[str, Any]]:
    import torch

    return isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )
