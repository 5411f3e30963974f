"""The ledger of results: one Parquet table with a row per run, target and metric, kept by all runs of a project.

Several processes may record at once, and any may be killed: a lock that the operating system gives back when its holder
dies guards a table that is replaced as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from emotone.base.files import replace_file
from emotone.base.lock import lock
from emotone.base.table_format import write_csv
from emotone.base.tex import to_tex
from emotone.base.text_table import align
from emotone.errors import EmotoneError
from emotone.evaluate.compare.naming import system_hash, system_labels

TYPES = {
    "date": "string",
    "recipe": "string",
    "hash": "string",
    "system": "string",
    "settings": "string",
    "split": "string",
    "seed": "int64",
    "corpora": "string",
    "target": "string",
    "metric": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "num_utterances": "int64",
    "num_speakers": "int64",
    "cpu_s": "float64",
    "versions": "string",
    "warnings": "string",
    "folder": "string",
}
"""Columns: hash is of the recipe with its seed, system of the recipe without; settings, corpora, versions and warnings
are JSON; split is the fingerprint of the split or a hash of those of all folds."""
MAIN_METRICS = ("ccc", "uar", "spearman")


def record(result: dict[str, Any], folder: Path, ledger: Path) -> None:
    """Add a finished run's numbers; those of an earlier recording of the same run and folder are replaced.

    `result` is what `test.json` says; the recipe is read from the folder. A run without a test part has no rows. Raises
    EmotoneError when the ledger cannot be written, or is there but cannot be read.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(_rows(result, folder), columns=list(TYPES)).astype(TYPES)
    with _locked(ledger):
        known = read(ledger) if ledger.exists() else rows.iloc[:0]
        is_old = (known["folder"] == str(folder.resolve())) & (known["hash"] == result["hash"])
        with replace_file(ledger) as temporary:
            pd.concat([known[~is_old], rows], ignore_index=True).to_parquet(temporary, index=False)


def read(ledger: Path) -> pd.DataFrame:
    """The whole ledger, in the order of recording."""
    try:
        return pd.read_parquet(ledger)[list(TYPES)].astype(TYPES)
    except FileNotFoundError:
        raise EmotoneError(f"{ledger}: there is no such ledger; emotone train writes it") from None
    except (OSError, ValueError, KeyError) as error:  # what pyarrow says of a file that is not Parquet is a ValueError
        raise EmotoneError(f"{ledger}: cannot be read as a ledger of results ({error})") from None


def tabulate(ledger: Path, metrics: Sequence[str] = MAIN_METRICS) -> str:
    """The ledger as text: the latest run of each recipe and seed, then mean and deviation (n - 1) over seeds.

    Raises EmotoneError when there is no ledger, or nothing in it by these metrics.
    """
    runs, systems = ledger_rows(ledger, metrics)
    return "\n".join(["runs", align(runs, "  "), "systems, over seeds", align(systems, "  ")])


def write_table(ledger: Path, path: Path) -> None:
    """Write the ledger for a paper: all runs as `.csv`, or as `.tex` (booktabs) the systems, over seeds."""
    runs, systems = ledger_rows(ledger)
    rows = [{key or "warnings": value for key, value in row.items()} for row in runs]
    with replace_file(path) as temporary:
        if path.suffix == ".csv":
            write_csv(temporary, list(rows[0]), rows)
        else:
            head = "% \\usepackage{booktabs}; std: deviation over seeds (n - 1)"
            temporary.write_text(f"{head}\n{to_tex(systems)}\n", encoding="utf-8", newline="\n")


def ledger_rows(
    ledger: Path, metrics: Sequence[str] = MAIN_METRICS
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The latest run of each recipe and seed, and mean and deviation (n - 1) of each system over seeds.

    Raises EmotoneError when there is no ledger, or nothing in it by these metrics.
    """
    table = read(ledger)
    table = table[table["metric"].isin(list(metrics))]
    if table.empty:
        raise EmotoneError(f"{ledger}: holds no result by {', '.join(metrics)}")
    latest = table.drop_duplicates(["hash", "target", "metric"], keep="last")
    systems = latest.drop_duplicates("system")
    labels = system_labels([json.loads(settings) for settings in systems["settings"]])
    latest = latest.assign(label=latest["system"].map(dict(zip(systems["system"], labels, strict=True))))
    # Other corpora are another experiment, though the recipe be the same.
    groups = latest.groupby(["label", "corpora", "target", "metric"], sort=False)["value"]
    means = groups.agg(["count", "mean", "std"]).reset_index()
    runs, systems = latest.to_dict("records"), means.to_dict("records")
    return [_run_row(row) for row in runs], [_system_row(row) for row in systems]


def _rows(result: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """A run's rows."""
    import yaml

    recipe = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    splits = [str(split) for split in result["splits"]]
    run = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": result["recipe"],
        "hash": result["hash"],
        "system": system_hash(recipe),
        "settings": json.dumps(recipe),
        "seed": result["seed"],
        "split": splits[0] if len(splits) == 1 else hashlib.sha256("\n".join(splits).encode()).hexdigest()[:16],
        "corpora": json.dumps(result["corpora"], sort_keys=True),
        "num_utterances": result.get("num_utterances", 0),
        "num_speakers": result.get("num_speakers", 0),
        "cpu_s": result["cpu_s"],
        "versions": json.dumps(result["versions"]),
        "warnings": json.dumps(result.get("warnings", [])),
        "folder": str(folder.resolve()),
    }
    return [
        run | {"target": target, "metric": metric, **interval}
        for target, metrics in result.get("metrics", {}).items()
        for metric, interval in metrics.items()
    ]


def _run_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": row["date"][:10],
        "hash": row["hash"],
        "system": row["label"],
        "seed": row["seed"],
        "split": row["split"],
        "target": row["target"],
        "metric": row["metric"],
        "value": row["value"],
        "low": row["low"],
        "high": row["high"],
        "utterances": row["num_utterances"],
        "speakers": row["num_speakers"],
        "": "".join(f"WARNING {warning} " for warning in json.loads(row["warnings"])),
    }


def _system_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "system": row["label"],
        "corpora": ", ".join(json.loads(row["corpora"])),
        "target": row["target"],
        "metric": row["metric"],
        "seeds": row["count"],
        "mean": row["mean"],
        "std": row["std"],
    }


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all processes that ask for the same path; a holder that is killed holds it no longer.

    The lock file stays: whoever removed it could leave two processes with a lock each, on two files of one name.
    """
    try:
        file = open(path.with_name(f".{path.name}.lock"), "ab")  # noqa: SIM115 - closed just below
    except OSError as error:
        raise EmotoneError(f"{path}: the run's numbers cannot be recorded ({error.strerror})") from None
    with file:
        lock(file.fileno())
        yield
