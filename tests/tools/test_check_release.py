"""The release check finds what is wrong; the files that a release needs say the same."""

from __future__ import annotations

import io
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import check_release
from check_release import ReleaseError
from emotone.base.version import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def wheel_of(place: Path, names: set[str]) -> Path:
    path = place / "emotone-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_a_whole_wheel_passes_and_others_are_named(tmp_path: Path) -> None:
    expected = check_release.expected_files(check_release.PACKAGE)
    assert {"emotone/py.typed", "emotone/audio/silero_vad/README.md"} <= expected and len(expected) > 300
    about = {"emotone-1.dist-info/METADATA"}
    check_release.check_wheel(wheel_of(tmp_path, expected | about), expected)
    with pytest.raises(ReleaseError, match=r"lacks 1 files, e.g. emotone/py.typed"):
        check_release.check_wheel(wheel_of(tmp_path, expected - {"emotone/py.typed"}), expected)
    for strange in ("tests/conftest.py", "emotone/__pycache__/a.pyc", "emotone/old.py"):
        with pytest.raises(ReleaseError, match=re.escape(f"holds {strange}")):
            check_release.check_wheel(wheel_of(tmp_path, expected | {strange}), expected)


def test_a_source_archive_has_no_speech_of_others(tmp_path: Path) -> None:
    path = tmp_path / "emotone-1.tar.gz"
    for names, wrong in (((*check_release.NEEDED,), ""), (("LICENSE",), "lacks README.md")):
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(f"emotone-1/{name}"), io.BytesIO())
        if wrong:
            with pytest.raises(ReleaseError, match=wrong):
                check_release.check_sdist(path)
        else:
            check_release.check_sdist(path)


def test_a_program_that_fails_is_a_line() -> None:
    with pytest.raises(ReleaseError, match="exit code 3"):
        check_release.run("bash", "-c", "exit 3")


def test_the_lowest_versions_are_those_of_the_project() -> None:
    lines = (CHECKOUT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest = dict(line.split("==") for line in lines if line and line[0] != "#")
    bounds = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in PROJECT["dependencies"])  # type: ignore[union-attr]
    assert set(lowest) == set(bounds)
    assert all(re.fullmatch(rf"{re.escape(bounds[name])}(\.0)*", version) for name, version in lowest.items())


def test_the_citation_names_the_version_and_the_changelog_has_it() -> None:
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == __version__ and citation["license"] == PROJECT["license"]
    assert re.findall(r"^## (.*)$", changes, re.MULTILINE)[0] in ("Unreleased", __version__)
    assert f"## {__version__} ({citation['date-released']})" in changes


def test_what_is_not_mit_is_named() -> None:
    reuse = tomllib.loads((CHECKOUT / "REUSE.toml").read_text(encoding="utf-8"))["annotations"]
    names = {name for entry in reuse for name in re.split(r" AND ", entry["SPDX-License-Identifier"])}
    assert {path.stem for path in (CHECKOUT / "LICENSES").glob("*.txt")} == names
    paths = [path for entry in reuse for path in ([entry["path"]] if isinstance(entry["path"], str) else entry["path"])]
    assert all((CHECKOUT / path.removesuffix("**")).exists() for path in paths)


def test_all_is_every_extra_of_users() -> None:
    extras = PROJECT["optional-dependencies"]
    named = set(re.search(r"\[(.*)\]", extras["all"][0])[1].split(","))  # type: ignore[index]
    assert named == set(extras) - {"all", "dev", "docs", "parquet"}  # parquet is in archive
