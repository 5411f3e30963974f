"""Progress on stderr for everything that takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

Item = TypeVar("Item")
EVERY_S = 30.0
"""Seconds between two lines where stderr is no terminal."""


def track(items: Iterable[Item], total: int, text: str, quiet: bool = False, done: int = 0) -> Iterator[Item]:
    """The items, with progress on stderr where there is more than one: a bar on a terminal, else a line now and then.

    `total` counts the `done` ones, too, which a run that is resumed had done before.

    >>> list(track(iter([1, 2]), 2, "count", quiet=True))
    [1, 2]
    """
    if quiet or total <= 1:
        yield from items
        return
    if not sys.stderr.isatty():
        yield from _track_by_lines(items, total, text, done)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total, completed=done)
        for item in items:
            yield item
            progress.advance(task)


def _track_by_lines(items: Iterable[Item], total: int, text: str, done: int) -> Iterator[Item]:
    """Lines for logs: how many are done, and how long the rest will take at the pace so far."""
    began_s = said_s = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now_s = time.monotonic()
        if now_s - said_s >= EVERY_S:
            left = timedelta(seconds=round((now_s - began_s) / number * (total - done - number)))
            print(f"{text}: {done + number} of {total}, about {left} left", file=sys.stderr, flush=True)
            said_s = now_s
