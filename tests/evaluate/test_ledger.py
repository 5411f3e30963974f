"""The ledger: a row per run, target and metric, however many record at once and whenever they are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from emotone.errors import EmotoneError
from emotone.evaluate.ledger import TYPES, read, record, tabulate, write_table


def make_run(
    folder: Path, seed: int = 0, size: int = 1, value: float = 0.5, **others: Any
) -> tuple[dict[str, Any], Path]:
    """What run.py gives: the result and the folder with the recipe."""
    folder.mkdir(exist_ok=True)
    recipe = {"name": "made", "seed": seed, "system": {"name": "net", "size": size}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    interval = {"low": value - 0.1, "value": value, "high": value + 0.1}
    result = {
        "recipe": "made",
        "hash": f"{size}-{seed}",
        "seed": seed,
        "corpora": {"emodb": "a2"},
        "splits": ["s1", "s2"],
        "versions": {"emotone": "0.1.0"},
        "cpu_s": 1.5,
        "num_speakers": 10,
        "num_utterances": 535,
        "metrics": {"emotion": {"uar": interval, "accuracy": interval}, "arousal": {"ccc": interval}},
        **others,
    }
    return result, folder


def test_a_row_per_target_and_metric(tmp_path: Path) -> None:
    ledger = tmp_path / "results" / "results.parquet"
    record(*make_run(tmp_path / "a", warnings=["leak"]), ledger)
    table = read(ledger)
    assert list(table.columns) == list(TYPES)
    assert table[["target", "metric"]].to_numpy().tolist() == [
        ["emotion", "uar"],
        ["emotion", "accuracy"],
        ["arousal", "ccc"],
    ]
    row = table.iloc[0]
    assert (row["value"], row["low"], row["hash"], row["num_utterances"]) == (0.5, 0.4, "1-0", 535)
    assert json.loads(row["corpora"]) == {"emodb": "a2"} and json.loads(row["warnings"]) == ["leak"]
    assert row["folder"] == str(tmp_path / "a") and len(row["split"]) == 16


def test_the_same_run_again_replaces_its_rows(tmp_path: Path) -> None:
    ledger = tmp_path / "results.parquet"
    record(*make_run(tmp_path / "a", value=0.1), ledger)
    record(*make_run(tmp_path / "b", seed=1), ledger)
    record(*make_run(tmp_path / "a", value=0.7), ledger)
    table = read(ledger)
    assert len(table) == 6 and sorted(table["value"].unique()) == [0.5, 0.7]
    # The same recipe in another folder is another run; without a test part there is nothing to keep.
    record(*make_run(tmp_path / "c", value=0.7), ledger)
    assert len(read(ledger)) == 9
    result, folder = make_run(tmp_path / "c")
    del result["metrics"], result["num_speakers"], result["num_utterances"]
    record(result, folder, ledger)
    assert len(read(ledger)) == 6


def test_the_table_has_the_latest_runs_and_means_over_seeds(tmp_path: Path) -> None:
    ledger = tmp_path / "results.parquet"
    values = {(0, 1): 0.5, (1, 1): 0.6, (2, 1): 0.8, (0, 2): 0.3}
    record(*make_run(tmp_path / "old", value=0.1), ledger)
    for number, ((seed, size), value) in enumerate(values.items()):
        record(*make_run(tmp_path / str(number), seed, size, value, warnings=["leak"] if size == 2 else []), ledger)
    lines = tabulate(ledger, ["uar"]).splitlines()
    assert lines[0] == "runs" and lines[6] == "systems, over seeds" and "0.100" not in "".join(lines)
    assert [line.split()[2:] for line in lines[2:3]] == [
        ["made", "size=1", "0", read(ledger)["split"][0], "emotion", "uar", "0.500", "0.400", "0.600", "535", "10"]
    ]
    assert lines[5].endswith("WARNING leak")
    mean, std = np.mean([0.5, 0.6, 0.8]), np.std([0.5, 0.6, 0.8], ddof=1)
    assert lines[8].split() == ["made", "size=1", "emodb", "emotion", "uar", "3", f"{mean:.3f}", f"{std:.3f}"]
    assert lines[9].split()[-3:] == ["1", "0.300", "-"]
    assert "ccc" in tabulate(ledger) and "accuracy" not in tabulate(ledger)


def test_refusals(tmp_path: Path) -> None:
    ledger = tmp_path / "results.parquet"
    with pytest.raises(EmotoneError, match="there is no such ledger"):
        tabulate(ledger)
    (tmp_path / ".taken.parquet.lock").mkdir()
    with pytest.raises(EmotoneError, match="numbers cannot be recorded"):
        record(*make_run(tmp_path / "a"), tmp_path / "taken.parquet")
    record(*make_run(tmp_path / "a"), ledger)
    with pytest.raises(EmotoneError, match="holds no result by rmse"):
        tabulate(ledger, ["rmse"])
    for content in (b"", b"not parquet", ledger.read_bytes()[:-9]):
        ledger.write_bytes(content)
        with pytest.raises(EmotoneError, match="cannot be read as a ledger"):
            record(*make_run(tmp_path / "a"), ledger)
        assert ledger.read_bytes() == content


CODE = """
import sys, json, pathlib
from emotone.evaluate.ledger import record
folder = pathlib.Path(sys.argv[1])
result = json.loads((folder / "result.json").read_text())
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    record(result | {"hash": f"{folder.name}-{number}"}, folder, folder.parent / "results.parquet")
"""


def start(folder: Path, num_records: int, code: str = CODE) -> subprocess.Popen[str]:
    """A process that records runs, returned when it has begun."""
    result, _ = make_run(folder)
    (folder / "result.json").write_text(json.dumps(result))
    command = [sys.executable, "-c", code, str(folder), str(num_records)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_several_at_once_lose_nothing(tmp_path: Path) -> None:
    processes = [start(tmp_path / f"run{number}", 8) for number in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    table = read(tmp_path / "results.parquet")
    assert set(table["hash"]) == {f"run{number}-{record}" for number in range(4) for record in range(8)}
    assert len(table) == 4 * 8 * 3


def written_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def test_killed_at_any_moment_it_is_whole(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    known: set[str] = set()
    for kill in range(6):
        before = written_at(tmp_path / "results.parquet")
        process = start(tmp_path / f"run{kill}", 10_000)
        while written_at(tmp_path / "results.parquet") == before:  # it has recorded at least once
            time.sleep(0.01)
        time.sleep(0.1 * random.random())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        record(*make_run(tmp_path / "after"), tmp_path / "results.parquet")  # the lock is free again
        table = read(tmp_path / "results.parquet")
        assert (table.groupby("hash").size() == 3).all() and known <= set(table["hash"])
        known = set(table["hash"])
    assert len(known) > 6


def test_a_lock_is_held_until_its_holder_dies(tmp_path: Path) -> None:
    code = """
