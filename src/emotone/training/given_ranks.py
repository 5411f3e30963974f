"""Ranks of chunks that a run does not make itself: by a ranker's bundle, by a run of rankers, or from files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emotone.base.files import sha256_of
from emotone.bundle.folder import locate, read_about
from emotone.bundle.target import Target
from emotone.data.labels.rank_files import Ranks, read_all_ranks
from emotone.data.labels.rank_sequence import rank_chunks
from emotone.data.leakage import through_bundle
from emotone.data.utterance_names import values_of
from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    from emotone.data.selection import Selection
    from emotone.data.split import Split
    from emotone.training.fold_data import FoldData


@dataclass(frozen=True)
class GivenRanks:
    """Where ranks come from: exactly one of the two.

    ranker: a bundle with curves, by name or folder, or a run, of which each fold takes the bundle of the same fold.
    folder: of rank sequences (`emotone.data.labels.rank_files`), or with a folder of them for each fold.
    """

    ranker: str | None = None
    folder: str | None = None

    @property
    def identity(self) -> dict[str, str]:
        """Hash of the files, by what they are."""
        if self.ranker is None:
            assert self.folder is not None
            return {f"file of ranks in {self.folder}": _hash_all(sorted(Path(self.folder).rglob("*.json")))}
        bundles = sorted(Path(self.ranker).rglob("bundle/bundle.json")) or [locate(self.ranker) / "bundle.json"]
        return {f"bundle {self.ranker}": _hash_all(bundles)}

    def check(self, data: Selection, split: Split, repeat: int, number: int) -> list[str]:
        """Raise EmotoneError for what is missing for a fold, and for a ranker that may know its test part.

        Returns the warnings where the recipe allows leakage. By what files of ranks were learned nobody can tell.
        """
        names = [target.name for target in data.targets]
        if self.folder is not None:
            for name in names:
                read_all_ranks(_of_fold(self.folder, repeat, number), name)
            return []
        assert self.ranker is not None
        found = str(_of_fold(self.ranker, repeat, number))
        about = read_about(locate(found))
        if not about.curves:
            raise EmotoneError(f"ranker {found} has no scores of chunks; take the bundle of an emotion-ranker")
        theirs = [target.name for target in about.targets]
        for name in names:
            if name not in theirs:
                raise unknown("attribute", name, theirs, where=f"ranker {found}")
        return [] if about.training.split_hash == split.fingerprint else through_bundle(found, data)

    def ranks(self, fold: FoldData, targets: list[Target], num_chunks: int) -> dict[str, NDArray[np.int64]]:
        """Ranks {attribute: [N, C]} of the fold's training rows; copies have those of their utterance.

        Raises EmotoneError for another number of chunks, and for utterances without ranks.
        """
        found = self._by_files(fold, targets) if self.folder is not None else self._by_ranker(fold)
        for target in targets:
            num_found = found[target.name].shape[1]
            if num_found != num_chunks:
                raise EmotoneError(
                    f"{self.ranker or self.folder}: ranks of {num_found} chunks an utterance, but the recipe has "
                    f"{num_chunks}; set system.max_utterance_s, chunk_s and scale as the ranker has them"
                )
        return found

    def _by_files(self, fold: FoldData, targets: list[Target]) -> dict[str, NDArray[np.int64]]:
        assert self.folder is not None
        folder = _of_fold(self.folder, fold.repeat, fold.number)
        own = fold.train["utterance"]
        utterances = list(own.unique())
        place = {id_: row for row, id_ in enumerate(utterances)}
        found = {}
        for target in targets:
            values: dict[str, Ranks] = read_all_ranks(folder, target.name)
            ranks = np.stack(values_of(values, fold.dataset, utterances, str(folder)))
            found[target.name] = ranks[own.map(place)]
        return found

    def _by_ranker(self, fold: FoldData) -> dict[str, NDArray[np.int64]]:
        from emotone.bundle.bundle import Bundle
        from emotone.evaluate.rank_corpus import chunk_margins

        assert self.ranker is not None
        bundle = Bundle.load(str(_of_fold(self.ranker, fold.repeat, fold.number)), device=fold.device)
        ranks: dict[str, NDArray[np.int64]] = {}
        for corpus in fold.dataset.corpora.values():
            rows = np.flatnonzero(fold.train["corpus"] == corpus.name)
            if not len(rows):
                continue
            own_ids = fold.train["own_id"].iloc[rows]
            table = corpus.utterances.set_index("id", drop=False).loc[own_ids.unique()].reset_index(drop=True)
            place = {id_: row for row, id_ in enumerate(table["id"])}
            for name, margins in chunk_margins(bundle, corpus, table, quiet=fold.quiet).items():
                empty = np.zeros((len(fold.train), margins.shape[1]), np.int64)
                ranks.setdefault(name, empty)[rows] = rank_chunks(margins)[own_ids.map(place)]
        return ranks


def _of_fold(base: str, repeat: int, number: int) -> Path:
    """The folder of a fold below `base`, or `base` itself where it has none."""
    for own in (f"repeat-{repeat}/fold-{number}", f"fold-{number}"):
        if (Path(base) / own).is_dir():
            return Path(base) / own
    return Path(base)


def _hash_all(paths: list[Path]) -> str:
    return hashlib.sha256("\n".join(map(sha256_of, paths)).encode()).hexdigest()[:16]
