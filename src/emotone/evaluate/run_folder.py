"""A finished run, read back: its recipe, its result, and the predictions of all folds and repeats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from emotone.base.files import FILES_READ
from emotone.base.kept import read_object, read_rows
from emotone.bundle.folder import read_about
from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError

RESULT: dict[str, type] = {
    "protocol": str,
    "metrics": dict,
    "corpora": dict,
    "num_utterances": int,
    "num_speakers": int,
}
"""What `test.json` says of every run with a test part."""


@dataclass
class Run:
    """Everything that reports and comparisons need; a bundle tested on a corpus gives one, too.

    `test` and `validation` are prediction tables (`emotone.evaluate.prediction_table`), that of the test part with
    `own_id`; `validation` is empty where nothing was scored by networks that do not know it. `lld`: what computes the
    low-level descriptors of a bundle tested on a corpus, where it is not what the bundle was made with.
    """

    folder: Path
    recipe: dict[str, Any]
    result: dict[str, Any]
    targets: list[Target]
    test: pd.DataFrame
    validation: pd.DataFrame
    lld: str | None = None

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.recipe.get("name", self.result.get("recipe", self.folder.name)))

    @property
    def is_bundle(self) -> bool:
        """Whether this is a bundle tested on a corpus: `folder` is the bundle's, and there are no folds."""
        return (self.folder / "bundle.json").is_file()

    @property
    def hash(self) -> str:
        """Identity of recipe, settings and seed."""
        return str(self.result["hash"])

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        return int(self.recipe.get("seed", self.result.get("seed", 0)))

    @property
    def warnings(self) -> list[str]:
        """What every report of the run must say, e.g. that groups cross the test border."""
        return list(self.result.get("warnings", []))

    @property
    def made_of(self) -> dict[str, str]:
        """Identities of the corpora by what they are of: `table of NAME`, and of runs that keep it `audio of NAME`."""
        path, corpora = self.folder / FILES_READ, self.result.get("corpora", {})
        kept = read_object(path) if path.is_file() else {}
        audio = {name: found for name, found in kept.items() if name.startswith("audio of ")}
        return {f"table of {name}": found for name, found in corpora.items()} | audio


def load_run(folder: Path) -> Run:
    """Read a run folder; raises EmotoneError when it is none, not finished, or has no test part."""
    if not (folder / "recipe.yaml").is_file():
        is_bundle = any((place / "bundle.json").is_file() for place in (folder, folder / "bundle"))
        advice = f"; a bundle is tested by: emotone evaluate {folder} --corpus CORPUS" if is_bundle else ""
        if below := sorted(path.parent for path in folder.glob("*/recipe.yaml")):
            advice = f"; did you mean {below[0]}?"
        raise EmotoneError(f"{folder}: not a run (recipe.yaml is missing){advice}")
    recipe, result = _read_recipe(folder / "recipe.yaml"), _read_result(folder / "test.json")
    places = places_of(folder)
    targets = read_about(places[0] / "bundle").targets
    test = _concatenate(places, "predictions.parquet")
    if test.empty:
        raise EmotoneError(
            f"{folder}: this run has no test part; a bundle of it is tested by: emotone evaluate {places[0]} "
            "--corpus CORPUS"
        )
    read_object(folder / "test.json", **RESULT)
    if "own_id" not in test:
        test = test.assign(own_id=_own_ids(test, recipe))
    validation = _concatenate(places, "validation.parquet")
    if _trained_on_validation(recipe, result) and "held_out" not in validation:
        validation = pd.DataFrame()  # of earlier versions, scored by networks that were fitted to it
    return Run(folder, recipe, result, targets, test, validation)


def _trained_on_validation(recipe: dict[str, Any], result: dict[str, Any]) -> bool:
    """Whether the system solved at once and then took the validation part in as well."""
    system = recipe.get("system")
    return "chosen" in result and isinstance(system, dict) and bool(system.get("refit", True))


def _own_ids(table: pd.DataFrame, recipe: dict[str, Any]) -> list[str]:
    """The id of each row in its own corpus; where a recipe has several corpora, ids carry the corpus's name."""
    corpora = recipe.get("corpora")
    if not isinstance(corpora, list) or len(corpora) < 2:
        return list(table["id"])
    return [name.removeprefix(f"{corpus}/") for name, corpus in zip(table["id"], table["corpus"], strict=True)]


def places_of(folder: Path) -> list[Path]:
    """The folders of a run's folds in order (repeat, fold), or the run folder itself where there is one fold.

    Raises EmotoneError for a fold that is not finished.
    """
    found = [path for path in (*folder.glob("fold-*"), *folder.glob("repeat-*/fold-*")) if path.is_dir()]
    places = sorted(found, key=lambda path: [int(number) for number in re.findall(r"(?:repeat|fold)-(\d+)", str(path))])
    for place in places or [folder]:
        if not (place / "done.json").is_file():
            raise EmotoneError(f"{place}: not finished; run emotone train again, it goes on where it stopped")
    return places or [folder]


def _concatenate(places: list[Path], name: str) -> pd.DataFrame:
    tables = [read_rows(path, ["id"]) for place in places if (path := place / name).is_file()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _read_recipe(path: Path) -> dict[str, Any]:
    """The recipe of a run; an empty one where it is damaged, since the run is finished all the same."""
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise EmotoneError(f"{path}: cannot be read ({error})") from None
    return recipe if isinstance(recipe, dict) else {}


def _read_result(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise EmotoneError(f"{path.parent}: not finished ({path.name} is missing); run emotone train again")
    return read_object(path, hash=str)


def bundles_of(run: Run) -> pd.Series[str]:
    """The folder of the bundle that scored each row of `run.test`."""
    folders = [str(run.folder)] * len(run.test)
    if not run.is_bundle:
        tested = [place for place in places_of(run.folder) if (place / "predictions.parquet").is_file()]
        sizes = [len(read_rows(place / "predictions.parquet")) for place in tested]
        folders = np.repeat([str(place / "bundle") for place in tested], sizes).tolist()
    return pd.Series(folders, index=run.test.index)


def corpora_of(run: Run) -> list[Corpus]:
    """The corpora of a run; raises EmotoneError for one that is not prepared or has changed."""
    fingerprints = run.result.get("corpora", {})
    corpora = [Corpus.load(name) for name in run.recipe.get("corpora") or fingerprints]
    for corpus in corpora:
        if corpus.fingerprint not in fingerprints.values():
            raise EmotoneError(f"corpus {corpus.name} has changed since {run.folder}: its fingerprint is another")
    return corpora
