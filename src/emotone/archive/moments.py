"""The strongest moments of an archive that was scored before: no audio is read, and memory is that of one shard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from emotone.archive.folder import Archive
from emotone.archive.manifest import Item
from emotone.archive.part import KEY, MOMENTS, read_batches
from emotone.archive.plan import Shard, import_pyarrow
from emotone.base.progress import track
from emotone.errors import EmotoneError, unknown
from emotone.predict.retrieve.findings import Findings, Recording, Search
from emotone.predict.retrieve.moments import Scored, pick_moments, rank_moments, reliability_of

ABOUT = ("num_samples", "speech_s", "num_spoken", "error", "notes", "start", "stop", "speech")
"""Of a recording's windows, beside their scores."""


def find_in_archive(archive: Archive, search: Search, has_paths: bool = False, quiet: bool = True) -> Findings:
    """The moments that `find_moments` finds in the recordings of an archive with the same bundle.

    Rows without an answer are not searched; recordings that failed are only counted. has_paths: files are named by
    where they lie, rather than as in the manifest. Raises EmotoneError for an archive that keeps no moments, and for a
    search that differs from what it keeps.
    """
    search = _check(archive, search)
    bundle = archive.bundle
    reliability = reliability_of(bundle["choices"], bundle["reliability"], search.attribute)
    recordings = _recordings(archive, search, has_paths, quiet)
    findings = rank_moments(recordings, search, bundle["name"], reliability, keeps_all=False)
    findings.bundle_note = bundle["note"]
    return findings


def _check(archive: Archive, search: Search) -> Search:
    """The search as the archive's bundle and windows have it; raises EmotoneError for one that it has not kept."""
    kept, bundle = archive.search, archive.bundle
    if kept is None:
        raise EmotoneError(
            f"{archive.folder}: keeps no moments; begin it with --retrieve-features, or search its files"
        )
    if search.attribute not in bundle["columns"]:
        raise unknown("attribute", search.attribute, bundle["columns"], where=f"bundle {bundle['name']}")
    if search.model not in ("default", archive.settings.model):
        raise EmotoneError(f"{archive.folder}: was scored with {archive.settings.model}, not {search.model}")
    given = {"length": search.length_s, "hop": search.step_s}
    for name, value in given.items():
        if abs(value - kept[f"{name}_s"]) > 1e-9:
            raise EmotoneError(f"{archive.folder}: keeps moments of {name} {kept[f'{name}_s']:g}, not {value:g}")
    if search.min_speech < kept["min_speech"]:
        least = kept["min_speech"]
        raise EmotoneError(f"{archive.folder}: keeps moments with speech from {least:g} on, not {search.min_speech:g}")
    if search.num < 1:
        raise EmotoneError(f"the number of moments must be at least 1, not {search.num}")
    return replace(search, model=archive.settings.model)


def _recordings(archive: Archive, search: Search, has_paths: bool, quiet: bool) -> Iterator[tuple[int, Recording]]:
    """The best moments of each row of the manifest, and the row's number."""
    plan, parts = archive.plan, archive.parts()
    there = {name for names in parts.values() for name in names}
    shards = [shard for shard in plan.shards if shard.num_rows and shard.part in there]
    for shard in track(shards, len(shards), "retrieve", quiet):
        keys, items, numbers = plan.items(shard)
        place_of = {key: place for place, key in enumerate(keys)}
        for key, windows in _windows(archive, shard, search.attribute):
            place = place_of[key]
            item = items[place]
            file = os.path.join(archive.root, item.file) if has_paths else item.file
            scored = Scored.from_columns(windows, search.attribute, search.min_speech)
            found = pick_moments(file, scored, search, archive.bundle["name"], archive.bundle["shortest_s"])
            yield int(numbers[place]), _shifted(found, item)


def _windows(archive: Archive, shard: Shard, attribute: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The windows of each answer of a part, of one score; raises EmotoneError for a part that is damaged."""
    pyarrow = import_pyarrow()
    columns = [KEY, *(f"{MOMENTS}.{name}" for name in (*ABOUT, attribute))]
    try:
        for batch in read_batches(archive.part(shard.part), columns):
            for key, windows in zip(batch.column(KEY).to_pylist(), batch.column(MOMENTS).to_pylist(), strict=True):
                if windows is not None:
                    yield key, windows
    except (OSError, ValueError, pyarrow.ArrowException):
        part = archive.part(shard.part)
        raise EmotoneError(f"{part}: is damaged; it is made anew by: emotone archive {archive.folder}") from None


def _shifted(found: Recording, item: Item) -> Recording:
    """The moments of a part of a file at the times of the file."""
    if not item.start_s:
        return found
    moved = [replace(one, start_s=one.start_s + item.start_s, end_s=one.end_s + item.start_s) for one in found.moments]
    return replace(found, moments=moved)
