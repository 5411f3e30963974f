"""How metrics fall as words, transcripts or audio go missing: a run's test utterances scored anew with less of them.

The clean points are the run's own predictions. What a bundle of chunks of words does not take cannot change its scores:
such curves are flat and cost nothing, so that systems of speech, of text and of both can be laid side by side. What
goes missing follows from the seed, the utterance's id in its corpus and the curve: it is the same for every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emotone.bundle import Bundle, Target
from emotone.data.degrade import Severity
from emotone.evaluate.degradation import bundles_of, check_scorable, choose, measure, own_ids, score_utterances
from emotone.evaluate.missing_inputs import CURVES, Condition, MissingInputs
from emotone.evaluate.protocol import BATCH, metrics_of
from emotone.evaluate.run_folder import Run
from emotone.progress import track

NUM_UTTERANCES = 100
"""Whose audio is changed at most: their features are extracted anew for every severity."""
Tables = Mapping[str, Mapping[Severity, pd.DataFrame]]
"""Prediction tables by curve and severity, the clean one among them; a row that cannot be scored holds NaN."""


@dataclass
class MissingScores:
    """A run under missing data: `tables` of all of `run.test` (of bursts: of some), with its index, and `notes`."""

    run: Run
    tables: Tables
    notes: list[str]


def missing_data(
    run: Run, num_utterances: int = NUM_UTTERANCES, jobs: int = 1, quiet: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Curves of a run, or of a bundle on a corpus, in the form of `emotone.evaluate.robustness`, as `score_missing`."""
    scores = score_missing(run, num_utterances, jobs, quiet, seed)
    return {
        "num_utterances": int(run.test["id"].nunique()), "num_speakers": int(run.test["speaker"].nunique()),
        "seed": seed, "notes": scores.notes,
        "metrics": {target.name: next(iter(metrics_of(target))) for target in run.targets},
        "curves": describe(scores.tables, run.targets),
    }  # fmt: skip


def score_missing(
    run: Run, num_utterances: int = NUM_UTTERANCES, jobs: int = 1, quiet: bool = False, seed: int = 0
) -> MissingScores:
    """Every fold and repeat scored by its own bundle in all conditions that it takes and this machine allows.

    Bursts are taken of `num_utterances` at most, speakers in turn: they need the feature anew. Raises EmotoneError for
    corpora that are not prepared or have changed, for bundles that normalise by speaker and for relative scores.
    """
    check_scorable(run, "missing data")
    tested = run.test.assign(own_id=own_ids(run, run.test), bundle=bundles_of(run))
    chosen = choose(tested.drop_duplicates("id"), num_utterances, seed)
    bundle = Bundle.load(tested["bundle"].iloc[0])
    inputs = MissingInputs(run, bundle, tested, chosen, seed, jobs, quiet)
    asked = {name: tested[tested["id"].isin(chosen["id"])] if name == "bursts" else tested for name in inputs.curves}
    conditions = [
        (name, severity)
        for name in asked
        for severity in CURVES[name].severities
        if severity != CURVES[name].clean and inputs.sees(name)
    ]
    parts: dict[Condition, list[pd.DataFrame]] = {condition: [] for condition in conditions}
    work = [(folder, condition) for folder in tested["bundle"].unique() for condition in conditions]
    for folder, condition in track(work, len(work), "missing data", quiet):
        if str(bundle.folder) != folder:
            bundle = Bundle.load(folder)
        rows = asked[condition[0]]
        parts[condition] += _score(bundle, inputs, condition, rows[rows["bundle"] == folder])
    tables: dict[str, dict[Severity, pd.DataFrame]] = {}
    for name, rows in asked.items():
        clean = run.test.loc[rows.index]
        tables[name] = {
            severity: _with_scores(clean, parts.get((name, severity)), run.targets)
            for severity in CURVES[name].severities
        }
    return MissingScores(run, tables, list(dict.fromkeys(inputs.notes)))


def describe(tables: Tables, targets: Sequence[Target]) -> dict[str, Any]:
    """{curve: {"title", "axis", "num_utterances", "points"}}; points as in `emotone.evaluate.robustness`."""
    curves = {}
    for name, of_severity in tables.items():
        curve, points = CURVES[name], []
        clean = of_severity[curve.clean]
        for severity, table in of_severity.items():
            scored = table[is_scored(table, targets)]
            points.append({
                "severity": severity, "is_clean": severity == curve.clean,
                "num_failed": int(table["id"].nunique() - scored["id"].nunique()),
                "metrics": measure(scored, clean, targets),
            })  # fmt: skip
        about = {"title": curve.title, "axis": curve.axis, "num_utterances": int(clean["id"].nunique())}
        curves[name] = about | {"points": points}
    return curves


def is_scored(table: pd.DataFrame, targets: Sequence[Target]) -> pd.Series[bool]:
    """Which rows of a prediction table hold scores."""
    return table[_columns(targets)].notna().all(axis=1)


def _score(bundle: Bundle, inputs: MissingInputs, condition: Condition, rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Scores of the rows that can be scored, with their index."""
    found = []
    for start in range(0, len(rows), BATCH):
        batch = rows.iloc[start : start + BATCH]
        utterances = inputs.utterances(condition, batch)
        index = [place for place, utterance in zip(batch.index, utterances, strict=True) if utterance is not None]
        if index:
            usable = [utterance for utterance in utterances if utterance is not None]
            found.append(score_utterances(bundle, usable, inputs.run.targets).set_index(pd.Index(index)))
    return found


def _with_scores(clean: pd.DataFrame, parts: list[pd.DataFrame] | None, targets: Sequence[Target]) -> pd.DataFrame:
    """The clean table with other scores, NaN where there are none; without `parts`, as it is."""
    if parts is None:
        return clean
    columns = _columns(targets)
    scores = pd.concat(parts) if parts else pd.DataFrame(columns=columns, dtype=float)
    return clean.assign(**{name: scores[name].reindex(clean.index) for name in columns})


def _columns(targets: Sequence[Target]) -> list[str]:
    """Columns of scores."""
    attributes = [f"predicted_{target.name}" for target in targets if target.kind == "attribute"]
    return attributes + [f"p_{label}" for target in targets for label in target.labels]
