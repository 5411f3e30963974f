"""The parts of an archive as one table, in the order of its manifest, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emotone.archive.folder import Archive
from emotone.archive.part import KEY, read_batches
from emotone.archive.plan import Plan, Shard, import_pyarrow
from emotone.base.files import replace_file, scratch_folder
from emotone.base.result_table import TableForm
from emotone.base.table_format import Row, table_format
from emotone.errors import EmotoneError

ROWS_PER_HEAP = 200_000
"""Rows of the manifest whose answers are put in order together."""
PLACE = "_row"


def merge(archive: Archive, output: Path, overwrite: bool = False) -> int:
    """Write the answers to all rows as a table by its suffix, whole or not at all; returns how many rows failed.

    Raises EmotoneError where shards are not done, and for a path as `TableForm` does.
    """
    form = table_format(output)
    TableForm(form).check(output, overwrite)
    plan = archive.plan
    there = {name for names in archive.parts().values() for name in names}
    missing = [shard for shard in plan.shards if shard.num_rows and shard.part not in there]
    if missing:
        num_left = sum(shard.num_rows for shard in missing)
        left = f"{num_left} of {plan.num_rows} rows are not answered"
        raise EmotoneError(f"{archive.folder}: {left}; run: emotone archive {archive.folder}")
    failures: set[int] = set()
    with scratch_folder(output) as scratch:
        rows = _ordered(_heaps(archive, plan, scratch), failures)
        with replace_file(output) as temporary:
            form.write(temporary, archive.table["columns"], rows, archive.table["texts"])
    return len(failures)


def _heaps(archive: Archive, plan: Plan, folder: Path) -> list[Path]:
    """The answers in files of `ROWS_PER_HEAP` rows of the manifest, in the order of these."""
    pyarrow = import_pyarrow()
    columns = archive.table["columns"]
    writers: dict[int, Any] = {}
    for shard in plan.shards:
        if not shard.num_rows:
            continue
        for table in _read(archive, plan, shard):
            heap = table[PLACE].to_numpy() // ROWS_PER_HEAP
            for number in np.unique(heap).tolist():
                if number not in writers:
                    writers[number] = pyarrow.ipc.new_stream(str(folder / f"{number:06d}"), table.schema)
                writers[number].write_table(table.take(np.flatnonzero(heap == number)).select([*columns, PLACE]))
    for writer in writers.values():
        writer.close()
    return [folder / f"{number:06d}" for number in sorted(writers)]


def _read(archive: Archive, plan: Plan, shard: Shard) -> Iterator[Any]:
    """The answers to a shard, each with the number of its row; raises EmotoneError for a part that does not fit."""
    pyarrow = import_pyarrow()
    keys, _, numbers = plan.items(shard)
    number_of = dict(zip(keys, numbers.tolist(), strict=True))
    columns = archive.table["columns"]
    seen: set[bytes] = set()
    try:
        for batch in read_batches(archive.part(shard.part), [*columns, KEY]):
            own = batch.column(KEY).to_pylist()
            seen.update(own)
            place = pyarrow.array([number_of[key] for key in own], pyarrow.int64())
            yield pyarrow.table([*(batch.column(name) for name in columns), place], [*columns, PLACE])
    except (OSError, KeyError, ValueError, pyarrow.ArrowException):
        seen = set()
    if len(seen) != len(keys):
        raise EmotoneError(
            f"{archive.part(shard.part)}: is damaged; it is made anew by: emotone archive {archive.folder}"
        )


def _ordered(heaps: list[Path], failures: set[int]) -> Iterator[Row]:
    pyarrow = import_pyarrow()
    for path in heaps:
        with open(path, "rb") as file, pyarrow.ipc.open_stream(file) as reader:  # by its name it would be mapped
            table = reader.read_all()
        path.unlink()
        table = table.take(np.argsort(table[PLACE].to_numpy(), kind="stable"))
        scored: dict[int, bool] = {}
        for batch in table.to_batches(5_000):
            for row in batch.to_pylist():
                number = row.pop(PLACE)
                scored[number] = scored.get(number, False) or not row["error"]
                yield row
        failures.update(number for number, is_scored in scored.items() if not is_scored)
