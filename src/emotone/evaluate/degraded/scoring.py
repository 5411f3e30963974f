"""Test utterances scored along curves, each by the bundle of its fold: what robustness and missing data share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from emotone.audio.change import degrade
from emotone.audio.change.degrade import DegradationCurve, Severity
from emotone.base.draws import generator
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.streams import Utterance
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.degraded import missing
from emotone.evaluate.prediction_table import is_scored, score_columns, speakers_of, to_range
from emotone.evaluate.run_folder import Run, bundles_of

ALL_CURVES: Mapping[str, DegradationCurve] = {**degrade.CURVES, **missing.CURVES}
"""Those of degraded audio and those of missing data."""
Condition = tuple[str, Severity]
"""A curve and one of its severities."""
Tables = Mapping[str, Mapping[Severity, pd.DataFrame]]
"""{curve: {severity: prediction table}}, the clean severity among them; a row that cannot be scored holds NaN."""


@dataclass(frozen=True)
class DegradedScores:
    """A run's predictions along the curves of `tables`; the rows of a curve are the same at all its severities.

    `curves` are their descriptions, of others perhaps too. `notes` say what is not measured. `repeated` are conditions
    that are the same as one of another curve, under which they are tested.
    """

    curves: Mapping[str, DegradationCurve]
    tables: Tables
    notes: list[str] = field(default_factory=list)
    repeated: Collection[Condition] = ()

    def clean(self, targets: Sequence[Target]) -> pd.DataFrame:
        """The clean rows of all curves, as far as they are scored."""
        tables = [tables[self.curves[name].clean] for name, tables in self.tables.items()]
        whole = pd.concat(tables) if tables else pd.DataFrame(columns=["id", "speaker", *score_columns(targets)])
        whole = whole.drop_duplicates([name for name in ("id", "repeat") if name in whole])
        return whole[is_scored(whole, targets)]


def choose_curves(known: Mapping[str, DegradationCurve], only: Collection[str] | None) -> list[str]:
    """The names of the `known` curves that are asked for, in the order of `known`; all where `only` is None.

    Raises EmotoneError for a curve that is not known.
    """
    for name in only or ():
        if name not in known:
            raise unknown("curve", name, known)
    return [name for name in known if only is None or name in only]


def with_scores(clean: pd.DataFrame, scores: pd.DataFrame, targets: Sequence[Target]) -> pd.DataFrame:
    """The clean table with the scores of these rows, found by their index, and NaN in all others."""
    return clean.assign(**{name: scores[name].reindex(clean.index) for name in score_columns(targets)})


def check_scorable(run: Run, what: str) -> None:
    """Raise EmotoneError, naming `what` was asked for, where degraded utterances cannot be scored one by one.

    Relative scores say nothing of an utterance alone, and bundles that normalise by speaker need all of a speaker's.
    """
    relative = [target.name for target in run.targets if target.is_relative]
    if relative:
        raise EmotoneError(
            f"{run.folder}: its scores of {', '.join(relative)} are relative, and say nothing of a degraded "
            f"utterance by itself; {what} needs scores on a range, or categories"
        )
    if Bundle.load(bundles_of(run).iloc[0]).normalises_by_speaker:
        raise EmotoneError(f"{run.folder}: normalises by speaker, so it cannot score single degraded files")


def choose_utterances(table: pd.DataFrame, num_utterances: int, seed: int) -> pd.DataFrame:
    """At most so many rows, drawn at random, with numbers per speaker that differ by one at most, as far as they have.

    >>> table = pd.DataFrame({"id": list("abcdef"), "speaker": ["1"] * 5 + ["2"]})
    >>> choose_utterances(table, 3, 0)["speaker"].value_counts().to_dict()
    {'1': 2, '2': 1}
    """
    lot = pd.Series([generator(seed, "choice", name).random() for name in table["id"]], index=table.index)
    turn = lot.groupby(speakers_of(table)).rank()
    taken = pd.DataFrame({"turn": turn, "lot": lot}).sort_values(["turn", "lot"]).index[:num_utterances]
    return table.loc[table.index.isin(taken)].reset_index(drop=True)


def score_utterances(bundle: Bundle, batch: Sequence[Utterance], targets: Sequence[Target]) -> pd.DataFrame:
    """Columns `predicted_NAME`, on the ranges of `targets`, and `p_LABEL`; a row per utterance."""
    scores = bundle.score_features(batch)
    own = {target.name: target.range for target in bundle.targets}
    columns: dict[str, Any] = {f"p_{label}": values for label, values in scores.probabilities.items()}
    for target in targets:
        if target.kind == "attribute":
            values = scores.attributes[target.name]
            columns[f"predicted_{target.name}"] = to_range(values, own[target.name], target.range)
    return pd.DataFrame(columns)
