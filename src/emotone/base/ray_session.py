"""A Ray cluster, of this machine or many: joined or begun, and `map_ordered` over its nodes."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from emotone.base.processes import OVER, THREADS
from emotone.errors import EmotoneError, missing_extra

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_S = 10.0
MOST_RETRIES = 2
"""Of an item whose process or node died."""


def import_ray(what: str = "--engine ray") -> Any:
    """Ray, which tells nobody that it is used; raises EmotoneError where it is not installed.

    Workers of a cluster that is begun here have the priority of this process, as other processes do; Ray's own is the
    lowest but four, which is half the speed beside other work.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise missing_extra("ray", "ray", what) from None
    return ray


@contextlib.contextmanager
def ray_session(num_cores: int, address: str | None = None) -> Iterator[Any]:
    """Ray, joined to a cluster for as long as the block lasts, unless this process is in one already.

    address: "auto" is the cluster that this machine is in; None begins one of `num_cores` of this machine. Raises
    EmotoneError where no cluster answers.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    _check_address(address)
    own = {"address": "local", "num_cpus": num_cores}  # without "local" it joins any that runs here
    options: dict[str, Any] = own if address is None else {"address": address}
    try:
        ray.init(**options, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise EmotoneError(f"Ray: no cluster at {address or 'this machine'} ({error})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str | None) -> None:
    """Raise EmotoneError for a cluster that nobody answers for; Ray would wait for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        except OSError as error:
            raise EmotoneError(f"Ray: no cluster at {address} ({error.strerror or error})") from None


@contextlib.contextmanager
def over_ray(jobs: int, address: str | None = None) -> Iterator[None]:
    """Have `map_ordered` go over a cluster as long as the block lasts, `jobs` items at once.

    Raises EmotoneError as `ray_session` does.
    """
    with ray_session(jobs, address) as ray:
        token = OVER.set(functools.partial(map_over_ray, ray, jobs))
        try:
            yield
        finally:
            OVER.reset(token)


def map_over_ray(
    ray: Any,
    jobs: int,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    died: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """What `map_ordered` does, over a cluster: in order, at most 4 * jobs results waiting.

    Where there are fewer items than jobs, what their function maps in turn goes over the cluster, too; while it waits,
    its core is free for that.

    An item whose process or node dies is tried `MOST_RETRIES` times again; then its result is `died(item)`, and
    without `died` the error is raised.
    """
    call = ray.remote(num_cpus=1, max_retries=MOST_RETRIES)(_call)
    given = ray.put(function)
    waiting: deque[tuple[Item, Any]] = deque()
    left = iter(items)
    first = list(itertools.islice(left, jobs))
    jobs_in_turn = jobs if len(first) < jobs else 0
    left = itertools.chain(first, left)
    while True:
        for item in itertools.islice(left, 4 * jobs - len(waiting)):
            waiting.append((item, call.remote(jobs_in_turn, given, item)))
        if not waiting:
            return
        item, ref = waiting.popleft()
        try:
            result = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError:
            if died is None:
                raise
            result = died(item)
        yield result


def _call(jobs: int, function: Callable[[Any], Any], item: Any) -> Any:
    """One core for each task, as in other worker processes; jobs: of what it maps over the cluster, 0: nothing."""
    THREADS.set(1)
    OVER.set(functools.partial(map_over_ray, import_ray(), jobs) if jobs else None)
    return function(item)
