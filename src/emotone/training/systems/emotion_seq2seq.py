"""Seq2Seq with emotion curves (Lin & Busso 2023): a score of every chunk, taught by what a ranker finds in them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.bundle.view.view import Chunks
from emotone.data.labels.emotion_curve import emotion_curve
from emotone.data.labels.rank_sequence import rank_chunks
from emotone.data.labels.votes import check_votes, vote_statistics
from emotone.data.recipe import Training
from emotone.data.recipe_yaml import training_from_json
from emotone.errors import EmotoneError
from emotone.training.chunk_system import ChunkSystem
from emotone.training.given_ranks import GivenRanks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.selection import Selection
    from emotone.data.split import Split
    from emotone.features.feature import Feature
    from emotone.training.examples import Examples
    from emotone.training.fold_data import FoldData
    from emotone.training.learners.learner import Learner, Lesson
    from emotone.training.system import TrainStep

RANKER = "emotion-ranker"
OF_RANKER = ("chunk_s", "chunk_frames", "max_utterance_s", "num_chunks", "scale")
"""Settings that the ranker shares, so that both see the same chunks."""


@dataclass(frozen=True)
class EmotionSeq2Seq(ChunkSystem):
    """How the network of `emotone.models.networks.emotion_seq2seq` learns from labels and from curves.

    First a ranker is trained on the same fold, unless one is given, or its ranks; the ranks of an utterance's chunks
    become its curve, which the network learns chunk by chunk, as it learns the label by the mean of its chunks. Both
    are those of the votes, where there are votes: their mean is the label of training. The fold's folder keeps the
    ranker (`ranker`) and `curves.parquet`, with margins, ranks and curve of every training utterance; what is there is
    not made again. Besides the settings of `emotone.training.chunk_system`:

    curve_weight: of the curves' loss against the label's; 0 trains the same network without ranker and curves.
    curve_std: deviation of a curve on the recipe's range where the votes have none; null is as published: one vote, or
    equal ones, make a constant curve, and an utterance without votes is refused.
    ranker, ranker_training: settings of `emotion-ranker`, and its loop, as in a recipe; or `ranker` is a bundle with
    curves, or a run of rankers, of which each fold takes the bundle of the same fold. One that was trained on a corpus
    of the recipe by another split is refused, unless the recipe allows leakage.
    ranks: a folder of rank sequences (`emotone.data.labels.rank_files`), or of a folder for each fold; no ranker is
    trained then, whatever its settings. Nothing says by which utterances these ranks were learned.
    ccc: "lin", or "published" with its mixed degrees of freedom.
    """

    name: ClassVar[str] = "emotion-seq2seq"
    gives_curves: ClassVar[bool] = True
    distributes: ClassVar[bool] = False

    scale: int = 2
    curve_weight: float = 0.5
    curve_std: float | None = None
    ranker: dict[str, Any] | str = field(default_factory=dict)
    ranks: str | None = None
    ranker_training: dict[str, Any] = field(default_factory=lambda: {"epochs": 20})
    ccc: Literal["lin", "published"] = "lin"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.curve_weight <= 1:
            raise EmotoneError(f"{self.name}: curve_weight must be from 0 to 1, not {self.curve_weight}")
        if self.curve_std is not None and not 0 <= self.curve_std < math.inf:
            raise EmotoneError(f"{self.name}: curve_std must be a number of at least 0, not {self.curve_std}")
        if self.ranks is not None and isinstance(self.ranker, str):
            raise EmotoneError(
                f"{self.name}: ranks are given, so ranker {self.ranker} has no use; leave out one of the two"
            )
        for key in OF_RANKER:
            if isinstance(self.ranker, dict) and key in self.ranker:
                raise EmotoneError(f"{self.name}: {key} of the ranker is that of {self.name}; set system.{key}")
        if self._given is None:
            ranker = plugins.create("systems", RANKER, self._choice.settings)
            try:
                ranker.check_training(self._training, False)
            except EmotoneError as error:
                raise EmotoneError(f"{self.name}: ranker_training: {error}") from None

    @property
    def _given(self) -> GivenRanks | None:
        """Ranks from elsewhere, or None where the ranker is trained on the same fold."""
        if self.ranks is not None:
            return GivenRanks(folder=self.ranks)
        return GivenRanks(ranker=self.ranker) if isinstance(self.ranker, str) else None

    @property
    def _choice(self) -> Choice:
        assert isinstance(self.ranker, dict)
        return Choice(RANKER, {key: getattr(self, key) for key in OF_RANKER} | self.ranker)

    @property
    def _training(self) -> Training:
        return training_from_json(self.ranker_training, f"{self.name}: ranker_training")

    def check_data(self, data: Selection, feature: Feature) -> None:
        """Raise EmotoneError where the ranker cannot learn, or curves of utterances without votes have no deviation."""
        if not self.curve_weight:
            return
        if self._given is None:
            ranker = plugins.create("systems", RANKER, self._choice.settings)
            ranker.check_data(data, feature)
        if self.curve_std is None:
            check_votes(data, self.name, "so its curves have no deviation; set system.curve_std")
        if self._given is not None:
            return
        split, best = data.recipe.split, self._training.best
        if best != "last" and (split.name == "everything" or not split.validate):
            raise EmotoneError(
                f"{self.name}: this split validates nothing, so ranker_training.best must be 'last', not {best!r}"
            )

    def check_fold(self, data: Selection, split: Split, repeat: int, number: int) -> list[str]:
        """The given ranker, or its ranks: there, of these attributes, and without knowledge of the test part."""
        return self._given.check(data, split, repeat, number) if self._given and self.curve_weight else []

    def files_read(self) -> dict[str, str]:
        """The given ranker, or its ranks."""
        return self._given.identity if self._given and self.curve_weight else {}

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: chunks [B, C, m, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.emotion_seq2seq import EmotionSeq2Seq as Network

        return self.side_by_side(
            lambda outputs: Network(num_features, outputs, self.hidden_size, self.dropout), targets
        )

    def prepare(
        self, fold: FoldData, folder: Path, train: Examples, validation: Examples | None, train_step: TrainStep
    ) -> dict[str, Any]:
        """Labels and curves of the votes."""
        import torch

        curves = self._curves(fold, folder, train.view, train_step) if self.curve_weight else None
        for target in fold.targets:
            if target.kind == "category":
                continue
            mean, _ = vote_statistics(fold.dataset, fold.train, target.name)
            label = torch.from_numpy((mean - target.mean) / target.std).float()
            train.labels[target.name] = torch.where(label.isnan(), train.labels[target.name], label)
            if curves is not None:
                own = np.stack(curves.loc[curves["target"] == target.name, "curve"].to_list())
                curve = (own - target.mean) / target.std
                train.labels[f"{target.name}_curve"] = torch.from_numpy(curve).float()
        return {}

    def _curves(self, fold: FoldData, folder: Path, view: View, train_step: TrainStep) -> pd.DataFrame:
        """A row for each target and training utterance, in their order."""
        import pandas as pd

        from emotone.training.fold_data import keep_table

        def make() -> pd.DataFrame:
            rated = [self._rated(fold, target) for target in fold.targets]  # what it refuses, before the ranker learns
            if self._given is not None:
                assert isinstance(view, Chunks)
                given = self._given.ranks(fold, fold.targets, view.num_chunks)
                tables = [table.assign(rank=list(given[_name(table)])) for table in rated]
            else:
                training = self._training
                ranker = train_step(self._choice, training, folder / "ranker", view)
                margins = fold.outputs(ranker.network, fold.train, view, training.batch_size)
                tables = [_with_ranks(table, margins[_name(table)]) for table in rated]
            return pd.concat([_with_curves(table) for table in tables], ignore_index=True)

        return keep_table(folder / "curves.parquet", make)

    def _rated(self, fold: FoldData, target: Target) -> pd.DataFrame:
        """The training utterances with mean and deviation of their votes, or the label and `curve_std` instead."""
        mean, std = vote_statistics(fold.dataset, fold.train, target.name)
        if self.curve_std is not None:
            std = np.where(std > 0, std, self.curve_std)
        mean = np.where(np.isnan(mean), fold.train[target.name].to_numpy(float), mean)
        lost = fold.train["id"][~np.isnan(mean) & np.isnan(std)]
        if len(lost):
            raise EmotoneError(
                f"{self.name}: {len(lost)} of {len(mean)} training utterances have a label for {target.name} but no "
                f"votes, e.g. {lost.iloc[0]}, so their curves have no deviation; set system.curve_std"
            )
        return fold.train[["id", "speaker"]].assign(target=target.name, mean=mean, std=std)

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The published sum of two CCC losses: of scores and labels, and of all chunks' scores and curves."""
        from emotone.models.losses import masked_ccc_loss, sum_over_targets

        scores = {name: output for name, output in outputs.items() if not name.endswith("_curve")}
        loss = sum_over_targets(scores, labels, self.ccc)
        curves = [name for name in outputs if name.endswith("_curve") and name in labels]
        if not curves:
            return loss
        of_curves = [masked_ccc_loss(outputs[name].flatten(), labels[name].flatten(), self.ccc) for name in curves]
        return (1 - self.curve_weight) * loss + self.curve_weight * sum(of_curves[1:], of_curves[0])

    def learner(self, fabric: Fabric, network: nn.Module, lesson: Lesson) -> Learner:
        """The plain one, of scores and curves at once."""
        from emotone.models.export import ScoresAndCurves

        both = ScoresAndCurves(network) if self.curve_weight else network
        return super().learner(fabric, both, lesson)


def _name(rated: pd.DataFrame) -> str:
    """The one target of a table."""
    return str(rated["target"].iloc[0])


def _with_ranks(rated: pd.DataFrame, margins: NDArray[np.float32]) -> pd.DataFrame:
    """The utterances of one target with margins and ranks [N, C]."""
    return rated.assign(margin=list(margins), rank=list(rank_chunks(margins)))


def _with_curves(ranked: pd.DataFrame) -> pd.DataFrame:
    """The utterances of one target with curves [N, C] of their ranks; NaN where they have no label."""
    ranks = np.stack(ranked["rank"].to_list())
    curve = np.full(ranks.shape, np.nan)
    known = ranked["mean"].notna().to_numpy()
    curve[known] = emotion_curve(ranks[known], ranked["mean"][known], ranked["std"][known])
    return ranked.assign(curve=list(curve))
