"""One map over processes: order, bounded memory, and workers that die."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType

import pytest

from emotone.base.processes import _pool, map_ordered

# Workers import functions by name, so these are ones that every worker has.
WORKER = """
import os, time
from emotone.base.processes import THREADS

def square(number):
    time.sleep(0.02 * (number % 3))
    return number * number

def die_on_seven(number):
    if number % 10 == 7:
        os._exit(3)
    return number

def fail_on_three(number):
    if number == 3:
        raise ValueError("three")
    return number

def note(item):
    folder, number = item
    open(f"{folder}/{number}", "w").close()
    return number

def threads(_):
    return os.environ["OMP_NUM_THREADS"], THREADS.get()

def always_die(number):
    os._exit(3)

def never_end(folder):
    open(f"{folder}/{os.getpid()}", "w").close()
    while True:
        time.sleep(1)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that this process and its workers can import."""
    (tmp_path / "emotone_test_worker.py").write_text(WORKER)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("emotone_test_worker")
    sys.modules.pop("emotone_test_worker")


def died(number: int) -> int:
    return -number


@pytest.mark.parametrize("jobs", [0, 1, 2, 3])
def test_results_come_in_the_order_of_the_items(worker: ModuleType, jobs: int) -> None:
    assert list(map_ordered(worker.square, range(30), jobs)) == [number**2 for number in range(30)]
    assert list(map_ordered(worker.square, [], jobs)) == []


def test_few_items_are_taken_ahead(worker: ModuleType) -> None:
    """A list of a million files, or one that never ends, is not drawn into memory."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken - 1

    results = map_ordered(worker.square, items(), 2)
    for number in range(20):
        assert next(results) == number**2
        assert taken - number <= 8
    results.close()


@pytest.mark.parametrize("jobs", [2, 3])
def test_a_dying_worker_loses_only_its_item(worker: ModuleType, jobs: int) -> None:
    results = list(map_ordered(worker.die_on_seven, range(25), jobs, died))
    assert results == [-number if number % 10 == 7 else number for number in range(25)]


def test_equal_items_are_all_kept_when_a_worker_dies(worker: ModuleType) -> None:
    items = [1] * 12 + [7] + [1] * 12
    assert list(map_ordered(worker.die_on_seven, items, 2, died)) == [-7 if item == 7 else 1 for item in items]


def test_without_an_answer_for_the_dead_it_is_an_error(worker: ModuleType) -> None:
    with pytest.raises(BrokenProcessPool):
        list(map_ordered(worker.always_die, [1, 2], 2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_of_the_function_is_the_callers(worker: ModuleType, jobs: int) -> None:
    results = map_ordered(worker.fail_on_three, range(9), jobs, died)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_a_worker_has_one_core(worker: ModuleType) -> None:
    assert set(map_ordered(worker.threads, range(4), 2)) == {("1", 1)}


def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "emotone_test_worker.py").write_text("import time\ndef wait(_):\n    time.sleep(600)\n")
    (tmp_path / "parent.py").write_text(
        "from emotone.base.processes import _pool, map_ordered\nfrom emotone_test_worker import wait\n"
        "if __name__ == '__main__':\n    list(map_ordered(wait, range(4), 2))\n"
    )
    parent = subprocess.Popen([sys.executable, "parent.py"], cwd=tmp_path)
    try:
        workers = wait_for_children(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < deadline, "workers still run"
        time.sleep(0.05)


def wait_for_children(pid: int) -> list[int]:
    """Two workers of a process that sleep in their task."""
    import psutil

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = [child.pid for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]
        if len(children) == 2:
            time.sleep(0.5)  # until their first task has begun
            return children
        time.sleep(0.05)
    raise AssertionError("no workers were started")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_an_interrupt_ends_workers_that_never_end(worker: ModuleType, tmp_path: Path) -> None:
    def interrupt() -> None:
        while len(names := [path.name for path in tmp_path.iterdir() if path.name.isdecimal()]) < 2:
            time.sleep(0.01)
        pids.extend(int(name) for name in names)
        os.kill(os.getpid(), signal.SIGINT)

    pids: list[int] = []
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(map_ordered(worker.never_end, [str(tmp_path)] * 2, jobs=2))
    finally:
        signal.signal(signal.SIGINT, handler)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_windows_has_at_most_61_processes_in_a_pool(windows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", lambda workers, **_: made.append(workers))
    for workers in (2, 128):
        _pool(workers)
    assert made == [2, 61]
