"""Networks side by side: what each gives, by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.models.side_by_side import SeparateNetworks, networks_of


class Scaled(nn.Module):
    """The mean of its inputs over all but the batch, times a factor; one curve of as many steps as chunks."""

    def __init__(self, name: str, factor: float) -> None:
        super().__init__()
        self.name, self.factor = name, nn.Parameter(torch.tensor(factor))

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        return {self.name: self.factor * sum(one.flatten(1).mean(dim=1) for one in inputs)}

    def curves(self, chunks: Tensor) -> dict[str, Tensor]:
        return {self.name: self.factor * chunks.flatten(2).mean(dim=2)}


def both() -> SeparateNetworks:
    return SeparateNetworks({name: Scaled(name, factor) for name, factor in (("arousal", 2.0), ("valence", -1.0))})


def test_outputs_are_merged() -> None:
    chunks = torch.arange(24.0).reshape(2, 3, 4, 1)
    found = both()(chunks)
    assert {name: output.tolist() for name, output in found.items()} == {
        "arousal": [11.0, 35.0],
        "valence": [-5.5, -17.5],
    }


def test_all_networks_get_all_inputs() -> None:
    speech, text = torch.ones(2, 3), torch.full((2, 5), 10.0)
    assert both()(speech, text)["arousal"].tolist() == [22.0, 22.0]


def test_curves_are_merged() -> None:
    found = both().curves(torch.arange(12.0).reshape(1, 3, 4, 1))
    assert found["arousal"].tolist() == [[3.0, 11.0, 19.0]] and found["valence"].tolist() == [[-1.5, -5.5, -9.5]]


def test_networks_by_target() -> None:
    separate, alone = both(), Scaled("arousal", 1.0)
    assert networks_of(separate) == {name: separate.networks[name] for name in ("arousal", "valence")}
    assert networks_of(alone) == {"": alone}
