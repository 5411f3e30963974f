"""Several networks in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class SeparateNetworks(nn.Module):
    """One network per target, side by side: inputs shared, outputs merged by name.

    >>> networks = SeparateNetworks({"arousal": nn.Identity()})
    >>> list(networks.networks)
    ['arousal']
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = {}
        for network in self.networks.values():
            outputs |= network(*inputs)
        return outputs

    def curves(self, chunks: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [B, C] or [B, C, K]} of chunks [B, C, m, D], where all networks have `curves`."""
        outputs: dict[str, Tensor] = {}
        for network in self.networks.values():
            curves: Any = network.curves
            outputs |= curves(chunks)
        return outputs


def networks_of(network: nn.Module) -> dict[str, nn.Module]:
    """The networks side by side by their target, or the one network as ""."""
    return dict(network.networks.items()) if isinstance(network, SeparateNetworks) else {"": network}