import sys, pathlib, time
from emotone.evaluate.ledger import _locked
with _locked(pathlib.Path(sys.argv[1]).parent / "results.parquet"):
    print("ready", flush=True)
    time.sleep(600)
"""
    holder = start(tmp_path / "holder", 0, code)
    waiting = start(tmp_path / "waiting", 1)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    assert not (tmp_path / "results.parquet").exists()
    os.kill(holder.pid, signal.SIGKILL)
    assert waiting.wait(10) == 0 and len(read(tmp_path / "results.parquet")) == 3
    holder.wait()


def test_tables_for_a_paper(tmp_path: Path) -> None:
    """All runs as CSV, and the systems over seeds in LaTeX."""
    ledger = tmp_path / "results.parquet"
    for seed, value in enumerate((0.5, 0.7)):
        record(*make_run(tmp_path / str(seed), seed, value=value, warnings=["LEAKAGE"] * seed), ledger)
    write_table(ledger, tmp_path / "runs.csv")
    table = pd.read_csv(tmp_path / "runs.csv")
    assert table[table["metric"] == "uar"]["value"].tolist() == [0.5, 0.7] and len(table) == 4
    assert table["warnings"].dropna().unique().tolist() == ["WARNING LEAKAGE "]
    write_table(ledger, tmp_path / "runs.tex")
    lines = (tmp_path / "runs.tex").read_text().splitlines()
    assert lines[1] == r"\begin{tabular}{llllrrr}" and "made & emodb & emotion & uar & 2 & 0.600 & 0.141" in lines[5]
