"""How metrics fall as words, transcripts or audio go missing: a run's test utterances scored anew with less of them.

The clean points are the run's own predictions. Where a bundle of speech and text does not take what a curve takes
away, its scores stay: such curves are flat and cost nothing, so that systems of speech, of text and of both can be
laid side by side. What goes missing depends on the seed, the utterance's id in its corpus and the curve, not on the
run.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from emotone.audio.change.degrade import Severity
from emotone.base.progress import track
from emotone.bundle.bundle import Bundle
from emotone.evaluate.degraded.measured import MeasuredCurves, to_report
from emotone.evaluate.degraded.missing import CURVES
from emotone.evaluate.degraded.missing_inputs import NO_WORDS, MissingInputs
from emotone.evaluate.degraded.scoring import (
    Condition,
    DegradedScores,
    check_scorable,
    choose_curves,
    choose_utterances,
    score_utterances,
    with_scores,
)
from emotone.evaluate.prediction_table import BATCH_SIZE, score_columns
from emotone.evaluate.run_folder import Run, bundles_of

NUM_UTTERANCES = 100
"""Whose audio is changed at most: their features are extracted anew for every severity."""


def missing_data(run: Run, **settings: Any) -> MeasuredCurves:
    """`score_missing`, with its arguments, as reports show it (`emotone.evaluate.degraded.measured.to_report`)."""
    return to_report(score_missing(run, **settings), run.targets, "missing data")


def score_missing(
    run: Run,
    num_utterances: int = NUM_UTTERANCES,
    jobs: int = 1,
    quiet: bool = False,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> DegradedScores:
    """Every fold and repeat scored by its own bundle, in all conditions that can be measured; `notes` name the others.

    Bursts are lost in `num_utterances` at most, speakers in turn: they need the feature anew. `only`: these curves.
    Raises EmotoneError for corpora that are not prepared or have changed, for bundles that normalise by speaker, for
    relative scores and for unknown curves.
    """
    names = choose_curves(CURVES, only)
    check_scorable(run, "missing data")
    tested = run.test.assign(bundle=bundles_of(run))
    chosen = choose_utterances(tested.drop_duplicates("id"), num_utterances, seed)
    bundle = Bundle.load(tested["bundle"].iloc[0], lld=run.lld)
    inputs = MissingInputs(run, bundle, tested, chosen, names, seed, jobs, quiet)
    asked = {name: tested[tested["id"].isin(chosen["id"])] if name == "bursts" else tested for name in inputs.curves}
    conditions = [
        (name, severity)
        for name in asked
        for severity in CURVES[name].severities
        if severity != CURVES[name].clean and inputs.takes(name)
    ]
    scores: dict[Condition, list[pd.DataFrame]] = {condition: [] for condition in conditions}
    work = [(folder, condition) for folder in tested["bundle"].unique() for condition in conditions]
    for folder, condition in track(work, len(work), "missing data", quiet):
        if str(bundle.folder) != folder:
            bundle = Bundle.load(folder, lld=run.lld)
        rows = asked[condition[0]]
        scores[condition] += _score(bundle, inputs, condition, rows[rows["bundle"] == folder])
    nothing = pd.DataFrame(columns=score_columns(run.targets), dtype=float)
    tables: dict[str, dict[Severity, pd.DataFrame]] = {}
    for name, rows in asked.items():
        clean = run.test.loc[rows.index]
        tables[name] = {severity: clean for severity in CURVES[name].severities}
    for (name, severity), parts in scores.items():
        clean = tables[name][CURVES[name].clean]
        tables[name][severity] = with_scores(clean, pd.concat(parts or [nothing]), run.targets)
    repeated = {NO_WORDS} if "transcript" in tables else set()
    return DegradedScores(CURVES, tables, list(dict.fromkeys(inputs.notes)), repeated)


def _score(bundle: Bundle, inputs: MissingInputs, condition: Condition, rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Scores of the rows that can be scored, with their index."""
    found = []
    for start in range(0, len(rows), BATCH_SIZE):
        batch = rows.iloc[start : start + BATCH_SIZE]
        utterances = inputs.utterances(condition, batch)
        index = [place for place, utterance in zip(batch.index, utterances, strict=True) if utterance is not None]
        if index:
            usable = [utterance for utterance in utterances if utterance is not None]
            found.append(score_utterances(bundle, usable, inputs.run.targets).set_index(pd.Index(index)))
    return found
