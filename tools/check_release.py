"""Checks what would be released: `make release-check`, or `python tools/check_release.py [options] [PYTHON ..]`.

Builds source archive and wheel, checks their metadata, compares their contents with what must and must not be in them,
and installs the wheel into a fresh environment for the runtime and for each of the named extras, of each interpreter
(extras with torch: of the first alone); for the runtime and `all` also with the lowest versions, where the first is the
lowest interpreter, since later ones have no builds of these. In each environment,
from an empty folder, a program of `tests/downstream/extras` runs what the extra promises. A fault is
said in a line; that of one environment does not keep the others from being tried. `--log FILE` writes a table, with
the rows that it has of other environments.

    python tools/check_release.py --extras every --log results/release.md python3.11 python3.12
"""

from __future__ import annotations

import argparse
import ast
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "src" / "emotone"
LARGEST_WHEEL = 20_000_000
STRANGERS = re.compile(
    r"(^|/)(tests?|shared|runs|benchmarks|\.git|\.ci|__pycache__|bundles/acted)(/|$)|\.(partial|pyc)$"
)
"""What must not be in a wheel."""
NEEDED = ("LICENSE", "README.md", "pyproject.toml")
"""What a source archive must have besides the package."""
ENDS_WITH = (".py", ".css", ".html", ".js", ".yaml", ".json", ".onnx", ".npy", ".safetensors", ".md", "py.typed")
MOST_WAITS, WAIT_S = 20, 0.5
NUM_WRONG = 3
"""Mistakes of `tests/downstream/wrong.py`."""
INTERPRETER = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
"""In an environment."""
CONSTRAINTS, LOWEST = CHECKOUT / "constraints.txt", CHECKOUT / "constraints-lowest.txt"
LOG_HEAD = """# What a wheel does in an environment of its own

Made by `tools/check_release.py --log` ({system}); do not edit. For each row the wheel of its day was
installed with that extra alone into a fresh environment, and a program of `tests/downstream/extras` ran there, in an
empty folder.
"""
QUICK_EXTRAS = ("av", "parquet", "archive", "serve")
RUNTIME = "runtime"
"""The wheel without an extra."""
PROGRAMS = CHECKOUT / "tests" / "downstream" / "extras"
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PROMISED = ("all", *(extra for extra in EXTRAS if extra not in ("all", "dev", "docs")))
"""What users may install; `all` first, whose program leaves bundles for those of others. `docs` is for a checkout."""


class ReleaseError(Exception):
    """What is wrong with the release."""


