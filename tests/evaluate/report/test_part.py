"""What sections of a report are made from: the targets that were measured, by kind, and nothing where nothing is."""

from __future__ import annotations

import dataclasses

import numpy as np
from made_runs import AROUSAL, EMOTION, TARGETS, VALENCE, make_run, predictions

from emotone.bundle.target import UNBOUNDED
from emotone.evaluate.report.part import Evaluated, Part


def test_targets_without_a_label_are_not_measured() -> None:
    run = make_run(predictions(30))
    unlabelled = dataclasses.replace(run, test=run.test.assign(true_valence=np.nan, true_emotion=None))
    evaluated = Evaluated(unlabelled)
    assert evaluated.targets == [AROUSAL] and evaluated.absolute == [AROUSAL] and evaluated.categories == []
    assert Evaluated(run).targets == TARGETS and Evaluated(run).categories == [EMOTION]


def test_relative_scores_have_no_error() -> None:
    run = make_run(predictions(30), [VALENCE, EMOTION])
    relative = dataclasses.replace(AROUSAL, range=UNBOUNDED)
    evaluated = Evaluated(dataclasses.replace(run, targets=[relative, VALENCE, EMOTION]))
    assert evaluated.targets == [relative, VALENCE, EMOTION] and evaluated.absolute == [VALENCE, EMOTION]


def test_a_part_may_be_empty() -> None:
    assert Part() == Part({}, []) and Part().json is not Part().json
