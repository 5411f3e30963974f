"""A comparison as tables for a paper: one tidy CSV, or LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotone.base.files import replace_file
from emotone.base.table_format import write_csv
from emotone.base.tex import escape, to_tex
from emotone.evaluate.compare.runs import Comparison, MetricComparison
from emotone.evaluate.compare.systems import families_text, letters_of
from emotone.evaluate.compare.text import corrected_p_text, p_text, value_text

COLUMNS = (
    "target",
    "metric",
    "system",
    "minus",
    "value",
    "low",
    "high",
    "seeds",
    "std_over_seeds",
    "mean_rank",
    "p",
    "p_holm",
    "d_z",
    "utterances",
    "speakers",
)
"""Of the CSV. A row without `minus` is a system's value, one with it the difference of two systems."""


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write a comparison to a `.csv` or `.tex` file."""
    with replace_file(path) as temporary:
        if path.suffix == ".csv":
            write_csv(temporary, COLUMNS, comparison_rows(comparison))
        else:
            temporary.write_text(comparison_tex(comparison), encoding="utf-8", newline="\n")


def comparison_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """All values and differences as rows of one table, with the columns `COLUMNS` as far as they are known."""
    rows: list[dict[str, Any]] = []
    for result in comparison.results:
        about = {
            "target": result.target,
            "metric": result.metric,
            "seeds": len(comparison.systems[0].seeds),
            "utterances": result.num_utterances,
            "speakers": result.num_speakers,
        }
        ranks = result.ranks.mean_ranks if result.ranks else {}
        for label, value in result.values.items():
            spread = _known({"std_over_seeds": result.spread[label], "mean_rank": ranks.get(label)})
            rows.append(about | {"system": label} | _known(value._asdict()) | spread)
        for pair in result.pairs:
            tested = {"p": pair.p, "p_holm": pair.p_holm, "d_z": pair.effect_size}
            both = {"system": pair.first, "minus": pair.second}
            rows.append(about | both | _known({**pair.difference._asdict(), **tested}))
    return rows


def _known(numbers: Mapping[str, float | None]) -> dict[str, float]:
    return {name: number for name, number in numbers.items() if number is not None and math.isfinite(number)}


def comparison_tex(comparison: Comparison) -> str:
    """A table of the systems by all metrics, and one of the pairs by each, for booktabs."""
    letters = letters_of(comparison.systems)
    systems = [
        {"": letters[system.label], "system": system.label}
        | {f"{result.target} {result.metric}": value_text(result, system.label) for result in comparison.results}
        for system in comparison.systems
    ]
    num_seeds = len(comparison.systems[0].seeds)
    seeds = f"; mean of {num_seeds} seeds, +- their deviation (n - 1)" if num_seeds > 1 else ""
    parts = [
        "% \\usepackage{booktabs}",
        *(f"% {escape(' '.join(warning.split()))}" for warning in comparison.warnings),
        f"% values with 95% intervals over speakers{seeds}",
        to_tex(systems),
    ]
    for result in comparison.results:
        head = f"{result.target} {result.metric}: {result.num_utterances} utterances, {result.num_speakers} speakers"
        parts += ["", f"% {head}; p: sign-flip test over speakers"]
        parts.append(f"% {families_text(len(result.pairs), len(comparison.results))}")
        parts.append(to_tex(_pair_rows(result, letters)))
    return "\n".join(parts) + "\n"


def _pair_rows(result: MetricComparison, letters: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "pair": f"{letters[pair.first]} - {letters[pair.second]}",
            f"difference in {result.metric}": str(pair.difference),
            "p": p_text(pair.p),
            "p (Holm)": corrected_p_text(pair.p_holm),
            "d_z": pair.effect_size,
        }
        for pair in result.pairs
    ]
