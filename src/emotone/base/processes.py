"""A map over many items in several processes: in order, with bounded memory, past workers that die."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS: ContextVar[int] = ContextVar("THREADS", default=0)
"""How many threads a network that a feature runs may use; 0: one per core. In worker processes it is 1."""
OVER: ContextVar[Callable[..., Iterator[Any]] | None] = ContextVar("OVER", default=None)
"""What maps a function over items in place of processes of this machine, past deaths, as many at once as it was made
for (`emotone.base.ray_session`); None: these."""
MOST_ON_WINDOWS = 61
"""Processes that one pool may have there, where no more can be waited for at once."""
DIED = "the process that read it died (damaged beyond what its decoder can take?)"
"""The error of a file that took a worker process with it."""


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int = 1,
    died: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """`function` of every item, in the order of the items; at most 4 * jobs results wait in memory.

    With `jobs` > 1 the function and the items must pickle. A worker that dies (a crash in a codec, the kernel's memory
    limit) takes only its own item with it: `died(item)` is that item's result; without `died` the error is raised.

    >>> list(map_ordered(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if (over := OVER.get()) is not None:
        yield from over(function, items, died)
        return
    if jobs <= 1:
        yield from map(function, items)
        return
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool  # a tenth of the start of a command that needs no pool

    remaining = iter(items)
    for first in remaining:
        waiting: deque[Item] = deque()
        futures: deque[Future[Result]] = deque()
        others = set(multiprocessing.active_children())
        pool = _pool(jobs)
        try:
            for item in itertools.chain([first], remaining):
                waiting.append(item)  # before it is submitted, which fails where the pool is broken
                futures.append(pool.submit(function, item))
                if len(waiting) >= 4 * jobs:
                    yield futures.popleft().result()
                    waiting.popleft()
            while waiting:
                yield futures.popleft().result()
                waiting.popleft()
        except BrokenProcessPool:
            # Nobody can say which item broke the pool, so those that were under way run again one by one.
            for item in waiting:
                yield _alone(function, item, died)
        except KeyboardInterrupt:
            for worker in set(multiprocessing.active_children()) - others:  # which may never end by themselves
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)  # whoever stops early waits for what runs, not for what would follow


def _pool(workers: int) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    workers = min(workers, MOST_ON_WINDOWS) if sys.platform == "win32" else workers
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=begin_worker)


def _alone(function: Callable[[Item], Result], item: Item, died: Callable[[Item], Result] | None) -> Result:
    """The result of one item in a process of its own."""
    from concurrent.futures.process import BrokenProcessPool

    with _pool(1) as pool:
        try:
            return pool.submit(function, item).result()
        except BrokenProcessPool:
            if died is None:
                raise
            return died(item)


def begin_worker() -> None:
    """One core for each worker; an interrupt is the parent's to handle, and no worker outlives a killed parent."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    THREADS.set(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
