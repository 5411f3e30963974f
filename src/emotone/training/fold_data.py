"""The data of one fold: its parts as tables, and as the examples that its networks see, normalised by its own training.

What a system prepares and what scores a curriculum get this, not the `emotone.training.fold.Fold` that trains them.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.base.files import replace_file
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.normalise import SMALLEST_STD
from emotone.bundle.view.streams import Scale
from emotone.bundle.view.view import Segments, View, WordChunks
from emotone.data.dataset import Dataset
from emotone.data.rows import Rows
from emotone.data.selection import labelled
from emotone.data.split import Split
from emotone.errors import EmotoneError
from emotone.training.examples import StoreExamples, StreamExamples, predict_outputs


@dataclass
class FoldData:
    """One fold of one repeat of a run: `split` divides the utterances of `data`.

    Tables have a row per utterance (those of `Dataset.table`) or, in training, per copy (those of `Dataset.copies`).
    `folder` is where the fold keeps what it makes.
    """

    data: Dataset
    split: Split
    folder: Path
    repeat: int = 0
    number: int = 0
    device: str = "cpu"
    quiet: bool = False

    @cached_property
    def train(self) -> pd.DataFrame:
        """Training copies with a label, in the table's order."""
        copies = self.data.copies
        return labelled(copies[copies["utterance"].isin(self.split.train)], self.data.targets)

    @cached_property
    def validation(self) -> pd.DataFrame:
        """Validation utterances with a label."""
        return self._part(self.split.validation)

    @cached_property
    def test(self) -> pd.DataFrame:
        """Test utterances with a label."""
        return self._part(self.split.test)

    @cached_property
    def unlabelled(self) -> pd.DataFrame:
        """Speech set apart as unlabelled, by the split or (where that trains on everything) by its corpus."""
        table, split = self.data.table, self.split
        is_free = (table["split"] == "unlabelled") & ~table["id"].isin({*split.validation, *split.test})
        return table[table["id"].isin(split.unlabelled) | is_free].reset_index(drop=True)

    def _part(self, ids: Sequence[str]) -> pd.DataFrame:
        table = self.data.table
        return labelled(table[table["id"].isin(ids)], self.data.targets)

    @cached_property
    def targets(self) -> list[Target]:
        """The recipe's targets, attributes with the moments of the training labels."""
        return [_with_moments(target, self.train) for target in self.data.targets]

    @property
    def seed(self) -> int:
        """Of everything random in this fold."""
        return (self.data.recipe.seed + self.repeat) * 1000 + self.number

    @cached_property
    def start(self) -> Bundle | None:
        """The bundle from which training starts, if there is one."""
        return Bundle.load(self.data.recipe.init) if self.data.recipe.init else None

    def complete_view(self, own: View, start: Bundle | None) -> View:
        """A system's `own` view with what the features say of it; where training starts from a bundle, the bundle's."""
        if isinstance(own, Segments):
            own = dataclasses.replace(own, num_channels=getattr(self.data.feature, "num_channels", 1))
        if isinstance(own, WordChunks) and self.data.text_feature is not None:
            own = dataclasses.replace(own, num_text_features=len(self.data.text_feature.names))
        if start is None:
            return own
        takes, given = (
            (one.streams, one.num_text_features) if isinstance(one, WordChunks) else None for one in (own, start.view)
        )
        if takes != given:
            raise EmotoneError(
                f"recipe {self.data.recipe.name}: init {start.name} does not take the streams and tokens that the "
                "recipe has; set system.streams and text_feature as it was trained"
            )
        return start.view

    @cached_property
    def longest(self) -> tuple[int, float]:
        """Frames and seconds of the longest training utterance."""
        frames = max(len(features) for features in self.data.rows(self.train).utterances)
        return frames, frames * (self.data.feature.hop_s or 0.0)

    def examples(self, table: pd.DataFrame, view: View) -> StoreExamples | StreamExamples:
        """Utterances of this fold as its networks see them."""
        normalise = self.data.recipe.normalise
        labels = _labels(table, self.targets)
        clip = math.inf if normalise.clip is None else normalise.clip
        if isinstance(view, WordChunks):
            scale = Scale(*self.moments, *self.text_moments, clip)
            return StreamExamples(self.data.utterances(table), view, scale, labels)
        rows = self.data.rows(table)
        if normalise.by == "training":
            return StoreExamples(rows, view, *self.moments, clip, labels)
        mean, std, speakers = rows.moments_of(table["speaker"])
        return StoreExamples(rows, view, mean, std, clip, labels, speakers)

    def train_examples(self, view: View) -> StoreExamples | StreamExamples:
        """The training part, with its noisy copies."""
        examples = self.examples(self.train, view)
        return dataclasses.replace(examples, noisy=self._noisy) if isinstance(examples, StoreExamples) else examples

    def outputs(
        self, network: nn.Module, table: pd.DataFrame, view: View, batch_size: int
    ) -> dict[str, NDArray[np.float32]]:
        """A network's outputs for utterances of this fold: {target: [N], [N, K] or as it gives them}."""
        return predict_outputs(network.to(self.device), self.examples(table, view), batch_size, self.device)

    @cached_property
    def _noisy(self) -> list[Rows]:
        """The training part with noise, a reader for each kind that the recipe's system learns from."""
        return self.data.noisy_rows(self.train)

    @cached_property
    def moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation [D] of the features: those of the bundle it starts from, or of the training part."""
        own = itertools.chain.from_iterable(rows.utterances for rows in (self.data.rows(self.train), *self._noisy))
        mean, std = self.start.feature_moments if self.start else self.data.moments(own)
        return mean, _blind_to_constants(mean, std) if self.data.recipe.normalise.clip is None else std

    @cached_property
    def text_moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation [D'] of the features of text, likewise; of one feature where there is no text."""
        if self.data.text_feature is None:
            return np.zeros(1, np.float32), np.ones(1, np.float32)
        if self.start:
            return self.start.scale.text_mean, self.start.scale.text_std
        found = [one.text for one in self.data.utterances(self.train) if one.text is not None]
        if not found:
            raise EmotoneError(
                f"recipe {self.data.recipe.name}: no training utterance has a transcript that can be read"
            )
        return self.data.moments(found)


