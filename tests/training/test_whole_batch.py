"""A batch that is divided over processes gives the gradients, moments and random numbers of the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchrun import torchrun

from emotone.errors import EmotoneError
from emotone.training.whole_batch import WholeBatch, share_of

SHARES = [share_of(rank, 3, 7) for rank in range(3)]


def test_gradients_of_every_network_are_those_of_the_whole_batch() -> None:
    done = torchrun(str(Path(__file__).parents[1] / "builders" / "divided_gradients.py"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 9
    for name, differences in found.items():
        assert max(differences) < 1e-12, name


def test_shares_are_all_rows_in_order() -> None:
    rows = torch.arange(7)
    assert torch.equal(torch.cat([rows[share] for share in SHARES]), rows)
    assert [share.stop - share.start for share in SHARES] == [2, 2, 3]


class Attention(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(rows, rows, rows, dropout_p=0.4 if self.training else 0.0)


class Noise(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows + (torch.rand(len(rows), 3) + torch.rand(rows.shape) if self.training else 0)


class Last(nn.Module):
    """Outputs and last states of an LSTM, beside each other."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 4, num_layers=3, dropout=0.5, batch_first=True, **settings)

    def forward(self, rows: Tensor) -> Tensor:
        outputs, (hidden, cell) = self.lstm(rows)
        return torch.cat([outputs, hidden.transpose(0, 1), cell.transpose(0, 1)], dim=1)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout(0.3), (7, 5)),
        (nn.Dropout1d(0.3), (7, 5, 2)),
        (nn.Dropout(0.0), (7, 5)),
        (Attention(), (7, 2, 5, 4)),
        (Last(), (7, 5, 4)),
        (Noise(), (7, 3)),
    ],
)
def test_a_share_of_what_one_process_draws(layer: nn.Module, shape: tuple[int, ...]) -> None:
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    for training in (True, False):
        layer.train(training)
        torch.manual_seed(3)
        whole, after = layer(rows), torch.get_rng_state()
        for share in SHARES:
            torch.manual_seed(3)
            with WholeBatch(share, 7):
                torch.testing.assert_close(layer(rows[share]), whole[share], rtol=0, atol=1e-6)
            assert torch.equal(torch.get_rng_state(), after)


def test_rows_may_have_several_entries_each() -> None:
    chunks = torch.ones(7, 3, 4)
    torch.manual_seed(0)
    whole = F.dropout(chunks.flatten(0, 1), 0.5).unflatten(0, (7, 3))
    torch.manual_seed(0)
    with WholeBatch(SHARES[1], 7):
        own = F.dropout(chunks[SHARES[1]].flatten(0, 1), 0.5)
    assert torch.equal(own.unflatten(0, (-1, 3)), whole[SHARES[1]])


def test_batch_norm_in_evaluation_is_as_ever() -> None:
    norm, rows = nn.BatchNorm1d(4).eval(), torch.randn(7, 4)
    with WholeBatch(SHARES[0], 7):
        assert torch.equal(norm(rows[:2]), norm(rows)[:2])


def test_what_cannot_be_divided_is_refused() -> None:
    rows, packed = torch.ones(2, 5), nn.utils.rnn.pack_sequence([torch.ones(3, 4), torch.ones(2, 4)])
    masked = {"attn_mask": torch.ones(5, 5, dtype=torch.bool), "dropout_p": 0.5}
    with WholeBatch(SHARES[0], 7):
        for call, line in (
            (lambda: torch.randn(2), "draws by randn "),
            (lambda: F.dropout(rows.new_ones(3, 5)), "mixes rows"),
            (lambda: F.scaled_dot_product_attention(rows, rows, rows, **masked), "masked attention"),
            (lambda: nn.LSTM(4, 4, num_layers=2, dropout=0.5)(packed), "packed sequences"),
        ):
            with pytest.raises(EmotoneError, match=line):
                call()
