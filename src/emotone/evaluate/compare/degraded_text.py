"""Comparisons along curves as text."""

from __future__ import annotations

import json
import sys
from typing import Any

from emotone.audio.change.degrade import Severity
from emotone.base.text_table import align
from emotone.evaluate.compare.degraded import DegradationComparison
from emotone.evaluate.compare.systems import letters_of
from emotone.evaluate.compare.text import corrected_p_text, p_text
from emotone.evaluate.degraded.measured import MeasuredCurve
from emotone.evaluate.degraded.scoring import ALL_CURVES
from emotone.evaluate.numbers.interval import Interval

HOLM = "Holm's correction: drops of all pairs, conditions and targets are one family, values there another"


def print_degraded(found: DegradationComparison, as_json: bool = False) -> None:
    """Print a comparison to stdout: tables for people, or JSON; warnings also go to stderr with JSON."""
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return
    num_seeds = len(found.systems[0].seeds)
    seeds = f"{num_seeds} seeds each, averaged" if num_seeds > 1 else "one seed each"
    print(f"{len(found.systems)} systems, {seeds}; {found.num_utterances} utterances, {found.num_speakers} speakers")
    for warning in found.warnings:
        print(f"WARNING {warning}")
    for label, letter in letters_of(found.systems).items():
        print(f"  {letter}  {label}")
    for target, metric in found.metrics.items():
        print(f"\n{target}: {metric}, and what it loses\n{align(value_rows(found, target), '  ')}\n")
        print(align(pair_rows(found, target), "  "))
    for note in found.notes:
        print(f"  NOTE {note}")
    if found.pairs:
        print(f"p: of the drop from clean; its null is two systems that are alike in everything. {HOLM}")


def value_rows(found: DegradationComparison, target: str) -> list[dict[str, Any]]:
    """A row per condition with every system's value; "" where it was not measured."""
    letters = letters_of(found.systems)
    rows: dict[str, dict[str, Any]] = {}
    for name in curves_of(found):
        for label, letter in letters.items():
            curve = found.curves[label].get(name)
            for point in curve["points"] if curve else []:
                condition, value = _condition(found, name, point["severity"]), point["metrics"][target]
                row = rows.setdefault(condition, {"condition": condition})
                row[letter] = str(Interval.from_json(value)) if value else "-"
    return [{"condition": "", **dict.fromkeys(letters.values(), "")} | row for row in rows.values()]


def pair_rows(found: DegradationComparison, target: str) -> list[dict[str, Any]]:
    """A row per pair of systems and condition: what both lose, and the test of the difference."""
    letters = letters_of(found.systems)
    return [
        {
            "pair": f"{letters[pair.first]} - {letters[pair.second]}",
            "condition": _condition(found, pair.curve, pair.severity),
            "first loses": pair.drops[0],
            "second loses": pair.drops[1],
            "difference [95%]": str(pair.difference),
            "p": p_text(pair.p),
            "p (Holm)": corrected_p_text(pair.p_holm),
            "d_z": pair.effect_size,
            "better there by [95%]": str(pair.there),
            "p there (Holm)": corrected_p_text(pair.p_there_holm),
        }
        for pair in found.pairs
        if pair.target == target
    ]


def curves_of(found: DegradationComparison) -> dict[str, MeasuredCurve]:
    """The curves of all systems together, in the order of the system with most of them."""
    each = sorted(found.curves.values(), key=len, reverse=True)
    return {name: curve for curves in each for name, curve in curves.items()}


def _condition(found: DegradationComparison, name: str, severity: Severity) -> str:
    """A condition as "Title: 20 dB"."""
    return f"{curves_of(found)[name]['title']}: {ALL_CURVES[name].with_unit(severity)}"
