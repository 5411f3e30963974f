"""Corpus tables that somebody broke: `python benchmarks/bench_hostile_tables.py [NUMBER] [SEED]`.

A small table of every format, and an audformat database, are changed at random (bytes, cells, columns, rows, settings),
and prepared; what is accepted is shown and checked. Wanted: no traceback, every table refused in one line or read, each
within 20 s. Prints the number of each outcome, the slowest table, and every failure with its seed.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import contextlib
import io
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from emotone.cli.main import main as emotone

NUMBER, LONGEST_S = 2_000, 20.0
FILES = ("a.wav", "b.wav", "sub/c.flac", "sub/d.wav", "e.wav", "Mü.wav")
FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx", ".yaml")
CELLS: tuple[Any, ...] = (
    *(
        "",
        " ",
        "NA",
        "nan",
        "None",
        "null",
        "inf",
        "-inf",
        "-1",
        "0",
        "1e999",
        "1e-999",
        "9" * 400,
        "x" * 200_000,
        "\0",
    ),
    *(
        "a\nb",
        'a"b',
        "../a.wav",
        "/etc/passwd",
        "C:\\a.wav",
        "sub\\c.wav",
        "=1+1",
        "True",
        "0x10",
        "1_0",
        "1,5",
        "1.2.3",
    ),
    *(
        "Mu\u0308.wav",
        "😀",
        "\u202eabc",
        "\ufeffa",
        "\u2028",
        "train",
        "dev",
        "test",
        "f",
        "1;2",
        "{}",
        "[1]",
        "~",
        "!!x",
    ),
    *(
        None,
        True,
        False,
        7,
        7.0,
        -1,
        2**53 + 1,
        10**30,
        -(10**400),
        1e308,
        float("nan"),
        float("inf"),
        [1, [2]],
        {"a": {}},
    ),
)
SETTINGS = (
    *(
        "decimal=,",
        "decimal=.",
        "missing=[NA, x]",
        "incomplete=true",
        "language=da",
        "encoding=latin-1",
        "encoding=utf-16",
    ),
    *("ranges={arousal: [1, 5]}", "columns={emotion: note}", "columns={start_s: arousal}", "emotions={joy: happiness}"),
    *(
        "splits={dev: test}",
        "audio=sub",
        "audio=.",
        "table=labels.csv",
        "emotion_from_folder=true",
        "ranges={arousal: 5}",
    ),
)


def base_table() -> pd.DataFrame:
    """A table with every kind of column."""
    return pd.DataFrame(
        {
            "file": FILES,
            "speaker": ["1", "1", "2", "2", "3", None],
            "gender": ["f", "f", "m", "male", None, "x"],
            "emotion": ["joy", "fear", "joy", "fear", "joy", "fear"],
            "arousal": [1.0, 2.5, None, 4.0, 5.0, 3.0],
            "start_s": [0.0, None, 0.1, None, None, None],
            "end_s": [0.2, None, 0.3, None, None, None],
            "split": ["train", "train", "test", "test", "validation", "train"],
            "note": ["x", "y", None, "z", "x,y", "ü"],
            "take": [1, 2, 3, 4, 5, 6],
        },
        dtype=object,
    )


def change_cells(table: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    """The table with some cells, columns and rows changed."""
    for _ in range(chance.randrange(4)):
        table.iat[chance.randrange(len(table)), chance.randrange(table.shape[1])] = chance.choice(CELLS)
    if chance.random() < 0.2:
        column = chance.randrange(table.shape[1])
        table.isetitem(column, pd.Series([chance.choice(CELLS)] * len(table), dtype=object))
    names = list(table.columns)
    if chance.random() < 0.2:
        names[chance.randrange(len(names))] = str(chance.choice(CELLS))[:100]
    if chance.random() < 0.1:
        names[chance.randrange(len(names))] = chance.choice(names)
    table.columns = names
    if chance.random() < 0.2:
        table = pd.concat([table, table.iloc[[chance.randrange(len(table))]]], ignore_index=True)
    return table.iloc[: chance.randrange(len(table) + 1)] if chance.random() < 0.1 else table


def write(table: pd.DataFrame, path: Path) -> None:
    """The table in a format; what the format cannot hold is written as text."""
    if path.suffix in (".json", ".jsonl"):
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False, name=None)]
        lines = [json.dumps(row, ensure_ascii=len(rows) % 2 == 0) for row in rows]
        path.write_text("\n".join(lines) if path.suffix == ".jsonl" else f"[{', '.join(lines)}]", encoding="utf-8")
    elif path.suffix == ".parquet":
        try:
            table.to_parquet(path)
        except Exception:  # of mixed types and of two columns with one name
            table.loc[:, ~table.columns.duplicated()].map(str, na_action="ignore").to_parquet(path)
    elif path.suffix == ".xlsx":
        clean = table.map(lambda cell: None if isinstance(cell, str) and not cell.isprintable() else cell)
        clean.map(lambda cell: str(cell)[:30_000] if isinstance(cell, str | list | dict | int) else cell).to_excel(
            path, index=False
        )
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")


def write_database(table: pd.DataFrame, folder: Path) -> None:
    """The table as an audformat database whose header describes its columns."""
    table = table.loc[:, ~table.columns.duplicated()]
    columns = {name: {"scheme_id": name} for name in table.columns if name not in ("file", "start_s", "end_s", "split")}
    schemes: dict[str, Any] = {name: {"dtype": "str"} for name in columns}
    schemes["arousal"] = {"dtype": "float", "minimum": 1, "maximum": 5}
    tables = {"files": {"type": "filewise", "columns": columns}}
    header = {"name": "mine", "languages": ["deu"], "schemes": schemes, "tables": tables}
    (folder / "db.yaml").write_text(json.dumps(header))  # JSON is YAML
    table.to_csv(folder / "db.files.csv", index=False)


def change_bytes(path: Path, chance: random.Random) -> None:
    """The file with some bytes changed, removed, doubled, or put in."""
    data = bytearray(path.read_bytes())
    for _ in range(chance.randrange(1, 4)):
        place, size = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 8, 64))
        kind = chance.randrange(5)
        if kind == 0:
            data[place : place + size] = chance.randbytes(size)
        elif kind == 1:
            del data[place : place + size]
        elif kind == 2:
            data[place:place] = data[place : place + size] * chance.choice((1, 2, 100))
        elif kind == 3:
            data[place:place] = chance.choice(
                (b'"', b",", b";", b"\n", b"\r", b"\0", b"[" * 50_000, b"{", b"\xff\xfe", b"&a ")
            )
        else:
            del data[place:]
    path.write_bytes(data)


def plant(folder: Path, chance: random.Random) -> list[str]:
    """Break a table in the folder; returns what `emotone prepare` is to be called with."""
    suffix = chance.choice(FORMATS)
    table = change_cells(base_table(), chance) if chance.random() < 0.8 else base_table()
    path = folder / ("db.yaml" if suffix == ".yaml" else f"labels{suffix}")
    if suffix == ".yaml":
        write_database(table, folder)
        path = chance.choice((path, folder / "db.files.csv"))
    else:
        write(table, path)
    if chance.random() < 0.3:
        change_bytes(path, chance)
    settings = chance.sample(SETTINGS, chance.choice((0, 0, 0, 1, 2)))
    return [
        "prepare",
        "audformat" if suffix == ".yaml" else "table",
        str(folder),
        "--name",
        "mine",
        "--quiet",
        *settings,
    ]


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code of a command and what it said; raises what the command line would have shown as a traceback."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = emotone(arguments)
    return code, said.getvalue()


def try_one(seed: int, audio: Path) -> tuple[str, float, str]:
    """The outcome of one table, how long it took, and what went wrong."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in FILES:
            (folder / file).parent.mkdir(exist_ok=True)
            os.link(audio / file, folder / file)
        try:
            arguments = plant(folder, chance)
        except Exception:  # the format cannot hold it
            return "not written", 0.0, ""
        began_s = time.perf_counter()
        try:
            code, said = run(arguments)
            outcome = {0: "read", 2: "refused"}[code]
            if code == 2 and len(said.splitlines()) != 1:
                return "FAILED", time.perf_counter() - began_s, f"{len(said.splitlines())} lines: {said[:200]}"
            for verb in ("info", "check") if code == 0 else ():
                if run([verb, "mine", "--json", "--quiet"])[0] not in (0, 1):
                    return "FAILED", time.perf_counter() - began_s, f"{verb} refuses what prepare took"
        except Exception:
            return "FAILED", time.perf_counter() - began_s, traceback.format_exc(limit=-3)
        took_s = time.perf_counter() - began_s
        return ("FAILED" if took_s > LONGEST_S else outcome), took_s, f"took {took_s:.0f} s"


def main() -> None:
    number, first = (int(text) for text in (sys.argv[1:] + [str(NUMBER), "0"][len(sys.argv) - 1 :]))
    outcomes: Counter[str] = Counter()
    slowest_s, slowest = 0.0, -1
    with tempfile.TemporaryDirectory() as name:
        audio = Path(name)
        os.environ["EMOTONE_CACHE"] = str(audio / "cache")
        for place, file in enumerate(FILES):
            (audio / file).parent.mkdir(exist_ok=True)
            soundfile.write(audio / file, np.random.default_rng(place).normal(0, 0.1, 8_000), 16_000)
        for seed in range(first, first + number):
            outcome, took_s, problem = try_one(seed, audio)
            outcomes[outcome] += 1
            if took_s > slowest_s:
                slowest_s, slowest = took_s, seed
            if outcome == "FAILED":
                print(f"seed {seed}: {problem}", flush=True)
    print(f"{number} tables: {dict(outcomes.most_common())}; the slowest took {slowest_s:.2f} s (seed {slowest})")


if __name__ == "__main__":
    main()
