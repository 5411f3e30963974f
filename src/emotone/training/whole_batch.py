"""A batch that is divided over processes, learned as if it were whole.

Rows meet in a batch at three places. Losses such as the CCC are of the whole batch, so that every process gets the
outputs of all rows (`whole_outputs`). Batch norm takes its moments over all rows, and dropout draws its masks for all
rows, of which a process takes its own: both by `WholeBatch`, which steps in where a network calls them. The random
numbers are then those of one process, and the weights equal up to the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from emotone.errors import EmotoneError
from emotone.training.examples import Inputs, StreamTensors, outputs_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def share_of(rank: int, size: int, num_rows: int) -> slice:
    """The rows of a batch that a process takes: neighbours, as many as another or one more.

    >>> [share_of(rank, 2, 5) for rank in range(2)]
    [slice(0, 2, None), slice(2, 5, None)]
    """
    return slice(rank * num_rows // size, (rank + 1) * num_rows // size)


def whole_outputs(fabric: Fabric, model: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    """Outputs of all rows {target: [B, ...]}, each made by one process; gradients flow through this process's own rows.

    Summed over the processes, the gradients of a loss of them are those of the whole batch.
    """
    num_rows = len(inputs.speech if isinstance(inputs, StreamTensors) else inputs)
    share = share_of(fabric.global_rank, fabric.world_size, num_rows)
    own = StreamTensors(*(part[share] for part in inputs)) if isinstance(inputs, StreamTensors) else inputs[share]
    with WholeBatch(share, num_rows):
        outputs = outputs_of(model, own)
    return {name: _gather(fabric, output, share, num_rows) for name, output in outputs.items()}


def _gather(fabric: Fabric, own: Tensor, share: slice, num_rows: int) -> Tensor:
    every = own.new_zeros(num_rows, *own.shape[1:])
    every[share] = own.detach()
    fabric.all_reduce(every, reduce_op="sum")
    return torch.cat([every[: share.start], own, every[share.stop :]])


class WholeBatch(TorchFunctionMode):
    """Within it, what networks do with the rows `share` of a batch of `num_rows` is what they would do with them in it.

    Arrays may have several entries a row, one row after the other (as chunks of utterances). Raises EmotoneError for
    what draws random numbers in other ways.

    >>> rows, dropout = torch.ones(4, 3), nn.Dropout(0.5)
    >>> _ = torch.manual_seed(0)
    >>> whole = dropout(rows)
    >>> _ = torch.manual_seed(0)
    >>> with WholeBatch(slice(2, 4), 4):
    ...     torch.equal(dropout(rows[2:]), whole[2:])
    True
    """

    def __init__(self, share: slice, num_rows: int) -> None:
        super().__init__()
        self.share, self.num_rows = share, num_rows

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Any call of torch's functions, most of which treat rows alone and are left as they are."""
        if function in DROPOUTS:
            return self._drop(function, *args, **kwargs or {})
        if function is torch.rand:
            return self._rand(*args, **kwargs or {})
        if function in RANDOM:
            raise EmotoneError(f"a network that draws by {function.__name__} cannot be divided; train without torchrun")
        if function is F.batch_norm:
            return self._batch_norm(*args, **kwargs or {})
        if function is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs or {})
        if function is torch.lstm:
            return self._lstm(*args, **kwargs or {})
        return function(*args, **kwargs or {})

    def _own(self, length: int) -> tuple[int, int, int]:
        """(length in the whole batch, place in it, length) of an axis of rows, of which this process has `length`."""
        per_row, rest = divmod(length, self.share.stop - self.share.start)
        if rest:
            raise EmotoneError("a network that mixes rows of a batch cannot be divided; train without torchrun")
        return self.num_rows * per_row, self.share.start * per_row, length

    def _drop(
        self, function: Callable[..., Tensor], values: Tensor, p: float = 0.5, training: bool = True, *_: Any, **__: Any
    ) -> Tensor:
        return self._masked(function, values, p, 0) if training and p else values

    def _masked(self, function: Callable[..., Tensor], values: Tensor, p: float, axis: int) -> Tensor:
        num, start, length = self._own(values.shape[axis])
        shape = [*values.shape[:axis], num, *values.shape[axis + 1 :]]
        return values * function(values.new_ones(shape), p, True).narrow(axis, start, length)

    def _rand(self, *shape: Any, **settings: Any) -> Tensor:
        whole = list(shape if isinstance(shape[0], int) else shape[0])
        whole[0], start, length = self._own(whole[0])
        return torch.rand(whole, **settings).narrow(0, start, length)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, **more: Any
    ) -> Tensor:
        """Attention whose weights [B, heads, L, L] are dropped; torch would draw within its own function."""
        if not dropout_p:
            return F.scaled_dot_product_attention(query, key, value, attn_mask, **more)
        if attn_mask is not None or more:
            raise EmotoneError("dropout of masked attention cannot be divided; train without torchrun")
        weights = torch.softmax(query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5, dim=-1)
        return self._masked(F.dropout, weights, dropout_p, 0) @ value

    def _lstm(self, values: Tensor, state: Any, weights: Any, *settings: Any) -> tuple[Tensor, Tensor, Tensor]:
        """An LSTM layer by layer, with dropout between them; torch would draw within its own function."""
        if isinstance(state, Tensor):  # packed sequences, whose steps have rows of their own
            raise EmotoneError("an LSTM on packed sequences cannot be divided; train without torchrun")
        has_biases, num_layers, p, training, is_bidirectional, batch_first = settings
        if not (training and p and num_layers > 1):
            return torch.lstm(values, state, weights, *settings)
        sides, per_layer = 1 + is_bidirectional, len(weights) // num_layers
        last = []
        if batch_first:
            values = values.transpose(0, 1)  # [T, B, D], in which order the masks are drawn
        for layer in range(num_layers):
            if layer:
                values = self._masked(F.dropout, values, p, 1)
            begin = [part[layer * sides : (layer + 1) * sides].contiguous() for part in state]
            own = weights[layer * per_layer : (layer + 1) * per_layer]
            values, *ends = torch.lstm(values, begin, own, has_biases, 1, 0.0, True, is_bidirectional, False)
            last.append(ends)
        hidden, cell = (torch.cat(parts) for parts in zip(*last, strict=True))
        return values.transpose(0, 1) if batch_first else values, hidden, cell

    def _batch_norm(
        self,
        values: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Batch norm [B, H, ...] by the moments of the whole batch, whose gradients go to all processes."""
        if not training:
            return F.batch_norm(values, running_mean, running_var, weight, bias, False, momentum, eps)
        axes, as_values = [0, *range(2, values.ndim)], [1, -1, *[1] * (values.ndim - 2)]
        num = self._own(len(values))[0] * (values[0, 0].numel())
        wide = values.float() if values.dtype.itemsize < 4 else values
        mean = _Sum.apply(wide.sum(axes)) / num
        centred = wide - mean.view(as_values)
        variance = _Sum.apply((centred**2).sum(axes)) / num
        if running_mean is not None and running_var is not None:
            running_mean.lerp_(mean.detach(), momentum)
            running_var.lerp_(variance.detach() * num / (num - 1), momentum)
        scale = torch.rsqrt(variance + eps) if weight is None else torch.rsqrt(variance + eps) * weight
        normalised = centred * scale.view(as_values)
        return (normalised if bias is None else normalised + bias.view(as_values)).to(values.dtype)


class _Sum(torch.autograd.Function):
    """The sum over processes, of values and of gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d}
RANDOM = {
    F.alpha_dropout,
    F.feature_alpha_dropout,
    F.multi_head_attention_forward,
    torch.bernoulli,
    torch.normal,
    torch.rand_like,
    torch.randint,
    torch.randn,
    torch.randn_like,
    torch.randperm,
}
"""What draws and is not divided here."""
