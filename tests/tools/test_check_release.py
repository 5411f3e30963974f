"""The release check finds what is wrong; the files that a release needs say the same."""

from __future__ import annotations

import datetime
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
    extras = {name: wanted for name, wanted in PROJECT["optional-dependencies"].items() if name not in ("dev", "docs")}
    wanted = " ".join([*PROJECT["dependencies"], *(one for names in extras.values() for one in names)])
    bounds = dict(re.findall(r"([\w-]+)>=([\d.]+)", wanted))
    assert set(lowest) == set(bounds) and len(bounds) > 25
    assert all(re.fullmatch(rf"{re.escape(bounds[name])}(\.0)*", version) for name, version in lowest.items())


def test_every_extra_of_users_has_a_program_and_the_log_has_its_row_or_says_that_it_has_none() -> None:
    programs = {path.stem.removeprefix("use_") for path in check_release.PROGRAMS.glob("use_*.py")}
    assert programs == {check_release.RUNTIME, *check_release.PROMISED}
    log = (CHECKOUT / "results" / "release.md").read_text(encoding="utf-8")
    tried = {row.split(",")[0] for row in re.findall(r"^\| ([\w, ]+) \| 3\.", log, re.MULTILINE)}
    missing = set(re.findall(r"`(\w+)`", log.partition("Not tried:")[2].partition("\n\n")[0]))
    assert tried | missing == programs and not tried & missing


def test_a_log_says_what_was_run_and_with_which_versions() -> None:
    tried = [check_release.Tried("runtime", "3.11.7", ["numpy 2.0.0", "rich 13.0.0"], 300)]
    earlier = "| serve | 3.9.1 | 2020-01-01 | x 1 | 9 |\n| runtime | 3.11.7 | 2020-01-01 | x 1 | 9 |\n"
    page = check_release.log_of(tried, earlier)
    day = datetime.date.today()
    row = f"| runtime | 3.11.7 | {day} | numpy 2.0.0, rich 13.0.0 | 300 |\n"
    assert f"{row}| serve | 3.9.1 | 2020-01-01 | x 1 | 9 |\n" in page  # of another environment: it stays
    assert "| runtime | No extra: tables, windows, a page" in page and page.count("| runtime |") == 2


def test_an_extra_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"unknown extra trian \(known: all, parquet"):
        check_release.check(tmp_path, ["python"], ["trian"])


def test_the_citation_names_the_version_and_the_changelog_has_it() -> None:
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == __version__ and citation["license"] == PROJECT["license"]
    here = f"{__version__} ({citation['date-released']})"
    assert [one for one in re.findall(r"^## (.*)$", changes, re.MULTILINE) if one != "Unreleased"][0] == here


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


def test_what_is_held_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    rmtree, tries = check_release.shutil.rmtree, []
    later = lambda path, ignore_errors: tries.append(path) or len(tries) < 3 or rmtree(path)  # noqa: E731
    monkeypatch.setattr(check_release.shutil, "rmtree", later)
    monkeypatch.setattr(check_release, "WAIT_S", 0.0)
    check_release.remove(tmp_path / "a")
    assert not (tmp_path / "a").exists() and len(tries) == 3
    (tmp_path / "c").mkdir()
    monkeypatch.setattr(check_release.shutil, "rmtree", lambda path, ignore_errors: None)
    with pytest.raises(ReleaseError, match="cannot be removed"):
        check_release.remove(tmp_path / "c")
