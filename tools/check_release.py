"""Checks what would be released: `make release-check`, or `python tools/check_release.py [--extras A,B] [PYTHON ..]`.

Builds source archive and wheel, checks their metadata, compares their contents with what must and must not be in them,
installs the wheel into a fresh environment of each interpreter, with the lowest versions, and with each of the named
extras, and runs the command line and the Python interface there, from another folder than the checkout. It ends at the
first fault with a line that says which.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

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
NUM_WRONG = 3
"""Mistakes of `tests/downstream/wrong.py`."""
QUICK_EXTRAS = ("av", "parquet", "archive", "serve")
TRY = """
import emotone, sys
predictor = emotone.load("default")
prediction = predictor.predict(sys.argv[1])
assert prediction.emotion in prediction.probabilities and 1 < prediction.scores["arousal"] < 9, prediction
assert "site-packages" in emotone.__file__, emotone.__file__
print(emotone.__version__, sys.version.split()[0], prediction.emotion)
"""
NEEDS = {
    "av": "import av",
    "parquet": "import pyarrow.parquet",
    "archive": "import pyarrow.parquet",
    "serve": "import fastapi, uvicorn, websockets, multipart",
    "train": "import torch, pandas, sklearn; import emotone.sklearn",
    "opensmile": "import opensmile",
}


class ReleaseError(Exception):
    """What is wrong with the release."""


def main(arguments: Sequence[str] | None = None) -> int:
    """All checks; 1 at the first fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON", help="interpreters to try")
    parser.add_argument("--extras", default=",".join(QUICK_EXTRAS), help="extras to install, or none")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as name:
            check(
                Path(name), options.pythons, [extra for extra in options.extras.split(",") if extra not in ("", "none")]
            )
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print("release: all is well")
    return 0


def check(folder: Path, pythons: Sequence[str], extras: Sequence[str]) -> None:
    """Build into the folder and check everything; raises ReleaseError."""
    sdist, wheel = build(folder)
    check_wheel(wheel, expected_files(PACKAGE))
    check_sdist(sdist)
    run(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
    speech = folder / "speech.wav"
    shutil.copy(CHECKOUT / "examples" / "jfk.wav", speech)
    for index, python in enumerate(pythons):
        try_wheel(folder / f"env-{index}", python, str(wheel), speech)
    lowest = ("--constraint", str(CHECKOUT / "constraints-lowest.txt"))
    try_wheel(folder / "lowest", pythons[0], str(wheel), speech, more=lowest)
    for extra in extras:
        pinned = ("--constraint", str(CHECKOUT / "constraints.txt"))
        try_wheel(folder / extra, pythons[0], f"{wheel}[{extra}]", speech, NEEDS.get(extra, ""), pinned)
    check_types(folder / "types", pythons[0], str(wheel))


def check_types(place: Path, python: str, wheel: str) -> None:
    """Raise ReleaseError where mypy or pyright complain of a right program, or find nothing in a wrong one."""
    run(python, "-m", "venv", str(place))
    inside = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
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


def try_wheel(
    place: Path, python: str, wheel: str, speech: Path, extra_test: str = "", more: Sequence[str] = ()
) -> None:
    """Install the wheel into a fresh environment, and use it from an empty folder; raises ReleaseError."""
    run(python, "-m", "venv", str(place))
    binaries = place / ("Scripts" if os.name == "nt" else "bin")
    inside = str(binaries / "python")
    run(inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *more, wheel)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    run(inside, "-c", TRY, str(speech), cwd=elsewhere)
    run(str(binaries / "emotone"), "predict", str(speech), "--output", "scores.csv", "--quiet", cwd=elsewhere)
    run(str(binaries / "emotone"), "list", cwd=elsewhere)
    if extra_test:
        run(inside, "-c", extra_test, cwd=elsewhere)
    if not (elsewhere / "scores.csv").read_text(encoding="utf-8").startswith("file,start_s,end_s,emotion,"):
        raise ReleaseError(f"{place.name}: predict wrote no table")
    packages = run(inside, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check").split()
    shown = [name for name in packages if name.partition("==")[0] in ("numpy", "onnxruntime", "torch", "emotone")]
    print(f"{place.name}: {run(inside, '--version').strip()}, {', '.join(shown)}: installs and predicts", flush=True)
    shutil.rmtree(place)


def run(*command: str, cwd: Path | None = None) -> str:
    """What a program prints, without the checkout on its path; raises ReleaseError with its last words if it fails."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise ReleaseError(f"{' '.join(command[:4])} ..: exit code {done.returncode}\n{done.stdout[-2_000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
