"""A bundle of a system with clusters, asked for the clusters and scores of training utterances it need not know."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.data.store import extract
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.prediction_table import to_range

if TYPE_CHECKING:
    from torch import nn

    from emotone.training.examples import StoreExamples
    from emotone.training.fold_data import FoldData

BATCH_SIZE = 256


@dataclass(frozen=True)
class GivenClusters:
    """A bundle and the system that trained it; its networks are joint, or one per target, as the system has them."""

    bundle: Bundle
    system: Any

    @property
    def fingerprint(self) -> str:
        """That of the bundle."""
        return self.bundle.fingerprint

    def check_target(self, name: str) -> None:
        """Raise EmotoneError for a target that the bundle does not score."""
        names = [target.name for target in self.bundle.targets if target.kind == "attribute"]
        if name not in names:
            raise unknown("attribute", name, names, where=f"bundle {self.bundle.name}")

    def find(self, fold: FoldData, target: Target) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Clusters [N] of the training utterances, and scores [N] on the range of `target`; copies share those.

        Features are the bundle's own, extracted where they are not yet. Raises EmotoneError for utterances without.
        """
        from emotone.training.examples import predict_outputs

        network, own = self._network(), next(one for one in self.bundle.targets if one.name == target.name)
        clusters, scores = np.empty(len(fold.train), np.intp), np.empty(len(fold.train))
        for corpus in fold.dataset.corpora.values():
            rows = np.flatnonzero(fold.train["corpus"] == corpus.name)
            if not len(rows):
                continue
            store = extract(corpus, self.bundle.about.feature.name, self.bundle.feature, quiet=fold.quiet)
            ids = list(fold.train["own_id"].iloc[rows])
            lost = [id_ for id_ in ids if id_ not in store]
            if lost:
                where = f"difficulty deep-mi: {self.bundle.name}"
                raise EmotoneError(f"{where}: {len(lost)} utterances have no features, e.g. {lost[0]}")
            examples = self._examples(store.rows(ids))
            found = self.system.find_clusters(network, examples, BATCH_SIZE, fold.device)
            clusters[rows] = found.get(target.name, next(iter(found.values())))[1]
            scores[rows] = predict_outputs(network, examples, BATCH_SIZE, "cpu")[target.name] * own.std + own.mean
        return clusters, to_range(scores, own.range, target.range)

    def _network(self) -> nn.Module:
        """The network with the bundle's weights, all of them."""
        from emotone.models.torch_file import read_safetensors

        bundle = self.bundle
        network: nn.Module = self.system.build(len(bundle.feature.names), bundle.targets, bundle.view)
        path = bundle.folder / "weights.safetensors"
        try:
            network.load_state_dict(read_safetensors(path))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise EmotoneError(f"{path}: not the weights of the system that bundle.json names ({reason})") from None
        return network.eval()

    def _examples(self, rows: Any) -> StoreExamples:
        from emotone.training.examples import StoreExamples

        return StoreExamples(rows, self.bundle.view, self.bundle.normaliser, {})  # type: ignore[arg-type]


@functools.lru_cache(maxsize=2)
def given_clusters(name: str) -> GivenClusters:
    """The bundle of a name or folder; raises EmotoneError for one whose system finds no clusters."""
    bundle = Bundle.load(name)
    about = bundle.about.training.trained_system
    settings = {key: value for key, value in about.items() if key != "name"}
    kind = about.get("name")
    system = plugins.create("systems", kind, settings) if kind in plugins.names("systems") else None
    if system is None or not system.takes_unlabelled or kind != "deep-emo-clusters":
        raise EmotoneError(
            f"bundle {name} has no clusters: it was trained by {kind or 'an unknown system'}; take one of "
            "deep-emo-clusters (emotone pull deep-mi)"
        )
    return GivenClusters(bundle, system)