def keep_table(path: Path, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A table that training needs or leaves: read back where an earlier call made it."""
    if path.is_file():
        return pd.read_parquet(path)
    table = make()
    with replace_file(path) as temporary:
        table.to_parquet(temporary, index=False)
    return table


def _with_moments(target: Target, train: pd.DataFrame) -> Target:
    """An attribute with the mean and population deviation of the training labels."""
    if target.kind == "category":
        return target
    labels = train[target.name].dropna()
    return Target(target.name, "attribute", target.range, float(labels.mean()), float(labels.std(ddof=0)) or 1.0)


def _blind_to_constants(mean: NDArray[np.float32], std: NDArray[np.float32]) -> NDArray[np.float32]:
    """Deviations that make 0 of features that are constant in training, to the precision of float32.

    Nothing can be learned of them, and where they are not constant later, unclipped z-scores would be in the millions.
    """
    return np.where(std > 1e-6 * np.abs(mean) + SMALLEST_STD, std, np.float32(np.inf))


def _labels(table: pd.DataFrame, targets: list[Target]) -> dict[str, Tensor]:
    """Labels as the losses take them: z-normalised attributes (NaN unknown), one-hot categories (zeros unknown)."""
    labels: dict[str, Any] = {}
    for target in targets:
        if target.kind == "category":
            hot = np.array([table["emotion"] == label for label in target.labels], dtype=np.float32).T
            labels[target.name] = torch.from_numpy(np.ascontiguousarray(hot))
        else:
            values = (table[target.name].to_numpy(float) - target.mean) / target.std
            labels[target.name] = torch.from_numpy(values.astype(np.float32))
    return labels
