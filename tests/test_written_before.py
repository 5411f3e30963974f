"""What an earlier version wrote is still read, and says the same: corpus, feature stores, runs, bundles, ledger.

The files of `fixtures/v1` are those of a user; its README.md says what they are. Only the command line and
`emotone.load` are used, so that these tests outlive any move of modules; but for the intervals of then.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import emotone
from emotone.cli.main import main
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.statistics import PooledMetric

WRITTEN = Path(__file__).parent / "fixtures" / "v1"
EXPECTED: dict[str, Any] = json.loads((WRITTEN / "expected.json").read_text())
RECIPES = sorted(path.stem for path in (WRITTEN / "recipes").glob("*.yaml"))
NEAR = 1e-5
NEAR_TRAINED = 1e-3
"""Sums in another order, on another processor, grow over training."""
ADDED = {
    r"": {"part"},  # of a bundle on a corpus
    r"\[\d+\]": {"speech_share", "note", "emotion"},  # predictions
    r"\.results\[\d+\]": {"spread"},  # over seeds
}
"""{where in the JSON: keys that there were not then}."""
FIRST = ["warnings"]
"""Keys that stood later then, of a bundle on a corpus."""
NEW_LINES = (
    r"  emotion +utterances +recall.*",
    r"  (high|low) +\d+ +.*",  # classes
    r"Holm's correction is for .*",
)
"""Lines of text that there were not then."""
NEW_ENDS = r"  chance [.\d]+$"
"""What lines have got at their end since."""
UNTRUE = ", nothing trained on it here"
"""What protocols of bundles on a corpus said then, also where they were trained on it."""

Snapshot = dict[str, tuple[int, int]]
Say = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, in which the working folder and the cache lie."""
    home = tmp_path / "home"
    for name in ("audio", "recipes", "cache"):
        shutil.copytree(WRITTEN / name, home / name)
    shutil.copytree(WRITTEN / "trained", home / "runs")  # a folder called runs is not committed
    root = str((home / "audio").resolve())
    about = home / "cache" / "corpora" / "tones" / "corpus.json"
    corpus = json.loads(about.read_text()) | {"root": root}
    about.write_text(json.dumps(corpus))
    for name, folder in _stores(root).items():
        (home / "cache" / "features" / "tones" / name).rename(home / "cache" / "features" / "tones" / folder)
    monkeypatch.chdir(home)
    monkeypatch.setenv("EMOTONE_CACHE", str(home / "cache"))
    return home


@pytest.fixture(autouse=True)
def _intervals_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Percentiles of the bootstrap, as all intervals were, so that their ends can be compared."""
    now = PooledMetric.interval

    def then(pooled: PooledMetric, *arguments: Any, **settings: Any) -> Interval:
        # The method is the last argument.
        return now(pooled, *arguments[:4], **settings | {"method": "percentile"})

    monkeypatch.setattr(PooledMetric, "interval", then)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command that ends well; returns what it prints on stdout."""

    def call(command: str) -> str:
        capsys.readouterr()
        code = main(shlex.split(command))
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return call


@pytest.mark.parametrize("command", EXPECTED)
def test_says_the_same(command: str, home: Path, say: Say) -> None:
    before = _snapshot(home, "cache/features", "runs")
    printed = say(command)
    if "--json" not in command:
        assert as_then(printed) == EXPECTED[command].split("\n")
    elif command.startswith("predict"):
        assert_near([json.loads(line) for line in printed.splitlines()], EXPECTED[command])
    else:
        assert_near(json.loads(printed), EXPECTED[command])
    assert _snapshot(home, "cache/features", "runs") == before, "features are found where they were"


def test_bundles_from_python(home: Path) -> None:
    command = next(command for command in EXPECTED if command.startswith("predict audio --model"))
    predictor = emotone.load(shlex.split(command)[3])
    for row in EXPECTED[command]:
        prediction = predictor.predict(row["file"])
        found = {**prediction.scores, **prediction.probabilities}
        assert found and found == pytest.approx({name: row[name] for name in found}, abs=NEAR)


