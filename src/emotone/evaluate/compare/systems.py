"""Systems that are compared: the runs and predictions of each, and whether all tested the same utterances.

Runs that differ in nothing but their seeds are one system, and so are the repeats of one run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.compare.naming import system_hash, system_labels
from emotone.evaluate.numbers.significance import NUM_PERMUTATIONS, smallest_p
from emotone.evaluate.run_folder import Run

LEVEL = 0.05
"""Of significance, after Holm's correction."""


@dataclass(frozen=True)
class ComparedSystem:
    """A system that is compared: its label, the folders of its finished runs, and a seed per run and repeat."""

    label: str
    folders: list[str]
    seeds: list[int]


@dataclass(frozen=True)
class ScoredSystem:
    """A system with its prediction table, sorted: a row per utterance and seed; `repeat` numbers the seeds from 0."""

    system: ComparedSystem
    runs: list[Run]
    table: pd.DataFrame
    targets: list[Target]


def group_runs(runs: Sequence[Run]) -> list[ScoredSystem]:
    """The systems of some runs, in the order in which they were given.

    Raises EmotoneError where there are fewer than two, or they have unequally many seeds.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(system_hash(run.recipe), []).append(run)
    labels = system_labels([group[0].recipe for group in groups.values()])
    if len(groups) < 2:
        all_runs = f"all {len(runs)} runs are of one" if len(runs) > 1 else "there is one run"
        raise EmotoneError(f"a comparison needs two systems; {all_runs}: {', '.join(labels) or 'none'}")
    systems = [join_runs(label, group) for label, group in zip(labels, groups.values(), strict=True)]
    if len({len(each.system.seeds) for each in systems}) > 1:
        counts = "; ".join(f"{each.system.label} has {len(each.system.seeds)}" for each in systems)
        raise EmotoneError(f"every system needs the same number of seeds: {counts}")
    return systems


def join_runs(label: str, runs: list[Run]) -> ScoredSystem:
    """The runs of one system and their repeats as one table, in the order of their seeds.

    Repeat r of a run has the run's seed plus r. Raises EmotoneError for the same seed twice, and for an utterance that
    was tested twice.
    """
    units: dict[tuple[int, int], tuple[Run, pd.DataFrame]] = {}
    for run in runs:
        repeats = run.test["repeat"] if "repeat" in run.test else pd.Series(0, index=run.test.index)
        for repeat, part in run.test.groupby(repeats.to_numpy()):
            seeds = run.seed + int(repeat), int(run.recipe.get("split", {}).get("seed") or 0) + int(repeat)
            if seeds in units:
                other = units[seeds][0].folder
                raise EmotoneError(f"{other} and {run.folder} are the same recipe with the same seed {seeds[0]}")
            units[seeds] = run, part
    parts = [units[seeds][1].assign(repeat=number) for number, seeds in enumerate(sorted(units))]
    table = pd.concat(parts).sort_values(["repeat", "id"], ignore_index=True)
    twice = table[table.duplicated(["repeat", "id"])]["id"]
    if len(twice):
        raise EmotoneError(f"{label}: {len(twice)} utterances are in several test parts, e.g. {twice.iloc[0]!r}")
    system = ComparedSystem(label, [str(run.folder) for run in runs], [seed for seed, _ in sorted(units)])
    return ScoredSystem(system, runs, table, runs[0].targets)


def check_alike(systems: list[ScoredSystem]) -> None:
    """Raise EmotoneError where targets, test utterances, speakers or labels differ from those of the first system."""
    first = systems[0]
    for other in systems[1:]:
        names = f"{first.system.label} and {other.system.label}"
        for_first, for_other = (sorted(map(_describe, each.targets)) for each in (first, other))
        if for_first != for_other:
            raise EmotoneError(f"{names} differ in their targets: {'; '.join(for_first)} / {'; '.join(for_other)}")
        ids, other_ids = (pd.MultiIndex.from_frame(each.table[["repeat", "id"]]) for each in (first, other))
        if not ids.equals(other_ids):
            strangers = ids.symmetric_difference(other_ids)
            raise EmotoneError(
                f"the test sets of {names} differ: {len(strangers)} utterances are in one only, "
                f"{len(ids.intersection(other_ids))} in both{_examples(strangers.get_level_values('id'))}"
            )
        columns = ["speaker", *(f"true_{target.name}" for target in first.targets)]
        for column in columns:
            ours, theirs = first.table[column], other.table[column]
            is_other = ~((ours == theirs) | (ours.isna() & theirs.isna())).to_numpy(bool)
            if is_other.any():
                what = column.removeprefix("true_")
                raise EmotoneError(
                    f"{names} differ in the {what} of {is_other.sum()} of {len(ours)} test utterances"
                    f"{_examples(first.table['id'][is_other])}"
                )


def families_text(num_tests: int, num_families: int) -> str:
    """What Holm's correction is for, where every target and metric is a family of its own.

    >>> families_text(3, 2)
    "Holm's correction is for the 3 pairs of one target and metric; the 2 targets and metrics here are families of \
their own: for a claim over all of them, multiply p (Holm) by 2"
    """
    pairs = f"the {num_tests} pairs" if num_tests > 1 else "the one pair"
    own = f"Holm's correction is for {pairs} of one target and metric"
    if num_families < 2:
        return own
    return (
        f"{own}; the {num_families} targets and metrics here are families of their own: for a claim over all of them, "
        f"multiply p (Holm) by {num_families}"
    )


def speaker_notes(
    num_speakers: int, num_tests: int, num_unknown: int = 0, num_permutations: int = NUM_PERMUTATIONS
) -> list[str]:
    """Notes on utterances whose speaker is not known, and on speakers too few for any difference to be significant."""
    notes = []
    if num_unknown:
        notes.append(f"{num_unknown} utterances have no known speaker; each counts as a speaker of its own")
    reachable = smallest_p(num_speakers, num_permutations)
    corrected = min(1.0, reachable * num_tests)
    if corrected > LEVEL:
        after = f", {corrected:.3g} after Holm's correction for {num_tests} tests" if num_tests > 1 else ""
        notes.append(
            f"{num_speakers} speakers are too few: the smallest p that any difference could reach is "
            f"{reachable:.3g}{after}, so nothing here can be significant at {LEVEL}"
        )
    return notes


def run_warnings(systems: list[ScoredSystem]) -> list[str]:
    """The warnings of the runs, and where they were trained on other parts of the corpora, or before these changed."""
    found = [f"{each.system.label}: {warning}" for each in systems for run in each.runs for warning in run.warnings]
    splits = {json.dumps([run.result.get("splits") for run in each.runs]) for each in systems}
    if len(splits) > 1:
        found.append("the systems' splits differ: the test utterances are the same, those trained on are not")
    known = [run.made_of for each in systems for run in each.runs]
    changed = sorted(
        {name for one in known for name in one if any(one[name] != other.get(name, one[name]) for other in known)}
    )
    if changed:
        found.append(f"the {', '.join(changed)} has changed between these runs")
    return list(dict.fromkeys(found))


def letters_of(systems: Sequence[ComparedSystem]) -> dict[str, str]:
    """A letter (A, B, ..., Z, A1, ...) per system label, for tables of pairs."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    numbers = range(len(systems))
    names = [alphabet[number % 26] + (str(number // 26) if number >= 26 else "") for number in numbers]
    return {system.label: name for system, name in zip(systems, names, strict=True)}


def _describe(target: Target) -> str:
    scale = ",".join(sorted(target.labels)) if target.kind == "category" else str(target.range)
    return f"{target.name} {scale}"


def _examples(ids: Any) -> str:
    return ", e.g. " + ", ".join(map(repr, sorted(set(map(str, ids)))[:3]))
