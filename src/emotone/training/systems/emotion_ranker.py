"""Emotion rankers (Lin & Busso 2023): which of two utterances has more of an attribute, learned from preferences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.target import UNBOUNDED
from emotone.data.labels.votes import PreferenceRule, check_votes
from emotone.errors import EmotoneError
from emotone.training.chunk_system import ChunkSystem

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from lightning_fabric import Fabric
    from torch import nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.labels.preferences import Preferences
    from emotone.data.recipe import Training
    from emotone.data.selection import Selection
    from emotone.features.feature import Feature
    from emotone.training.examples import Examples
    from emotone.training.fold_data import FoldData
    from emotone.training.learners.learner import Learner, Lesson
    from emotone.training.system import Scorer, TrainStep


@dataclass(frozen=True)
class EmotionRanker(ChunkSystem):
    """How the network of `networks.emotion_ranker` learns from pairs (`learners.pairs`).

    The bundle's scores are margins: relative, and with a curve over the chunks. Training counts epochs; the fold's
    folder keeps the pairs as `preferences.parquet`. Validation is by the macro-F1 of chunk pairs. Besides the settings
    of `emotone.training.chunk_system`:

    preferences: "votes" compares the raters' single votes; "margin" the labels, for corpora without raters.
    threshold: share of compared votes that decides a pair.
    margin: least difference of two labels that decides a pair, on the recipe's range.
    partners: with how many others each utterance is compared, below 1 as a share of all.
    pairing: of the pairs in training, "drawn" as published, or all "within" a batch of utterances.
    num_pairs: drawn for each epoch, and once for validation.
    """

    name: ClassVar[str] = "emotion-ranker"
    gives_curves: ClassVar[bool] = True
    distributes: ClassVar[bool] = False

    scale: int = 2
    preferences: Literal["votes", "margin"] = "votes"
    threshold: float = 0.6
    margin: float = 1.0
    partners: float = 0.1
    pairing: Literal["drawn", "within"] = "drawn"
    num_pairs: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("num_pairs")
        if not 0.5 < self.threshold <= 1:
            raise EmotoneError(f"{self.name}: threshold must be above 0.5 and at most 1, not {self.threshold}")
        if not self.margin > 0:
            raise EmotoneError(f"{self.name}: margin must be above 0, not {self.margin}")
        if not (0 < self.partners < 1 or (self.partners >= 1 and float(self.partners).is_integer())):
            raise EmotoneError(f"{self.name}: partners must be a share below 1 or a whole number, not {self.partners}")

    def check_training(self, training: Training, has_curriculum: bool) -> None:
        """Epochs, and its own validation."""
        if training.epochs is None:
            raise EmotoneError(f"{self.name} goes by epochs: set training.epochs")
        if training.best == "published-loss":
            raise EmotoneError(f"{self.name} is validated by macro-F1: training.best must be 'metric' or 'last'")
        if has_curriculum:
            raise EmotoneError(f"{self.name} learns from pairs of utterances, so it takes no curriculum")

    def check_data(self, data: Selection, feature: Feature) -> None:
        """Attributes, with votes unless they are compared by their labels."""
        for target in data.targets:
            if target.kind == "category":
                raise EmotoneError(f"{self.name}: {target.name} has no order; set targets to attributes")
        if self.preferences == "votes":
            remedy = "utterances can be compared by a margin of their labels instead: preferences=margin"
            check_votes(data, self.name, remedy)

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: chunks [B, C, m, D] -> margins {target: [B, C]}."""
        from emotone.models.networks.emotion_ranker import EmotionRanker as Network

        return self.side_by_side(
            lambda outputs: Network(num_features, outputs, self.hidden_size, self.dropout), targets
        )

    def prepare(
        self, fold: FoldData, folder: Path, train: Examples, validation: Examples | None, train_step: TrainStep
    ) -> dict[str, Any]:
        """The pairs of both parts."""
        from emotone.training.fold_data import keep_table

        rule = PreferenceRule(self.preferences, self.threshold, self.margin, self.partners)
        parts = {"train": (fold.train, train), "validation": (fold.validation, validation)}
        ids, found = {}, {}
        for part, (table, examples) in parts.items():
            if examples is not None:
                for name in (target.name for target in fold.targets):
                    examples.pairs[name] = rule.prefer(fold.dataset, table, name, part, fold.seed)
                ids[part], found[part] = table["id"], examples.pairs
        keep_table(folder / "preferences.parquet", lambda: _as_table(ids, found))
        return {}

    def scorer(self, targets: list[Target], validation: Examples) -> Scorer:
        """Macro-F1 of the chunk pairs of `num_pairs` random pairs of utterances."""
        from emotone.evaluate.numbers import metrics
        from emotone.training.learners.pairs import draw_pairs

        random = np.random.default_rng(0)
        drawn = {name: draw_pairs(pairs, self.num_pairs, random) for name, pairs in validation.pairs.items()}

        def score(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
            scores = {}
            for name, chosen in drawn.items():
                first, second, label = (column[chosen] for column in validation.pairs[name][:3])
                is_higher = outputs[name][first] > outputs[name][second]  # [P, C]
                cells = np.bincount((2 * label[:, None] + is_higher).ravel(), minlength=4)
                scores[name] = float(metrics.macro_f1_of_confusion(cells.reshape(2, 2)))
            return scores

        return score

    def scored(self, targets: list[Target]) -> list[Target]:
        """Relative: margins have no range."""
        return [replace(target, range=UNBOUNDED, mean=0.0, std=1.0) for target in targets]

    def learner(self, fabric: Fabric, network: nn.Module, lesson: Lesson) -> Learner:
        """Epochs of pairs."""
        from emotone.training.learners.pairs import PairLearner

        optimiser, _ = self.optimiser(network, lesson.settings)
        return PairLearner(fabric, network, optimiser, lesson, self.pairing, self.num_pairs)


def _as_table(ids: dict[str, pd.Series[str]], pairs: dict[str, dict[str, Preferences]]) -> pd.DataFrame:
    """A row for each pair of each part and target: utterances `first` and `second`, whether the first `is_higher`."""
    import pandas as pd

    names = pd.Index(pd.concat(list(ids.values())).unique())  # copies of an utterance have its id
    tables = []
    for part, of_targets in pairs.items():
        codes = names.get_indexer(pd.Index(ids[part]))
        for target, own in of_targets.items():
            first, second = (pd.Categorical.from_codes(codes[side], names) for side in own[:2])
            table = pd.DataFrame({"first": first, "second": second, "is_higher": own.label == 1})
            tables.append(table.assign(part=part, target=target))
    return pd.concat(tables, ignore_index=True)
