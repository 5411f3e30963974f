"""DeepMI as difficulty: utterances whose cluster tells most about their label first (Lin, Sridhar & Busso 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emotone.base import plugins
from emotone.base.files import replace_file
from emotone.base.kept import read_rows
from emotone.base.plugins import Choice
from emotone.data.labels.deep_mi import cut_points, deep_mi, to_levels, write_values
from emotone.data.recipe import Training
from emotone.data.recipe_yaml import training_from_json
from emotone.errors import EmotoneError
from emotone.training.difficulty import Difficulty
from emotone.training.given_clusters import given_clusters

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from emotone.bundle.target import Target
    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep

STEP = "semi-supervised"
"""Folder of the first step within that of a fold."""


@dataclass(frozen=True)
class DeepMi(Difficulty):
    """DeepMI (`emotone.data.labels.deep_mi`) by a system with clusters, which is trained on the fold or given.

    The fold's folder keeps the trained system (`semi-supervised`), the table `deep_mi.parquet`, and the published form
    `deep_mi.json`, {file: value}; what is there is not computed again. Of the recipe's one attribute, whose levels are
    the published ones mapped to its range.

    alpha: weight of the predicted scores' levels against the clusters; published 0.5 for valence, else 0.
    model: a bundle of such a system, by name or folder (`emotone pull deep-mi`), of any feature and corpus, so that
    nothing is trained here. Its scores are mapped linearly to the recipe's range. Null: the system below is trained.
    system: a system with clusters and its settings. training: its loop, as in a recipe.
    """

    easy: ClassVar[Literal["highest", "lowest"]] = "highest"
    alpha: float = 0.0
    model: str | None = None
    system: dict[str, Any] = field(default_factory=lambda: {"name": "deep-emo-clusters", "model": "dense-res-net"})
    training: dict[str, Any] = field(default_factory=lambda: {"epochs": 50, "batch_size": 512})

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise EmotoneError(f"difficulty deep-mi: alpha must be from 0 to 1, not {self.alpha}")
        system = plugins.create("systems", self._choice.name, self._choice.settings)
        system.check_training(self._training, False)
        if not system.takes_unlabelled:
            raise EmotoneError(f"difficulty deep-mi: system {self._choice.name} finds no clusters")

    @property
    def takes_unlabelled(self) -> bool:
        """Unless a model is given."""
        return self.model is None

    def files_read(self) -> dict[str, str]:
        """The given model."""
        return {} if self.model is None else {f"bundle {self.model}": given_clusters(self.model).fingerprint[:16]}

    @property
    def _choice(self) -> Choice:
        settings = {key: value for key, value in self.system.items() if key != "name"}
        return Choice(str(self.system.get("name", "deep-emo-clusters")), settings)

    @property
    def _training(self) -> Training:
        return training_from_json(self.training, "difficulty deep-mi: training")

    def check_targets(self, targets: Sequence[Target]) -> None:
        """Exactly one attribute."""
        if [target.kind for target in targets] != ["attribute"]:
            names = ", ".join(target.name for target in targets)
            raise EmotoneError(f"difficulty deep-mi is of one attribute: set targets to one, not {names}")
        if self.model is not None:
            given_clusters(self.model).check_target(targets[0].name)

    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        path = fold.folder / "deep_mi.parquet"
        if not path.is_file():
            table = self._measure(fold, train_step)
            # Where files hold several utterances these are named by id; copies of one have their mean.
            key = "file" if table.drop_duplicates("id")["file"].is_unique else "id"
            write_values(fold.folder / "deep_mi.json", table.groupby(key, sort=False)["deep_mi"].mean().to_dict())
            with replace_file(path) as temporary:  # last: with it the step is done
                table.to_parquet(temporary, index=False)
        return read_rows(path, ["deep_mi"])["deep_mi"].to_numpy(float)

    def _measure(self, fold: FoldData, train_step: TrainStep) -> pd.DataFrame:
        """A row for each training utterance."""
        target = fold.targets[0]
        assert target.range is not None  # of an attribute
        if self.model is None:
            clusters, predicted = self._train(fold, train_step)
        else:
            clusters, predicted = given_clusters(self.model).find(fold, target)
        labels, cuts = fold.train[target.name].to_numpy(float), cut_points(*target.range)
        columns = ["id", "corpus", "file", "start_s", "end_s", "speaker", "gender", "duration_s"]
        return fold.train[columns].assign(
            target=target.name,
            cluster=clusters,
            label=labels,
            level=to_levels(labels, cuts),
            predicted=predicted,
            predicted_level=to_levels(predicted, cuts),
            deep_mi=deep_mi(clusters, labels, predicted, self.alpha, cuts),
        )

    def _train(self, fold: FoldData, train_step: TrainStep) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Clusters and scores [N] of the training utterances by a system that is trained on the fold."""
        import torch

        from emotone.training.examples import predict_outputs

        target, training = fold.targets[0], self._training
        system, network, view = train_step(self._choice, training, fold.folder / STEP, None)
        train = fold.examples(fold.train, view)
        torch.manual_seed(fold.seed)  # a network may be random in evaluation too
        (_, clusters), *_ = system.find_clusters(network, train, training.batch_size, fold.device).values()
        output = predict_outputs(network, train, training.batch_size, "cpu")[target.name]
        return clusters, output.astype(np.float64) * target.std + target.mean
