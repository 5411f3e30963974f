"""Learning from pairs of utterances of which one has more of an attribute (RankNet's loss on their chunks).

Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion", IEEE/ACM TASLP 31, 2023:
chunk k of one utterance against chunk k of the other, each pair of chunks with the label of the utterances. The
published network has two outputs whose difference is the margin, and the cross-entropy of a pair's two logits is that
of one logit, the difference of the two margins.

A chunk's margin does not depend on what it is compared with, so an utterance passes the network once a step, however
many pairs it is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.data.labels.preferences import Preferences
from emotone.errors import EmotoneError
from emotone.models.side_by_side import networks_of
from emotone.training.learners.learner import OneOptimiser

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from emotone.training.learners.learner import Lesson

Pairing = Literal["drawn", "within"]
Drawn = dict[str, NDArray[np.intp]]
"""The numbers of the pairs of each target that a batch takes."""


class PairLearner(OneOptimiser):
    """Epochs of pairs for a network that gives margins {target: [B, C]}: a `Learner`.

    "drawn" (published): `num_pairs` random pairs of each target an epoch (all, where there are no more), in batches of
    `settings.batch_size` pairs. "within": every utterance once an epoch, in batches of `settings.batch_size`
    utterances, with all pairs that lie within a batch: far more pairs for as many passes through the network.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        lesson: Lesson,
        pairing: Pairing,
        num_pairs: int,
    ) -> None:
        super().__init__(fabric, network, optimiser, lesson)
        self.pairing, self.num_pairs = pairing, num_pairs
        self.parts = networks_of(network)

    def round(self, number: int) -> Iterator[Tensor]:
        """One epoch; yields the loss of each step, the sum over targets."""
        self.model.train()
        random = np.random.default_rng([self.seed, 2, number])
        for drawn in self._drawn(random) if self.pairing == "drawn" else self._within(random):
            yield self._step(drawn)

    def _drawn(self, random: np.random.Generator) -> Iterator[Drawn]:
        orders = {name: draw_pairs(pairs, self.num_pairs, random) for name, pairs in self.train.pairs.items()}
        size = self.settings.batch_size
        for start in range(0, max(map(len, orders.values())), size):
            yield {name: order[start : start + size] for name, order in orders.items()}

    def _within(self, random: np.random.Generator) -> Iterator[Drawn]:
        num_batches = -(-len(self.train) // self.settings.batch_size)
        batch_of = random.permutation(len(self.train)) % num_batches
        pairs_of: list[Drawn] = [{} for _ in range(num_batches)]
        for name, pairs in self.train.pairs.items():
            batch = batch_of[pairs.first]
            inside = np.flatnonzero(batch == batch_of[pairs.second])
            order = np.argsort(batch[inside], kind="stable")
            ends = np.cumsum(np.bincount(batch[inside], minlength=num_batches))
            for number, chosen in enumerate(np.split(inside[order], ends[:-1])):
                pairs_of[number][name] = chosen
        learned = [drawn for drawn in pairs_of if any(map(len, drawn.values()))]
        if not learned:
            size = self.settings.batch_size
            raise EmotoneError(f"no two utterances of any batch of {size} have a clear order; set a larger batch_size")
        yield from learned

    def _step(self, drawn: Drawn) -> Tensor:
        losses = []
        for target, network in self.parts.items():
            wanted = {name: chosen for name, chosen in drawn.items() if target in ("", name) and len(chosen)}
            if wanted:
                losses.append(self._loss(network, wanted))
        return self.descend(sum(losses[1:], losses[0]))

    def _loss(self, network: nn.Module, drawn: Drawn) -> Tensor:
        """Of one network, which sees each utterance of the pairs once."""
        pairs = [(self.train.pairs[name], chosen) for name, chosen in drawn.items()]
        sides = [side[chosen] for own, chosen in pairs for side in (own.first, own.second)]
        rows, places = np.unique(np.concatenate(sides), return_inverse=True)
        ends = np.cumsum([len(side) for side in sides])[:-1]
        at = [torch.from_numpy(part).to(self.fabric.device) for part in np.split(places, ends)]
        inputs, _ = self.train.batch(rows.astype(np.intp))
        with self.fabric.autocast():
            margins = network(inputs.to(self.fabric.device))
            losses = []
            for number, (name, chosen) in enumerate(drawn.items()):
                margin = margins[name]
                logits = margin[at[2 * number]] - margin[at[2 * number + 1]]  # [P, C]
                is_higher = torch.from_numpy(self.train.pairs[name].label[chosen]).to(logits)
                losses.append(F.binary_cross_entropy_with_logits(logits, is_higher[:, None].expand_as(logits)))
        return sum(losses[1:], losses[0])


def draw_pairs(pairs: Preferences, num_pairs: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Which pairs: `num_pairs` different ones in random order, or all where there are no more.

    >>> pairs = Preferences(np.array([0, 1]), np.array([1, 2]), np.array([1, 0]), 0, 0)
    >>> sorted(draw_pairs(pairs, 5, np.random.default_rng(0)).tolist())
    [0, 1]
    """
    return random.choice(len(pairs.label), min(num_pairs, len(pairs.label)), replace=False)
