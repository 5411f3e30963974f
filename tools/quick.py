"""The tests that a change is most likely to break: those of the rooms that changed, and what all rooms promise.

    make quick                          lint, types, then this
    ROOMS="predict cli" make quick      of these rooms, whatever changed

A room is a folder of `src/emotone`, with its tests and doctests. Changed is what differs from where this branch left
`main`: committed, not committed yet, or not tracked. What depends on the rooms that changed is not run: that is `make
test`, before a change is pushed. The tests of `evaluate` take longer than those of any two other rooms, so there only
the folders that changed run.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

CHECKOUT = Path(__file__).resolve().parents[1]
ALWAYS = ("tests/contract", "tests/test_hashes.py", "tests/cli/test_transcript.py", "tests/tools")
SOURCE, TESTS = PurePosixPath("src/emotone"), PurePosixPath("tests")
ROOMS = (
    "errors",
    *sorted(path.name for path in (CHECKOUT / SOURCE).iterdir() if path.is_dir() and path.name[0] != "_"),
)
FOUNDATIONS = ("base", "errors")
"""Rooms on which every other one depends."""
SHARED = ("tests/conftest.py", "tests/builders", "pyproject.toml", "constraints.txt", "src/emotone/__init__.py")
"""What all tests depend on besides."""
WRITTEN_BEFORE = "tests/test_written_before.py"
"""The test of files that an earlier version wrote, which lie in `tests/fixtures`."""
BY_FOLDER = ("evaluate",)


def main() -> int:
    """Run pytest; its exit status, or 2 for an unknown room."""
    asked = os.environ.get("ROOMS", "").split()
    for room in asked:
        if room not in ROOMS:
            print(f"quick: unknown room {room!r}; there are {', '.join(ROOMS)}", file=sys.stderr)
            return 2
    try:
        files = [] if asked else changed_files(CHECKOUT)
    except (OSError, subprocess.CalledProcessError):
        print('quick: git does not tell what changed here; name the rooms: ROOMS="predict cli"', file=sys.stderr)
        return 2
    rooms = asked or rooms_of(files)
    print(f"quick: {'asked for' if asked else 'changed'}: {', '.join(rooms) or 'no room'}")
    if not asked and (causes := shared_by_all(files)):
        print(f"quick: everything depends on {', '.join(causes)}; `make test` runs all rooms")
    paths = [path for room in rooms for path in paths_of(room, () if asked else files)]
    if not asked and any(is_below(file, TESTS / "fixtures") or file == WRITTEN_BEFORE for file in files):
        paths.append(WRITTEN_BEFORE)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", *ALWAYS, *paths]
    print("quick:", *command[1:], flush=True)
    return subprocess.run(command, cwd=CHECKOUT).returncode


def changed_files(folder: Path, base: str = "main") -> list[str]:
    """Files of the repository in `folder` that differ from the commit at which this branch left `base`, sorted.

    Those that were deleted or moved away count. Without a `base` it is `origin/BASE`; without both, nothing committed
    counts.
    """

    def git(*arguments: str) -> list[str]:
        command = ["git", "-c", "core.quotePath=false", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()

    start = "HEAD"
    for branch in (f"origin/{base}", base):
        with contextlib.suppress(subprocess.CalledProcessError):
            (start,) = git("merge-base", "HEAD", branch)
    untracked = git("ls-files", "--others", "--exclude-standard")
    return sorted({*git("diff", "--name-only", "--no-renames", start), *untracked})


def rooms_of(files: Iterable[str]) -> list[str]:
    """The rooms that files belong to, as source or as tests, sorted."""
    found = set()
    for file in files:
        for root in (SOURCE, TESTS):
            if PurePosixPath(file).is_relative_to(root):
                first = PurePosixPath(file).relative_to(root).parts[0]
                found |= {first.removeprefix("test_").removesuffix(".py")} & set(ROOMS)
    return sorted(found)


def shared_by_all(files: Sequence[str]) -> list[str]:
    """What of the files every test depends on: a whole room, or files of their own."""
    rooms = [room for room in rooms_of(file for file in files if file.startswith("src/")) if room in FOUNDATIONS]
    return rooms + [file for file in files if any(PurePosixPath(file).is_relative_to(one) for one in SHARED)]


def paths_of(room: str, files: Sequence[str]) -> list[str]:
    """The tests and doctests of a room, as paths for pytest; by folder where that is too much and `files` tell them."""
    if room == "errors":
        return [str(TESTS / "test_errors.py"), str(SOURCE / "errors.py")]
    roots = (TESTS / room, SOURCE / room)
    if room not in BY_FOLDER or not files:
        return [str(root) for root in roots if (CHECKOUT / root).is_dir()]
    own = [PurePosixPath(file).relative_to(root) for file in files for root in roots if is_below(file, root)]
    paths: list[Path] = []
    for folder in sorted({path.parent for path in own}):
        for root in roots:
            here = CHECKOUT / root / folder
            paths += [here] if folder.parts else sorted(here.glob("*.py"))
    return [str(path.relative_to(CHECKOUT)) for path in paths if path.exists()]


def is_below(file: str, root: PurePosixPath) -> bool:
    """Whether a file lies in a folder or below it."""
    return PurePosixPath(file).is_relative_to(root)


if __name__ == "__main__":
    sys.exit(main())