def test_extracted_features_are_found(home: Path, say: Say) -> None:
    before = _snapshot(home, "cache/features")
    say("extract mel tones num_mels=8 scale=log")
    say("extract moments tones of=mel 'settings={num_mels: 8, scale: log}'")
    assert _snapshot(home, "cache/features") == before
    say("extract mel tones num_mels=9 scale=log")  # other settings: what the lines above would have done
    assert _snapshot(home, "cache/features") != before


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_finished_run_is_not_trained_again(recipe: str, home: Path, say: Say) -> None:
    folder, before = _run_of(recipe), _snapshot(home, "cache/features", "runs")
    result, ledger = _read(folder / "test.json"), pd.read_parquet("runs/results.parquet")
    say(f"train recipes/{recipe}.yaml --quiet")
    after = _snapshot(home, "cache/features", "runs")
    written = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    records = {"runs/results.parquet", "runs/.results.parquet.lock"}
    assert written <= records | {(folder / "test.json").as_posix()}, "another hash, or trained or extracted again"
    again = _read(folder / "test.json")
    for one in (result, again):
        del one["versions"]
    assert_near(again, result)
    rows = pd.read_parquet("runs/results.parquet")
    assert rows.dtypes.to_dict() == ledger.dtypes.to_dict()
    news = rows.iloc[len(ledger) :]  # of another folder than the old ones
    old = ledger[ledger["recipe"] == recipe]
    same = ["recipe", "hash", "system", "settings", "split", "seed", "corpora", "target", "metric", "warnings"]
    assert news[same].to_dict("records") == old[same].to_dict("records")
    assert news["value"].to_list() == pytest.approx(old["value"].to_list(), abs=NEAR)


@pytest.mark.parametrize("recipe", ["tones-chunk-attention", "tones-clusters"])
def test_an_interrupted_run_ends_as_it_would_have(recipe: str, home: Path, say: Say) -> None:
    folder = _run_of(recipe)
    lost = max(path for path in folder.rglob("fold-*") if path.is_dir())
    expected = pd.read_parquet(lost / "predictions.parquet")
    result = _read(folder / "test.json")
    shutil.rmtree(lost)
    before = _snapshot(home, "cache/features")
    say(f"train recipes/{recipe}.yaml --quiet")
    assert _snapshot(home, "cache/features") == before
    found = pd.read_parquet(lost / "predictions.parquet")
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=NEAR_TRAINED, atol=NEAR_TRAINED)
    assert _read(folder / "test.json")["splits"] == result["splits"]


def test_an_interrupted_svm_ends_in_the_new_way(home: Path, say: Say) -> None:
    """It is solved otherwise since: what is finished stays, and the same utterances are tested."""
    folder = _run_of("tones-svm")
    lost = max(path for path in folder.rglob("fold-*") if path.is_dir())
    expected, result = pd.read_parquet(lost / "predictions.parquet"), _read(folder / "test.json")
    shutil.rmtree(lost)
    before = _snapshot(home, "cache/features", *map(str, _folds(folder)))
    say("train recipes/tones-svm.yaml --quiet")
    now = _snapshot(home, "cache/features", *map(str, _folds(folder)))
    assert {name: now[name] for name in before} == before
    found = pd.read_parquet(lost / "predictions.parquet")
    same = [name for name in expected if not name.startswith("p_")]
    pd.testing.assert_frame_equal(found[same], expected[same])
    assert _read(folder / "test.json")["splits"] == result["splits"]


def assert_near(found: Any, expected: Any, where: str = "") -> None:
    """The same data, in which numbers may differ by little."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        new = next((keys for place, keys in ADDED.items() if re.fullmatch(place, where)), set())
        keys = [key for key in found if key in expected or key not in new]
        moved = [*FIRST, *(key for key in expected if key not in FIRST)]
        assert keys == list(expected) or (where == "" and "model" in expected and keys == moved), where
        for key, value in expected.items():
            assert_near(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), where
        for place, value in enumerate(expected):
            assert_near(found[place], value, f"{where}[{place}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=NEAR, abs=NEAR, nan_ok=True), where
    else:
        assert found == (expected.removesuffix(UNTRUE) if where == ".protocol" else expected), where


def as_then(printed: str) -> list[str]:
    """The lines of a text without what is new in it."""
    known = [line for line in printed.split("\n") if not any(re.fullmatch(new, line) for new in NEW_LINES)]
    return [re.sub(NEW_ENDS, "", line) for line in known]


def _stores(root: str) -> dict[str, str]:
    """{name in the fixtures: name in a cache whose corpus has its audio in `root`}.

    A store is named by a hash of settings and that folder. It is computed here by itself: were the code asked, a change
    of its hashes, by which users' features would be extracted again, would not be seen.
    """
    names = {}
    for name, key in json.loads((WRITTEN / "stores.json").read_text()).items():
        text = json.dumps([root if part == "{root}" else part for part in key], sort_keys=True)
        names[name] = f"{name.rsplit('-', 1)[0]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return names


def _snapshot(home: Path, *names: str) -> Snapshot:
    """When every file was written and how large it is."""
    files = (path for name in names for path in (home / name).rglob("*") if path.is_file())
    return {path.relative_to(home).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(files)}


def _folds(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("fold-*") if path.is_dir())


def _run_of(recipe: str) -> Path:
    """The only run of a recipe, as the command line names it."""
    [folder] = Path("runs", recipe).iterdir()
    return folder


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
