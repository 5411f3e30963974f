"""Progress on stderr for everything that takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Iterable[Item], total: int, text: str, quiet: bool = False, done: int = 0) -> Iterator[Item]:
    """The items, with a progress bar on stderr where that is a terminal and there is more than one.

    `done` of the `total` were done before (a resumed run).

    >>> list(track(iter([1, 2]), 2, "count", quiet=True))
    [1, 2]
    """
    if quiet or total <= 1 or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total, completed=done)
        for item in items:
            yield item
            progress.advance(task)
