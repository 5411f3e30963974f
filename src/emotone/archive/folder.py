"""The folder of an archive: what it was asked for, the plan of its rows, its parts and the claims on them.

    archive.json          settings, what decides the scores, columns, and which plan is followed
    plan-HASH/            the rows of the manifest by shards
    part-SHARD-HASH.parquet   the answers to a shard's rows, named by these
    claims/               who works on what; nothing is lost with it

A file is complete once it has its name. Everything else in the folder is left alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from emotone.archive.manifest import Manifest
from emotone.archive.part import PartForm
from emotone.archive.plan import Plan, import_pyarrow
from emotone.audio.utterances import UtteranceRules
from emotone.base.files import file_state, write_json, writing
from emotone.base.result_table import TEXT_COLUMNS
from emotone.errors import EmotoneError
from emotone.predict.files import identify
from emotone.predict.predictor import Predictor, load_once
from emotone.predict.retrieve.findings import Search, shortest_s
from emotone.predict.settings import PredictSettings
from emotone.predict.table import Table

ABOUT, CLAIMS = "archive.json", "claims"
FORMAT = 1
PART = re.compile(r"part-(\d{6,})-[0-9a-f]{16}\.parquet")
ROWS_PER_SHARD = 500
NOT_KEPT = ("jobs", "device", "quiet")
"""Settings of a run, not of the scores."""


@dataclass(frozen=True)
class Archive:
    """An archive's folder and what `archive.json` says.

    root: where relative files lie. columns, texts, moments: as of `PartForm`. identity: decides the scores. plan: the
    folder of the plan that is followed. source: the manifest, with its size and time.
    """

    folder: Path
    settings: PredictSettings
    identity: dict[str, Any]
    table: dict[str, Any]
    bundle: dict[str, Any]
    search: dict[str, Any] | None
    root: str
    source: list[Any]
    num_shards: int
    plan_name: str

    @property
    def form(self) -> PartForm:
        """Of its parts."""
        moments = None if self.search is None else self.bundle["columns"]
        return PartForm(self.table["columns"], frozenset(self.table["texts"]), moments)

    @property
    def plan(self) -> Plan:
        """The shards of its rows; raises EmotoneError where it is gone."""
        return Plan.read(self.folder / self.plan_name)

    @property
    def claims(self) -> Path:
        """The folder of claims."""
        return self.folder / CLAIMS

    def part(self, name: str) -> Path:
        """The path of a part."""
        return self.folder / name

    def parts(self) -> dict[int, list[str]]:
        """The names of the parts that are there, by shard; those of earlier manifests, too."""
        found: dict[int, list[str]] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                match = PART.fullmatch(entry.name)
                if match:
                    found.setdefault(int(match[1]), []).append(entry.name)
        return found

    @classmethod
    def read(cls, folder: Path) -> Archive:
        """An archive that is there; raises EmotoneError for any other folder."""
        import_pyarrow()
        path = folder / ABOUT
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            if about["format"] > FORMAT:
                raise EmotoneError(f"{path}: format {about['format']} is newer than this version reads ({FORMAT})")
            del about["format"]
            settings = about.pop("settings")
            rules = settings["utterances"]
            channels = settings["channels"]
            settings |= {
                "utterances": None if rules is None else UtteranceRules(**rules),
                "channels": None if channels is None else tuple(channels),
            }
            return cls(folder, PredictSettings(**settings), **about)
        except FileNotFoundError:
            raise EmotoneError(f"{folder}: is no archive (it has no {ABOUT})") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EmotoneError(f"{path}: cannot be read ({error})") from None

    def write(self) -> None:
        """Put `archive.json` in place."""
        about = {"format": FORMAT, **asdict(self)}
        del about["folder"]
        about["settings"] = {name: value for name, value in about["settings"].items() if name not in NOT_KEPT}
        with writing(self.folder / ABOUT):
            write_json(self.folder / ABOUT, about)

    def check_plan(self) -> None:
        """Raise EmotoneError where another run has taken another manifest meanwhile."""
        if Archive.read(self.folder).plan_name != self.plan_name:
            raise EmotoneError(f"{self.folder}: another run goes on with a changed manifest; start again")


def is_archive(path: Path) -> bool:
    """Whether this is the folder of an archive."""
    return (path / ABOUT).is_file()


def open_archive(
    source: Path,
    folder: Path,
    settings: PredictSettings,
    search: Search | None = None,
    rows_per_shard: int = ROWS_PER_SHARD,
    notes: list[str] | None = None,
) -> Archive:
    """The archive of a manifest, begun or gone on with; `search` says which moments are kept, None: none.

    A manifest that has changed since is planned anew, and rows that stay keep their answers; what is to be said of it
    is appended to `notes`. Raises EmotoneError for a folder that holds anything else, for an archive of other settings,
    and where the system is not POSIX.
    """
    if not hasattr(os, "pwrite"):
        raise EmotoneError("archives need Linux or macOS, by whose processes they are claimed; here: emotone predict")
    import_pyarrow()
    if is_archive(source):
        raise EmotoneError(f"{source}: is an archive, not recordings; it is gone on with by: emotone archive {source}")
    model = str(Path(settings.model).absolute()) if Path(settings.model).is_dir() else settings.model
    settings = replace(settings, model=model, jobs=1, device="cpu", quiet=False)
    predictor = load_once(settings.model, 1, "cpu", settings.lld)
    settings.check(predictor)
    if search is not None:
        search.check(predictor)
    before = Archive.read(folder) if is_archive(folder) else None
    _check_folder(folder, before)
    manifest = Manifest(source)
    state = [str(source.absolute()), *file_state(source)]
    plan = None
    if before is not None and before.source == state and not manifest.is_folder:
        plan = before.plan
    with writing(folder):
        (folder / CLAIMS).mkdir(parents=True, exist_ok=True)
        plan = plan or Plan.make(manifest, folder, rows_per_shard, before.num_shards if before else None)
    if not plan.num_rows:
        raise EmotoneError(f"{source}: has no rows")
    archive = _describe(folder, settings, predictor, search, plan, manifest, state)
    if before is not None:
        _check_same(before, archive)
        if before.plan_name != plan.name and notes is not None:
            notes.append(f"{source} has changed: {before.plan.num_rows} rows before, {plan.num_rows} now")
    if plan.num_duplicates and notes is not None:
        notes.append(f"{plan.num_duplicates} rows of {source} repeat another, and are answered once")
    if notes is not None:
        notes += manifest.notes
    if before != archive:
        archive.write()
    return archive


def _check_folder(folder: Path, before: Archive | None) -> None:
    """Raise EmotoneError for a place where no archive can be begun."""
    if before is not None:
        return
    if folder.exists() and not folder.is_dir():
        raise EmotoneError(f"{folder}: is a file, not a folder")
    others = (
        [name for name in os.listdir(folder) if name != CLAIMS and not name.startswith((".", "plan-"))]
        if folder.is_dir()
        else []
    )
    if others:
        raise EmotoneError(f"{folder}: holds something else ({others[0]}); an archive needs a folder of its own")
    if not folder.absolute().parent.is_dir():
        raise EmotoneError(f"{folder}: the folder {folder.absolute().parent} does not exist")


def _describe(
    folder: Path,
    settings: PredictSettings,
    predictor: Predictor,
    search: Search | None,
    plan: Plan,
    manifest: Manifest,
    state: list[Any],
) -> Archive:
    places = dict.fromkeys([*settings.places, *(["channel"] if plan.has_channels else [])])
    table = Table.of(predictor, settings.over, list(places), settings.summary)
    own = {"columns": table.columns, "texts": sorted(TEXT_COLUMNS | set(table.choices))}
    bundle = {
        "name": predictor.bundle.name,
        "columns": predictor.columns,
        "choices": {name: dict(columns) for name, columns in predictor.choices.items()},
        "reliability": predictor.reliability,
        "note": predictor.bundle.note,
        "shortest_s": shortest_s(predictor.bundle),
    }
    moments = (
        None
        if search is None
        else {"length_s": search.length_s, "hop_s": search.step_s, "min_speech": search.min_speech}
    )
    identity = identify(predictor, settings)
    root = str(manifest.root)
    return Archive(folder, settings, identity, own, bundle, moments, root, state, len(plan.shards), plan.name)


def _check_same(before: Archive, now: Archive) -> None:
    """Raise EmotoneError, which names what differs, where two sets of answers would mix."""
    pairs: Iterable[tuple[str, Any, Any]] = [
        *((name, before.identity.get(name), now.identity.get(name)) for name in {**before.identity, **now.identity}),
        ("columns", before.table["columns"], now.table["columns"]),
        ("--retrieve-features", before.search, now.search),
        ("the folder of its files", before.root, now.root),
    ]
    differing = [name for name, one, other in pairs if json.dumps(one) != json.dumps(other)]
    if differing:
        raise EmotoneError(
            f"{now.folder}: was begun with another setting of {', '.join(differing)}; choose another folder, or go on "
            f"as it was begun: emotone archive {now.folder}"
        )
