"""The data of one fold: its parts as tables, and as normalised examples for networks.

Systems and difficulties are given this, not the `emotone.training.fold.Fold` that trains them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.base.files import replace_file
from emotone.base.kept import read_rows
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.moments import SMALLEST_STD
from emotone.bundle.view.streams import NO_TEXT, StreamNormalisers
from emotone.bundle.view.view import Normaliser, View, WordChunks
from emotone.data.dataset import Dataset
from emotone.data.norm_terms import read_normaliser
from emotone.data.rows import Rows
from emotone.data.selection import labelled
from emotone.data.split import Split
from emotone.errors import EmotoneError
from emotone.training.examples import StoreExamples, StreamExamples, predict_outputs


@dataclass
class FoldData:
    """One fold of one repeat of a run: `split` divides the utterances of `dataset`.

    Tables have a row per utterance (those of `Dataset.table`) or, in training, per copy (those of `Dataset.copies`).
    `folder` is where the fold keeps what it makes.
    """

    dataset: Dataset
    split: Split
    folder: Path
    repeat: int = 0
    number: int = 0
    device: str = "cpu"
    quiet: bool = False

    @cached_property
    def train(self) -> pd.DataFrame:
        """Training copies with a label, in the table's order."""
        copies = self.dataset.copies
        return labelled(copies[copies["utterance"].isin(self.split.train)], self.dataset.targets)

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
        table, split = self.dataset.table, self.split
        is_free = (table["split"] == "unlabelled") & ~table["id"].isin({*split.validation, *split.test})
        return table[table["id"].isin(split.unlabelled) | is_free].reset_index(drop=True)

    def _part(self, ids: Sequence[str]) -> pd.DataFrame:
        table = self.dataset.table
        return labelled(table[table["id"].isin(ids)], self.dataset.targets)

    @cached_property
    def targets(self) -> list[Target]:
        """The recipe's targets, attributes with the moments of the training labels."""
        return [_with_moments(target, self.train) for target in self.dataset.targets]

    @property
    def seed(self) -> int:
        """The seed of everything random in this fold."""
        return (self.dataset.recipe.seed + self.repeat) * 1000 + self.number

    @cached_property
    def start(self) -> Bundle | None:
        """The bundle from whose weights training starts, where the recipe names one."""
        return Bundle.load(self.dataset.recipe.init) if self.dataset.recipe.init else None

    @cached_property
    def longest(self) -> tuple[int, float]:
        """Frames and seconds of the longest training utterance; a feature without frames goes by the audio."""
        frames, hop_s = max(map(len, self.dataset.rows(self.train).utterances)), self.dataset.feature.hop_s
        return frames, frames * hop_s if hop_s else float(self.train["duration_s"].max())

    def examples(self, table: pd.DataFrame, view: View) -> StoreExamples | StreamExamples:
        """Rows of this fold's tables as normalised examples of a view, with their labels."""
        normalise = self.dataset.recipe.normalise
        labels = _labels(table, self.targets)
        if isinstance(view, WordChunks):
            return StreamExamples(self.dataset.utterances(table), view, self.stream_normalisers, labels)
        rows = self.dataset.rows(table)
        is_shared = normalise.by == "training"
        normaliser = self.normaliser if is_shared else rows.normalisers_of(table["speaker"], normalise.clip)
        return StoreExamples(rows, view, normaliser, labels)

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
        return self.dataset.noisy_rows(self.train)

    @cached_property
    def normaliser(self) -> Normaliser:
        """The normaliser of audio features [D]: by given terms, the start bundle's, or by the training part."""
        terms, num_features = self.dataset.recipe.normalise.terms, len(self.dataset.feature.names)
        if terms is not None:
            found = read_normaliser(Path(terms), num_features, self.dataset.recipe.normalise.clip)
        elif self.start:
            found = self._clipped(self.start.normaliser)
        else:
            readers = (self.dataset.rows(self.train), *self._noisy)
            found = self.dataset.normaliser(itertools.chain.from_iterable(rows.utterances for rows in readers))
        return found if found.clip is not None else _blind_to_constants(found)

    @cached_property
    def stream_normalisers(self) -> StreamNormalisers:
        """The normalisers of speech and text."""
        return StreamNormalisers(self.normaliser, self._text_normaliser)

    @property
    def _text_normaliser(self) -> Normaliser:
        if self.dataset.text_feature is None:
            return NO_TEXT
        if self.start:
            return self._clipped(self.start.stream_normalisers.text)
        found = [one.text for one in self.dataset.utterances(self.train) if one.text is not None]
        if not found:
            raise EmotoneError(
                f"recipe {self.dataset.recipe.name}: no training utterance has a transcript that can be read"
            )
        return self.dataset.normaliser(found)

    def _clipped(self, normaliser: Normaliser) -> Normaliser:
        """The start bundle's normaliser with the recipe's clip."""
        return dataclasses.replace(normaliser, clip=self.dataset.recipe.normalise.clip)


def keep_table(path: Path, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A table that a step makes: written to `path`, and read back from there by later calls."""
    if path.is_file():
        return read_rows(path)
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


def _blind_to_constants(normaliser: Normaliser) -> Normaliser:
    """The normaliser with 0 for features that are constant in training, to the precision of float32.

    Nothing can be learned of them, and where they are not constant later, unclipped z-scores would be in the millions.
    """
    mean, std = normaliser.mean, normaliser.std
    is_varied = std > 1e-6 * np.abs(mean) + SMALLEST_STD
    return dataclasses.replace(normaliser, std=np.where(is_varied, std, np.float32(np.inf)))


def _labels(table: pd.DataFrame, targets: list[Target]) -> dict[str, Tensor]:
    """Labels as the losses take them: z-normalised attributes (NaN unknown), one-hot categories (zeros unknown)."""
    labels: dict[str, Tensor] = {}
    for target in targets:
        if target.kind == "category":
            hot = np.array([table[target.name] == label for label in target.labels], dtype=np.float32).T
            labels[target.name] = torch.from_numpy(np.ascontiguousarray(hot))
        else:
            values = (table[target.name].to_numpy(float) - target.mean) / target.std
            labels[target.name] = torch.from_numpy(values.astype(np.float32))
    return labels
