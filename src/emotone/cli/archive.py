"""The verb for what is too much for one run: archives of recordings, over processes and machines."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.cli.options import (
    AddVerb,
    add_address,
    add_device,
    add_jobs,
    add_json,
    add_lld,
    add_model,
    add_overwrite,
    add_quiet,
    add_rows,
    positive,
    row_settings,
    say,
)
from emotone.errors import EmotoneError, counted

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from emotone.archive.folder import Archive
    from emotone.archive.run import Engine
    from emotone.archive.worker import Worker


def add_archive(add_verb: AddVerb) -> None:
    text = "Emotion in millions of recordings, by any number of processes and machines on one shared folder."
    parser = add_verb("archive", archive, text)
    add = parser.add_argument
    text = "a table (.csv .tsv .jsonl .parquet) with file, perhaps start, end, channel, language; a folder; or an OUT"
    add("source", type=Path, metavar="MANIFEST|FOLDER|OUT", help=text)
    add("--to", type=Path, metavar="OUT", help="the archive's folder, begun or gone on with")
    _add_settings(parser)
    _add_work(parser)
    add("--status", action="store_true", help="how far OUT is: done, left, failed, pace")
    add("--retry-errors", action="store_true", help="try rows again that have an error")
    text = "ask whether files that were fetched have changed since (those of this machine always are)"
    add("--check-remote", action="store_true", help=text)
    add("--merge", type=Path, metavar="FILE", help="write OUT's rows as one table, in the order of the manifest")
    add_overwrite(parser)
    add_json(parser)
    add_quiet(parser)


def _add_settings(parser: ArgumentParser) -> None:
    """What decides the rows; an archive that is gone on with keeps its own."""
    add = parser.add_argument
    add_model(parser)
    add_lld(parser)
    add_rows(parser)
    add("--transcript", metavar="auto|none", help="auto: heard by Whisper, for bundles that take text (default: none)")
    add("--language", metavar="CODE", help="that Whisper hears where the manifest says none")
    add("--retrieve-features", action="store_true", help="keep what emotone retrieve OUT needs, without audio")
    add("--shard-rows", type=positive, metavar="N", help="rows that are one piece of work and one file (default 500)")


def _add_work(parser: ArgumentParser) -> None:
    """How the work is done."""
    add = parser.add_argument
    text = "who does the work: processes here (default), a Ray cluster, or a job script for SLURM"
    add(
        "--engine", default="processes", choices=("processes", "ray", "slurm"), metavar="processes|ray|slurm", help=text
    )
    add_address(parser)
    text = "begin with the shards of the I-th of N runs (from 0), then help the others"
    add("--share", type=share, default=(0, 1), metavar="I/N", help=text)
    text = "tasks of the script for SLURM, each with --jobs processes (default 16)"
    add("--tasks", type=positive, default=16, metavar="N", help=text)
    add_jobs(parser)
    add_device(parser)


def share(text: str) -> tuple[int, int]:
    """A run's number and how many there are.

    >>> share("2/8")
    (2, 8)
    """
    own, _, total = text.partition("/")
    if not (own.isdecimal() and total.isdecimal() and int(own) < int(total)):
        raise ArgumentTypeError(f"must be I/N with I from 0 to N - 1, not {text!r}")
    return int(own), int(total)


def archive(options: Namespace) -> int:
    """Answer the rows of an archive, say how far it is, or write them as one table."""
    from emotone.archive.folder import Archive, is_archive

    goes_on = options.to is None
    if goes_on and not is_archive(options.source):
        raise EmotoneError(f"{options.source}: is no archive to go on with; --to OUT begins one")
    if not goes_on and (options.status or options.merge):
        asked = "--status" if options.status else "--merge"
        raise EmotoneError(f"{asked} is of an archive: emotone archive {options.to} {asked}")
    if options.status:
        return _status(options, Archive.read(options.source))
    if options.merge:
        return _merge(options, Archive.read(options.source))
    found = Archive.read(options.source) if goes_on else _open(options)
    if options.engine == "slurm":
        from emotone.archive.engines.slurm import write_script

        say(options, f"sbatch {write_script(found, options.tasks, options.jobs, options.device)}")
        return 0
    return _work(options, found)


def _open(options: Namespace) -> Archive:
    from emotone.archive.folder import ROWS_PER_SHARD, open_archive
    from emotone.predict.retrieve.findings import Search
    from emotone.predict.settings import AUTO, NONE, PredictSettings

    if options.transcript not in (None, AUTO, NONE):
        raise EmotoneError(f"--transcript of an archive is {AUTO} or {NONE}, not {options.transcript!r}")
    settings = PredictSettings(**row_settings(options))
    search = Search(_any_column(options), model=options.model, lld=options.lld) if options.retrieve_features else None
    notes: list[str] = []
    rows = options.shard_rows or ROWS_PER_SHARD
    found = open_archive(options.source, options.to, settings, search, rows, notes)
    for note in notes:
        say(options, f"note: {note}")
    return found


def _any_column(options: Namespace) -> str:
    """A score of the bundle: a search keeps all."""
    from emotone.predict.predictor import load_once

    return load_once(options.model, 1, "cpu", options.lld).columns[0]


def _work(options: Namespace, found: Archive) -> int:
    from emotone.archive.run import go_through
    from emotone.archive.worker import Worker, check_usable

    worker = Worker(found.folder, options.device)
    check_usable(worker)
    with _engine(options, worker) as engine:
        done = go_through(found, engine, options.share, options.retry_errors, options.check_remote, options.quiet)
    rows = counted(done.num_rows, "row")
    say(options, f"{rows}, {done.num_failed} failed, {done.num_new} answered now: {found.folder}")
    return 1 if done.num_failed else 0


def _engine(options: Namespace, worker: Worker) -> AbstractContextManager[Engine]:
    if options.engine == "ray":
        from emotone.archive.engines.ray_cluster import RayCluster

        return RayCluster(worker, options.jobs, options.address)
    from emotone.archive.engines.processes import Processes

    return Processes(worker, options.jobs)


def _status(options: Namespace, found: Archive) -> int:
    from dataclasses import asdict

    from emotone.archive.status import read_status

    status = read_status(found)
    print(json.dumps(asdict(status)) if options.json else status.text)
    return 0


def _merge(options: Namespace, found: Archive) -> int:
    from emotone.archive.merge import merge

    num_failed = merge(found, options.merge, options.overwrite)
    say(options, f"{counted(found.plan.num_rows, 'row')}, {num_failed} failed: {options.merge}")
    return 1 if num_failed else 0
