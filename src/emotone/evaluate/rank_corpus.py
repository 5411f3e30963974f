"""Rank sequences of a corpus: which chunks of each utterance have most of an attribute, by a ranker's bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base.kept import read_object
from emotone.bundle.bundle import Bundle
from emotone.corpora.corpus import Corpus
from emotone.data.labels.rank_files import rank_file, write_ranks
from emotone.data.labels.rank_sequence import rank_chunks
from emotone.data.store import extract
from emotone.data.utterance_names import names_of
from emotone.errors import EmotoneError
from emotone.evaluate.prediction_table import predict_table
from emotone.evaluate.run_folder import places_of

EVERY = "all"
"""The part of utterances that no split names."""


def rank_corpus(
    model: str, corpus: Corpus, to: Path, device: str = "cpu", jobs: int = 1, quiet: bool = False
) -> list[Path]:
    """Write the rank sequences of a corpus's utterances below `to`, a file a part and attribute; returns the files.

    Of a run on this corpus, parts are those of its split, and every fold has a folder of its own, ranked by its own
    bundle; of any other bundle they are the corpus's own, "all" without. What is set apart as unlabelled is left out.
    Raises EmotoneError for a bundle without curves, and for utterances whose audio cannot be read.
    """
    return [
        path
        for folder, place in _places(model)
        for path in _rank(Bundle.load(folder, device=device), corpus, to / place, jobs, quiet)
    ]


def _places(model: str) -> list[tuple[str, str]]:
    """(bundle, folder below the target) of each fold of a run with several, or of the one bundle."""
    folder = Path(model)
    if not (folder / "recipe.yaml").is_file():
        return [(model, "")]
    places = places_of(folder)
    return [(str(place), "" if place == folder else place.relative_to(folder).as_posix()) for place in places]


def _rank(bundle: Bundle, corpus: Corpus, to: Path, jobs: int, quiet: bool) -> list[Path]:
    parts = _parts_of(bundle, corpus)
    table = corpus.utterances[parts.notna().to_numpy()].reset_index(drop=True)
    part_of = parts[parts.notna()].to_numpy(str)
    ranks = {name: rank_chunks(own) for name, own in chunk_margins(bundle, corpus, table, jobs, quiet).items()}
    names = np.array(names_of(table))
    paths = []
    to.mkdir(parents=True, exist_ok=True)
    for part in sorted(set(part_of)):
        rows = part_of == part
        for attribute, own in ranks.items():
            paths.append(to / rank_file(part, attribute))
            write_ranks(paths[-1], dict(zip(names[rows], own[rows], strict=True)))
    return paths


def _parts_of(bundle: Bundle, corpus: Corpus) -> pd.Series:
    """The part of each utterance, of the fold that trained the bundle or the corpus's own; None leaves it out."""
    path = bundle.folder.parent / "split.json"
    if corpus.name in bundle.about.training.corpora and path.is_file():
        split = read_object(path, train=list, validation=list, test=list)
        part_of = {id_.removeprefix(f"{corpus.name}/"): part for part in split for id_ in split[part]}
        parts = corpus.utterances["id"].map(part_of)
    else:
        parts = corpus.utterances["split"].where(corpus.utterances["split"].notna(), EVERY)
    return parts.where(parts != "unlabelled", None)


def chunk_margins(
    bundle: Bundle, corpus: Corpus, table: pd.DataFrame, jobs: int = 1, quiet: bool = False
) -> dict[str, NDArray[np.float32]]:
    """A ranker's margins of the chunks of a corpus's utterances: {attribute: [N, C]}, in the order of `table`.

    Raises EmotoneError for a bundle without curves, and for utterances whose audio cannot be read.
    """
    check_ranker(bundle.name, bundle.has_curves)
    store = extract(corpus, bundle.about.feature.name, bundle.feature, jobs, quiet=quiet)
    ids: Sequence[str] = list(table["id"])
    lost = [id_ for id_ in ids if id_ not in store]
    if lost:
        raise EmotoneError(f"{corpus.name}: {len(lost)} of {len(ids)} utterances cannot be ranked, e.g. {lost[0]}")
    predictions = predict_table(bundle, store.rows(ids), table.assign(corpus=corpus.name))
    return {
        target.name: np.stack(predictions[f"curve_{target.name}"].to_numpy())
        for target in bundle.targets
        if target.kind == "attribute"
    }


def check_ranker(name: str, has_curves: bool) -> None:
    """Raise EmotoneError for a bundle that scores no chunks."""
    if not has_curves:
        raise EmotoneError(f"bundle {name} has no scores of chunks; take a ranker's (emotion-ranker)")
