"""Comparisons of runs as text."""

from __future__ import annotations

import json
import sys
from typing import Any

from emotone.base.text_table import align
from emotone.evaluate.compare.runs import Comparison, MetricComparison, Pair
from emotone.evaluate.compare.systems import LEVEL, families_text, letters_of


def print_comparison(comparison: Comparison, as_json: bool = False) -> None:
    """Print a comparison to stdout: tables for people, or JSON; warnings also go to stderr with JSON."""
    if as_json:
        print(json.dumps(comparison.to_json(), indent=1))
        for warning in comparison.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return
    letters = letters_of(comparison.systems)
    num_seeds = len(comparison.systems[0].seeds)
    print(f"{len(letters)} systems, {f'{num_seeds} seeds each, averaged' if num_seeds > 1 else 'one seed each'}")
    for warning in comparison.warnings:
        print(f"WARNING {warning}")
    for result in comparison.results:
        print(f"\n{result.target}: {result.metric}, {result.num_utterances} utterances, {result.num_speakers} speakers")
        ranks = result.ranks.mean_ranks if result.ranks else {}
        rows = [
            {"": letters[label], "system": label, f"{result.metric} [95%]": str(value)}
            | ({"std over seeds": result.spread[label]} if num_seeds > 1 else {})
            | ({"mean rank": ranks[label]} if ranks else {})
            for label, value in result.values.items()
        ]
        print(align(rows, "  "))
        print()
        print(align([_pair_row(pair, letters) for pair in result.pairs], "  "))
        if result.ranks:
            print(f"  Friedman over speakers ({result.ranks.score}): p {p_text(result.ranks.p)}")
        for note in result.notes:
            print(f"  NOTE {note}")
    print(f"{families_text(len(comparison.results[0].pairs), len(comparison.results))}")


def _pair_row(pair: Pair, letters: dict[str, str]) -> dict[str, Any]:
    return {
        "pair": f"{letters[pair.first]} - {letters[pair.second]}",
        "difference [95%]": str(pair.difference),
        "p": p_text(pair.p),
        "p (Holm)": p_text(pair.p_holm),
        "d_z": pair.effect_size,
        "": "*" if pair.p_holm <= LEVEL else "",
    }


def value_text(result: MetricComparison, label: str) -> str:
    """A system's value with its interval and, of several seeds, their deviation."""
    spread = result.spread[label]
    behind = f" ± {spread:.3f}".replace(" 0.", " .") if spread is not None else ""
    return f"{result.values[label]}{behind}"


def p_text(p: float) -> str:
    """A p-value as people write it.

    >>> p_text(0.25), p_text(0.00003)
    ('0.250', '<0.001')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def corrected_p_text(p: float) -> str:
    """A p-value after Holm's correction, with a star where it is significant.

    >>> corrected_p_text(0.25), corrected_p_text(0.05)
    ('0.250', '0.050 *')
    """
    return p_text(p) + (" *" if p <= LEVEL else "")
