"""What a run is made of: the identity of its data and files, by which it is resumed, refused or made anew."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from emotone.base.files import FILES_READ, RUNS, sha256_of
from emotone.base.kept import read_object
from emotone.bundle.folder import locate, read_about
from emotone.data.noisy_copies import NoisyCopy
from emotone.data.norm_terms import terms_read
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection
from emotone.data.split import Split
from emotone.errors import EmotoneError, name_some
from emotone.training.experiment import Experiment

MadeOf = dict[str, str]
"""Identities by what they are of."""
LATER = ("table of ", "audio of ", "split", "bundle ", "file of ")
"""How the names begin of what earlier versions did not keep."""


def made_of(
    experiment: Experiment, selection: Selection, splits: Sequence[Split], kinds: Sequence[NoisyCopy]
) -> MadeOf:
    """All that decides a run's numbers besides its recipe: corpora and their audio, splits, other files, bundles."""
    recipe = experiment.recipe
    found: MadeOf = {}
    for name, fingerprint in selection.fingerprints.items():
        found |= {f"table of {name}": fingerprint, f"audio of {name}": selection.audio[name]}
    found["split"] = _hash([split.fingerprint for split in splits])
    for bundle in (recipe.init, *recipe.teacher):
        if bundle:
            found[f"bundle {bundle}"] = sha256_of(locate(bundle) / "bundle.json")[:16]
    if recipe.normalise.terms is not None:
        found |= terms_read(Path(recipe.normalise.terms))
    found |= {f"noise {one.kind}": " ".join(one.digests) for one in kinds if one.digests}
    of_difficulty = experiment.difficulty.files_read() if experiment.has_curriculum else {}
    return found | experiment.system.files_read() | of_difficulty


def choose_folder(recipe: Recipe, to: Path | None, now: MadeOf, quiet: bool) -> Path:
    """The folder of a run: `to`, or `runs/RECIPE/HASH`, or beside that where it holds a run of other data.

    Raises EmotoneError where `to` holds such a run, or anything that is no run: nothing of anybody's is written over.
    """
    folder = to or RUNS / recipe.name / recipe.hash
    if to is not None:
        _check_place(to)
    changed, unknown = _compare(folder, now)
    if changed and to is None:
        other = folder.with_name(f"{folder.name}-{_hash(now)[:6]}")
        _say(f"{folder}: its {', '.join(changed)} has changed since that run; this one goes to {other}", quiet)
        folder = other
        changed, unknown = _compare(folder, now)
    if changed:
        raise EmotoneError(f"{folder}: its {', '.join(changed)} has changed since the run began; choose another --to")
    if unknown:
        kept = f"an earlier version, which did not keep the identity of: {', '.join(unknown)}"
        _say(f"{folder}: was begun by {kept}; whether they have changed since is not known", quiet)
    return folder


def _check_place(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise EmotoneError(f"{folder}: is there already and no folder")
    if folder.is_dir() and not (folder / "recipe.yaml").is_file():
        others = [path.name for path in sorted(folder.iterdir()) if path.name != FILES_READ and path.name[0] != "."]
        if others:  # what a run writes before its recipe is one that was interrupted
            raise EmotoneError(f"{folder}: holds {name_some(others)} and no run; choose another --to")


def _compare(folder: Path, now: MadeOf) -> tuple[list[str], list[str]]:
    """What has changed since the run in a folder began, and what nobody knows of; nothing where there is no run."""
    if not (folder / "recipe.yaml").is_file():
        return [], []
    path = folder / FILES_READ
    kept: MadeOf = read_object(path) if path.is_file() else {}
    is_old = "split" not in kept
    before = kept | (_known_of_old(folder) if is_old else {})
    news = [name for name in now if name not in before]
    # Earlier versions kept files besides the corpora, where there were any, and nothing else.
    unknown = [name for name in news if is_old and (name.startswith(LATER) or not path.is_file())]
    changed = [name for name in before if before[name] != now.get(name)]
    return changed + [name for name in news if name not in unknown], unknown


def _known_of_old(folder: Path) -> MadeOf:
    """What a run of an earlier version was made of, as far as its result and its bundles tell."""
    corpora, found = {}, {}
    if (folder / "test.json").is_file():
        result = read_object(folder / "test.json", corpora=dict, splits=list)
        corpora, found = result["corpora"], {"split": _hash(result["splits"])}
    else:
        for path in folder.rglob("bundle/bundle.json"):
            corpora = read_about(path.parent).training.corpora
    return found | {f"table of {name}": fingerprint for name, fingerprint in corpora.items()}


def _hash(about: object) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _say(note: str, quiet: bool) -> None:
    if not quiet:
        print(f"note: {note}", file=sys.stderr)
