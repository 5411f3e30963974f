"""What is done with a shard, the same on every machine and by every engine: its rows predicted, its part put in place.

A shard may be done at any time, any number of times: answers that fit are kept, the others are made, and the part takes
its name when it is whole. Whoever dies leaves nothing that counts.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from emotone.archive.claim import NOWHERE, Claim, claim
from emotone.archive.folder import Archive
from emotone.archive.manifest import Item
from emotone.archive.part import Answer, PartForm, read_count
from emotone.archive.plan import Plan, Shard, part_name
from emotone.archive.source import GONE, Source, check_protocols, is_remote
from emotone.audio.read import AudioError
from emotone.base.files import writing
from emotone.base.processes import DIED
from emotone.base.table_format import Row
from emotone.errors import EmotoneError
from emotone.predict.files import Input, predict_file
from emotone.predict.prediction import Prediction, failed
from emotone.predict.retrieve.findings import Search
from emotone.predict.retrieve.moments import score_recording
from emotone.predict.table import Table

State = Literal["done", "kept", "busy", "died"]


class Job(NamedTuple):
    """A shard to do: its number, and the parts of it to look at; what is there besides is new, and fits.

    retries: errors are tried again. asks: files that were fetched are asked for whether they have changed since.
    """

    shard: int
    parts: Sequence[str] = ()
    retries: bool = False
    asks: bool = False


class Outcome(NamedTuple):
    """What became of a job: done, kept as it was, busy (another worker has it), died (with its worker).

    num_new: rows that were predicted for it. num_refused: files that this user may not ask for changes.
    """

    job: Job
    state: State
    num_rows: int = 0
    num_failed: int = 0
    num_new: int = 0
    num_refused: int = 0


@dataclass
class Worker:
    """Does shards of an archive.

    device: cpu or cuda. Raises EmotoneError where the archive cannot be read, and, while it works, where its folder
    cannot be written or another run has changed its plan.
    """

    folder: Path
    device: str = "cpu"

    @functools.cached_property
    def archive(self) -> Archive:
        """As it was when this worker began."""
        archive = Archive.read(self.folder)
        return replace(archive, settings=replace(archive.settings, jobs=2, device=self.device, quiet=True))

    @functools.cached_property
    def plan(self) -> Plan:
        """The shards of the archive."""
        return self.archive.plan

    @functools.cached_property
    def _form(self) -> PartForm:
        return self.archive.form

    def do(self, job: Job) -> Outcome:
        """Do a shard, unless it is done or another worker is at it."""
        shard = self.plan.shards[job.shard]
        path = self.archive.part(shard.part)
        if shard.part not in job.parts and (found := _trust(job, shard, path)):
            return found
        source = Source(self.archive.root)
        kept = self._keep(job, shard, path, source)
        num_refused = len(source.refused)
        if isinstance(kept, Outcome):
            return kept._replace(num_refused=num_refused)
        with writing(self.folder):
            held = claim(self.archive.claims / shard.part)
            if held is None:
                return Outcome(job, "busy")
            with held:
                if shard.part not in job.parts and (found := _trust(job, shard, path)):  # somebody was quicker
                    return found
                return self._answer(job, shard, path, kept, held)._replace(num_refused=num_refused)

    def _keep(self, job: Job, shard: Shard, path: Path, source: Source) -> Outcome | dict[bytes, Answer]:
        """What became of a shard whose answers all fit; else the answers that do."""
        head = self._form.head(path) if shard.part in job.parts else None
        if head is not None and part_name(shard.number, b"".join(head.keys)) == shard.part:
            may_stay = not (job.retries and head.counted.num_failed)
            if may_stay and all(_is_as_it_was(job, source, file, state) for file, state in head.states):
                return Outcome(job, "kept", len(head.keys), head.counted.num_failed)
        keys, items, _ = self.plan.items(shard)
        wanted = dict(zip(keys, items, strict=True))
        kept: dict[bytes, Answer] = {}
        for name in sorted(job.parts, key=lambda name: name == shard.part):  # its own answers are the newest
            for key, answer in self._form.read(self.archive.part(name)).items():
                may_stay = key in wanted and not (job.retries and answer.error)
                if may_stay and _is_as_it_was(job, source, wanted[key].file, answer.state):
                    kept[key] = answer
        return kept

    def _answer(self, job: Job, shard: Shard, path: Path, kept: dict[bytes, Answer], held: Claim) -> Outcome:
        self.archive.check_plan()
        began_s = time.monotonic()
        keys, items, _ = self.plan.items(shard)
        answers = dict(kept)
        left = sorted((place for place, key in enumerate(keys) if key not in kept), key=lambda place: items[place][:2])
        _ = self._table  # the bundle is loaded before any row could be blamed for a death
        source = Source(self.archive.root)
        for place in left:  # parts of one file one after the other
            held.at(place)
            answers[keys[place]] = self._predict(source, keys[place], items[place], place in held.blamed)
        source.close()
        held.at(NOWHERE)
        temporary = self.archive.claims / f".{uuid.uuid4().hex}.tmp"
        try:
            count = self._form.write(temporary, [answers[key] for key in keys], time.monotonic() - began_s)
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        for name in job.parts:
            if name != shard.part:
                self.archive.part(name).unlink(missing_ok=True)
        return Outcome(job, "done", count.num_rows, count.num_failed, len(left))

    def _predict(self, source: Source, key: bytes, item: Item, dies: bool) -> Answer:
        """The answer to one row; one whose workers die of it is an error."""
        if dies:
            return self._error(source, key, item, DIED)
        try:
            path, state = source.open(item.file)
        except AudioError as error:
            return self._error(source, key, item, error.reason)
        given = Input(path, None, item.file, item.start_s, item.end_s, item.channel, item.language)
        rows = self._rows(item, predict_file(self.archive.settings, given))
        return Answer(key, state, rows, self._moments(path, item))

    def _error(self, source: Source, key: bytes, item: Item, reason: str) -> Answer:
        state = GONE if is_remote(item.file) else source.state(item.file)  # one that was not fetched has none
        moments = None if self.archive.search is None else {"error": reason}
        return Answer(key, state, self._rows(item, [failed(item.file, reason)]), moments)

    def _rows(self, item: Item, predictions: list[Prediction]) -> list[Row]:
        """Rows of the table, whose times are those of the recording."""
        columns = self.archive.table["columns"]
        found: list[Row] = []
        for prediction in predictions:
            if "channel" in columns and item.channel is not None:
                prediction.channel = item.channel
            for row in self._table.rows(prediction):
                if item.start_s or item.end_s is not None:
                    _shift(row, item, is_failed=prediction.end_s == 0.0)
                found.append(row)
        return found

    @functools.cached_property
    def _table(self) -> Table:
        settings = self.archive.settings
        places = [name for name in ("channel", "speaker") if name in self.archive.table["columns"]]
        return Table.of(settings.predictor, settings.over, places, settings.summary)

    def _moments(self, file: str, item: Item) -> dict[str, Any] | None:
        """Windows of the recording with their scores, where they are kept."""
        about = self.archive.search
        if about is None:
            return None
        settings = self.archive.settings
        predictor = settings.predictor
        search = Search(predictor.columns[0], model=settings.model, lld=settings.lld, **about)
        scored = score_recording(file, search, predictor, predictor.columns, item.start_s, item.end_s, item.channel)
        return scored.to_columns()


def _shift(row: Row, item: Item, is_failed: bool) -> None:
    """Give a row of a part of a file the times of the file; of one that failed those of the manifest."""
    if is_failed:
        row["start_s"], row["end_s"] = item.start_s, item.start_s if item.end_s is None else item.end_s
    elif row["start_s"] is not None:
        row["start_s"], row["end_s"] = (round(row[name] + item.start_s, 6) for name in ("start_s", "end_s"))


def _trust(job: Job, shard: Shard, path: Path) -> Outcome | None:
    """What became of a shard whose part others have just put in place; None where there is none, or a damaged one."""
    counted = read_count(path) if path.exists() else None
    if counted is None or counted.num_rows != shard.num_rows:
        return None
    return Outcome(job, "kept", counted.num_rows, counted.num_failed)


def _is_as_it_was(job: Job, source: Source, file: str, state: str) -> bool:
    """Whether a file has the state it had, or may not be asked; one that was fetched is asked where it shall be."""
    return (not job.asks and is_remote(file)) or source.state(file) in (state, "")


def check_usable(worker: Worker) -> None:
    """Raise EmotoneError, before any work, for what no shard could be done with."""
    check_protocols(worker.plan.protocols)
    _ = worker.archive.settings.predictor
    if not os.access(worker.folder, os.W_OK):
        raise EmotoneError(f"{worker.folder}: cannot be written")
