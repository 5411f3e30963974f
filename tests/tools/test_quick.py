"""The choice of quick tests: what changed, which rooms that is, which paths pytest is given."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

import quick

SOURCE = "src/emotone/"


@pytest.mark.parametrize(
    ("files", "rooms"),
    [
        (["src/emotone/data/store.py", "tests/data/test_split.py", "tests/audio/words/test_whisper.py"], "audio data"),
        (["src/emotone/errors.py", "src/emotone/data/recipes/default.yaml"], "data errors"),
        (["tests/test_errors.py"], "errors"),
        (["src/emotone/__init__.py", "tests/conftest.py", "tests/builders/encoders.py", "README.md"], ""),
        (["tests/contract/test_plugins.py", "benchmarks/bench_store.py", "src/emotone/nowhere/x.py"], ""),
    ],
)
def test_rooms_of_files(files: list[str], rooms: str) -> None:
    assert quick.rooms_of(files) == rooms.split()


def test_what_everything_depends_on() -> None:
    assert quick.shared_by_all(["src/emotone/base/page.py", "src/emotone/errors.py"]) == ["base", "errors"]
    assert quick.shared_by_all(["tests/base/test_page.py", "src/emotone/cli/main.py"]) == []
    shared = ["tests/conftest.py", "tests/builders/encoders.py", "pyproject.toml"]
    assert quick.shared_by_all(shared) == shared


@pytest.mark.parametrize("room", quick.ROOMS)
def test_every_room_has_something_to_run(room: str) -> None:
    paths = quick.paths_of(room, [])
    assert paths and all((quick.CHECKOUT / path).exists() for path in paths)
    assert f"{SOURCE}{room}" in paths or paths == ["tests/test_errors.py", "src/emotone/errors.py"]


def test_the_longest_room_runs_by_folder() -> None:
    files = [f"{SOURCE}evaluate/report/curves.py", "tests/evaluate/numbers/test_ranking.py", f"{SOURCE}data/split.py"]
    assert quick.paths_of("evaluate", files) == [
        "tests/evaluate/numbers",
        f"{SOURCE}evaluate/numbers",
        "tests/evaluate/report",
        f"{SOURCE}evaluate/report",
    ]
    flat = quick.paths_of("evaluate", [f"{SOURCE}evaluate/ledger.py"])
    assert {"tests/evaluate/test_ledger.py", f"{SOURCE}evaluate/ledger.py"} <= set(flat)
    assert all(path.endswith(".py") for path in flat)


# ---- git --------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """On `main` a, b and c; on a branch of it, b changed and committed, c moved, d not tracked, e ignored."""

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    for name in "abc":
        (tmp_path / name).write_text(name * 100)
    (tmp_path / ".gitignore").write_text("e\n")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    (tmp_path / "b").write_text("changed")
    git("commit", "-am", "two")
    git("mv", "c", "é")
    for name in "de":
        (tmp_path / name).touch()
    return tmp_path


def test_changed_files(repository: Path) -> None:
    assert quick.changed_files(repository) == ["b", "c", "d", "é"]


def test_without_a_branch_to_compare_with(repository: Path) -> None:
    assert quick.changed_files(repository, base="nowhere") == ["c", "d", "é"]


def test_a_clone_without_a_branch_main(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path_factory.mktemp("clone") / "here"
    command = ["git", "clone", "--quiet", "--branch", "other", str(repository), str(clone)]
    subprocess.run(command, check=True, capture_output=True)
    assert quick.changed_files(clone) == ["b"]


# ---- as a command -----------------------------------------------------------------------------------------------


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run after git."""
    run, found = subprocess.run, []

    def watch(command: list[str], **options: object) -> object:
        if command[0] == "git":
            return run(command, **options)  # type: ignore[call-overload]
        found.append(command)
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(quick.subprocess, "run", watch)
    return found


def test_rooms_that_are_asked_for(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROOMS", "predict cli")
    assert quick.main() == 5
    assert commands[0][-4:] == ["tests/predict", f"{SOURCE}predict", "tests/cli", f"{SOURCE}cli"]
    assert "asked for: predict, cli" in capsys.readouterr().out


def test_an_unknown_room(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROOMS", "predict kitchen")
    assert quick.main() == 2 and not commands
    assert "unknown room 'kitchen'" in capsys.readouterr().err


def test_what_depends_on_a_change_is_told(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROOMS", raising=False)
    monkeypatch.setattr(quick, "changed_files", lambda folder: ["src/emotone/base/page.py", "tests/conftest.py"])
    quick.main()
    told = capsys.readouterr().out
    assert "changed: base\n" in told and "everything depends on base, tests/conftest.py; `make test`" in told
    assert {"tests/base", f"{SOURCE}base", "tests/contract"} <= set(commands[0])


def test_files_of_an_earlier_version_have_their_test(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROOMS", raising=False)
    monkeypatch.setattr(quick, "changed_files", lambda folder: ["tests/fixtures/v1/expected.json"])
    quick.main()
    assert commands[0][-1] == "tests/test_written_before.py"


def test_outside_of_git(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("ROOMS", raising=False)
    monkeypatch.setattr(quick, "CHECKOUT", tmp_path)
    assert quick.main() == 2 and not commands
    assert "git does not tell what changed here; name the rooms" in capsys.readouterr().err


def test_hooks_run_the_commands_of_make_lint() -> None:
    hooks = yaml.safe_load((quick.CHECKOUT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (quick.CHECKOUT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    commands = [line.strip().replace("$(VENV)", ".venv") for line in lint.splitlines()[1:]]
    assert [hook["entry"] for hook in hooks] == commands