class Tried(NamedTuple):
    """What ran in one environment: extra, interpreter, packages with versions, megabytes installed."""

    extra: str
    python: str
    packages: list[str]
    megabytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    """All checks; 1 at the first fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON", help="interpreters to try")
    parser.add_argument("--extras", default=",".join(QUICK_EXTRAS), help="extras to install, none, or every")
    parser.add_argument("--log", type=Path, metavar="FILE", help="a page that says what was run")
    options = parser.parse_args(arguments)
    extras = PROMISED if options.extras == "every" else options.extras.replace("none", "").split(",")
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            tried = check(Path(name), options.pythons, [extra for extra in extras if extra])
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    if options.log:
        earlier = options.log.read_text(encoding="utf-8") if options.log.exists() else ""
        options.log.write_text(log_of(tried, earlier), encoding="utf-8")
    print("release: all is well")
    return 0


def check(folder: Path, pythons: Sequence[str], extras: Sequence[str]) -> list[Tried]:
    """Build into the folder, check everything, and say what was tried; raises ReleaseError."""
    if strange := [extra for extra in extras if extra not in PROMISED]:
        raise ReleaseError(f"unknown extra {strange[0]} (known: {', '.join(PROMISED)})")
    sdist, wheel = build(folder)
    check_wheel(wheel, expected_files(PACKAGE))
    check_sdist(sdist)
    run(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
    shutil.copy(CHECKOUT / "examples" / "jfk.wav", folder / "speech.wav")
    shutil.copytree(PROGRAMS, folder / "programs", ignore=shutil.ignore_patterns("__pycache__"))
    check_types(folder / "types", pythons[0], str(wheel))
    return try_extras(folder, wheel, pythons, extras)


def try_extras(folder: Path, wheel: Path, pythons: Sequence[str], extras: Sequence[str]) -> list[Tried]:
    """Each extra in an environment of its own; what fails is printed, and raises ReleaseError after the others."""
    named = (RUNTIME, *extras)
    to_try = [(pythons[0], one, CONSTRAINTS) for one in named]
    to_try += [(python, one, CONSTRAINTS) for python in pythons[1:] for one in named if not needs_torch(one)]
    if is_lowest(run(pythons[0], "--version")):
        to_try += [(pythons[0], one, LOWEST) for one in named if one in (RUNTIME, "all")]
    tried, wrong = [], []
    for python, extra, constraints in to_try:
        try:
            tried.append(try_extra(folder, python, wheel, extra, constraints))
        except ReleaseError as error:
            wrong.append(f"{extra} of {python}")
            print(f"{wrong[-1]}, {constraints.name}: {error}", file=sys.stderr, flush=True)
    if wrong:
        raise ReleaseError(f"{len(wrong)} of {len(to_try)} environments: {', '.join(wrong)}")
    return tried


def is_lowest(version: str) -> bool:
    """Whether an interpreter is of the lowest version that the project takes.

    >>> is_lowest("Python 3.11.9"), is_lowest("Python 3.13.1")
    (True, False)
    """
    return version.split()[1].startswith(PROJECT["requires-python"].removeprefix(">=") + ".")


def needs_torch(extra: str) -> bool:
    """Whether an extra brings torch, of which there are builds for some interpreters only, and large ones.

    >>> needs_torch("train"), needs_torch("all"), needs_torch("serve")
    (True, True, False)
    """
    return extra != RUNTIME and any(name == "torch" for name in packages_of(extra))


def packages_of(extra: str) -> list[str]:
    """Names of the packages that an extra asks for, or the runtime; of `all`, those of every extra that it names.

    >>> packages_of("parquet"), packages_of("runtime")[:2]
    (['pyarrow'], ['numpy', 'onnxruntime'])
    """
    names: list[str] = []
    for wanted in PROJECT["dependencies"] if extra == RUNTIME else EXTRAS[extra]:
        name = re.match(r"[\w.-]+", wanted)[0]  # type: ignore[index]
        inner = wanted[len(name) + 1 : -1].split(",") if name == "emotone" else ()
        names += [package for one in inner for package in packages_of(one)] if inner else [name]
    return sorted(set(names))


def check_types(place: Path, python: str, wheel: str) -> None:
    """Raise ReleaseError where mypy or pyright complain of a right program, or find nothing in a wrong one."""
    run(python, "-m", "venv", str(place))
    inside = str(place / INTERPRETER)
    run(inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, "mypy", "pyright")
    programs = {name: place / f"{name}.py" for name in ("typed", "wrong")}
    for name, program in programs.items():
        shutil.copy(CHECKOUT / "tests" / "downstream" / f"{name}.py", program)
    for checker in (("-m", "mypy", "--strict"), ("-m", "pyright", "--pythonpath", inside)):
        run(inside, *checker, str(programs["typed"]), cwd=place)
        try:
            run(inside, *checker, str(programs["wrong"]), cwd=place)
        except ReleaseError as error:
            found = len(re.findall(r"error[: ]", str(error)))
        else:
            found = 0
        if found < NUM_WRONG:
            raise ReleaseError(f"{checker[1]} finds {found} of {NUM_WRONG} mistakes of tests/downstream/wrong.py")
        print(f"types: {checker[1]} takes the right program and finds the mistakes of the wrong one", flush=True)


def build(folder: Path) -> tuple[Path, Path]:
    """The source archive, and the wheel that is built from it, in a folder."""
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(CHECKOUT))
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def expected_files(package: Path) -> set[str]:
    """The files of the package that a wheel must have, by their paths in it."""
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(package.parent).as_posix() for path in files if path.name.endswith(ENDS_WITH)}


def check_wheel(wheel: Path, expected: set[str]) -> None:
    """Raise ReleaseError where a file of the package is missing, or one is there that must not be."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    if missing := sorted(expected - names):
        raise ReleaseError(f"{wheel.name} lacks {len(missing)} files, e.g. {missing[0]}")
    if strange := sorted(name for name in names if STRANGERS.search(name)):
        raise ReleaseError(f"{wheel.name} holds {strange[0]}, which is no part of the package")
    if others := sorted(name for name in names - expected if ".dist-info/" not in name):
        raise ReleaseError(f"{wheel.name} holds {others[0]}, which the checkout does not have")
    if wheel.stat().st_size > LARGEST_WHEEL:
        raise ReleaseError(f"{wheel.name} has {wheel.stat().st_size:,} bytes, more than {LARGEST_WHEEL:,}")


def check_sdist(sdist: Path) -> None:
    """Raise ReleaseError where what a build needs is missing, or data is there that is not ours to give."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    if missing := [name for name in NEEDED if name not in names]:
        raise ReleaseError(f"{sdist.name} lacks {missing[0]}")
    if strange := sorted(name for name in names if re.search(r"(^|/)(shared|runs|\.git|bundles/acted)(/|$)", name)):
        raise ReleaseError(f"{sdist.name} holds {strange[0]}")


def try_extra(folder: Path, python: str, wheel: Path, extra: str, constraints: Path) -> Tried:
    """Install the wheel with an extra into a fresh environment, and run its program; raises ReleaseError."""
    place, made = folder / "environment", folder / "made"
    for old in (place, *([made] if extra == "all" else [])):
        remove(old)
    made.mkdir(exist_ok=True)
    run(python, "-m", "venv", str(place))
    inside = str(place / INTERPRETER)
    pip = [inside, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    pip += ["--constraint", str(constraints)]
    if needs_torch(extra):  # first and alone, see the Makefile
        run(*pip, "torch")
    run(*pip, str(wheel) if extra == RUNTIME else f"{wheel}[{extra}]")
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    program = folder / "programs" / f"use_{extra}.py"
    run(inside, str(program), str(folder / "speech.wav"), str(made), cwd=elsewhere)
    listed = run(inside, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check").split()
    versions = dict(re.findall(r"^([\w.-]+)==(\S+)$", "\n".join(listed), re.MULTILINE))
    versions = {name.lower().replace("_", "-"): version for name, version in versions.items()}
    packages = [f"{name} {versions[name]}" for name in packages_of(extra)]
    remove(elsewhere)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    title = extra if constraints == CONSTRAINTS else f"{extra}, lowest versions"
    tried = Tried(title, run(inside, "--version").split()[1], packages, round(size / 1e6))
    print(f"{title}: Python {tried.python}, {', '.join(packages)}: works alone", flush=True)
    remove(place)
    return tried


def remove(folder: Path) -> None:
    """Remove a folder; Windows holds for a moment what programs that have just ended had open."""
    for _ in range(MOST_WAITS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(WAIT_S)
    raise ReleaseError(f"{folder}: cannot be removed, something in it is in use")


def log_of(tried: Sequence[Tried], earlier: str = "") -> str:
    """A page of what was run, and of what an earlier page says of other environments."""
    rows = {(found[1], found[2]): found[0] for found in re.finditer(r"^\| (.+?) \| (\d+\.\d\S*) \|.*$", earlier, re.M)}
    for one in tried:
        cells = (one.extra, one.python, datetime.date.today(), ", ".join(one.packages), f"{one.megabytes:,}")
        rows[one.extra, one.python] = f"| {' | '.join(map(str, cells))} |"
    order = [RUNTIME, *PROMISED]
    named = sorted({extra.partition(",")[0] for extra, _ in rows}, key=order.index)
    lines = [
        LOG_HEAD.format(system=f"{platform.system()} {platform.machine()}"),
        "| extra | Python | date | its packages | MB |",
        "|---|---|---|---|---|",
        *(rows[key] for key in sorted(rows, key=lambda key: (order.index(key[0].partition(",")[0]), key))),
        "",
        "| extra | what its program does |",
        "|---|---|",
    ]
    for extra in named:
        text = ast.get_docstring(ast.parse((PROGRAMS / f"use_{extra}.py").read_text(encoding="utf-8"))) or ""
        lines.append(f"| {extra} | {' '.join(text.split())} |")
    if missing := [f"`{extra}`" for extra in PROMISED if extra not in named]:
        lines += ["", f"Not tried: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def run(*command: str, cwd: Path | None = None) -> str:
    """What a program prints, without the checkout on its path; raises ReleaseError with its last words if it fails."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode("utf-8", "replace")  # tools differ in what they write where the system's is another
    if done.returncode:
        raise ReleaseError(f"{' '.join(command[:4])} ..: exit code {done.returncode}\n{said[-2_000:]}")
    return said


if __name__ == "__main__":
    sys.exit(main())
