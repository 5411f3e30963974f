"""The classical baseline: a linear SVM or ridge regression on one vector of functionals per utterance."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.base.processes import map_ordered
from emotone.bundle.view.view import Whole
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models.pairs import signs_of, sum_votes
from emotone.training.linear_machines import LinearMachines, Machine, Places
from emotone.training.system import Arrays, Solved, System, num_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.training.examples import Examples
    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep

Decision = Literal["one-against-one", "one-against-rest", "chosen"]
LARGEST = {"one-against-one": 1.0, "one-against-rest": 1e9}
"""The largest vote of a pair: of machines that were fitted one pair at a time its margin, of others no limit."""
Setting = tuple[str, float]
"""A decision, "" where there is none to make, and c."""
SPEAKER = "=speaker"  # no target may be called so
"""Among the labels: the number of the speaker of each utterance, of training and validation together."""


@dataclass(frozen=True)
class FunctionalsSvm(System):
    """Linear SVMs of categories, and ridge or support vector regression of attributes.

    What deep systems have to beat (Schuller et al., INTERSPEECH 2013 and its successors). Inputs are z-scores, so the
    feature must give one vector per utterance. One against one is as of scikit-learn's `SVC`, but a pair's vote is its
    margin, at most 1 (`emotone.models.pairs`). Probabilities made of either are not calibrated.

    c: the larger, the less regularised; ridge has alpha = 1 / (2 c). None: each target's is the one of `c_grid` with
    the best UAR or CCC over `num_folds` inner folds of the speakers that train, each scored by machines that do not
    know it; the smallest of equals. decision: of three and more categories; "chosen" tries both with every c.
    refit: the validation speakers train, too. No machine that they test is fitted to them even so: what the validation
    part is used for later, such as temperatures, sees scores of the inner folds.
    regressor: for attributes. class_weight: balanced weighs rare categories up.
    max_iter: of support vector regression with more than 8,000 utterances.
    """

    solves: ClassVar[bool] = True

    c: float | None = None
    c_grid: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    refit: bool = True
    regressor: Literal["ridge", "svr"] = "ridge"
    class_weight: Literal["none", "balanced"] = "none"
    max_iter: int = 10_000
    num_folds: int = 5
    decision: Decision = "one-against-one"

    def __post_init__(self) -> None:
        object.__setattr__(self, "c_grid", tuple(self.c_grid))
        if not self.c_grid:
            raise EmotoneError("functionals-svm: c_grid must name one c or more")
        for c in self.c_grid if self.c is None else (self.c, *self.c_grid):
            if not 0 < c < math.inf:
                raise EmotoneError(f"functionals-svm: c must be a positive number, not {c:g}")
        if self.num_folds < 2:
            raise EmotoneError(f"functionals-svm: num_folds must be at least 2, not {self.num_folds}")
        if self.max_iter < 1:
            raise EmotoneError(f"functionals-svm: max_iter must be at least 1, not {self.max_iter}")

    def view(self, hop_s: float | None, longest_s: float) -> Whole:
        """The one vector of an utterance."""
        if hop_s is not None:
            raise EmotoneError(
                "functionals-svm needs a feature with one vector per utterance (functionals); this one has frames"
            )
        return Whole(1)

    def utterance_limit_s(self, longest_s: float) -> float:
        """Functionals have no length of their own; a minute is far beyond any corpus of utterances."""
        return 60.0

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: vectors [B, 1, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.pairwise import Pairwise

        return Pairwise(num_features, num_outputs(targets))

    def prepare(
        self, fold: FoldData, folder: Path, train: Examples, validation: Examples | None, train_step: TrainStep
    ) -> dict[str, Any]:
        """Say of which speaker every utterance is."""
        import torch

        tables = [fold.train, *([] if validation is None else [fold.validation])]
        group = fold.dataset.recipe.split.group
        names = np.concatenate(
            [
                table[group]
                .astype(object)
                .where(table[group].notna(), "utterance " + table["id"].astype(str))
                .to_numpy(str)
                for table in tables
            ]
        )
        numbers = torch.from_numpy(np.unique(names, return_inverse=True)[1].astype(np.float32))
        train.labels[SPEAKER] = numbers[: len(fold.train)]
        if validation is not None:
            validation.labels[SPEAKER] = numbers[len(fold.train) :]
        return {}

    def solve(
        self, network: nn.Module, targets: list[Target], train: Arrays, validation: Arrays | None, seed: int
    ) -> Solved:
        """Fit every target; of each is chosen {"c", "inner_folds": {c: UAR or CCC}}."""
        import torch

        speech = _Speech.of(train, validation if self.refit else None, self.num_folds)
        chosen: dict[str, Any] = {}
        held_out = {
            name: np.full((speech.num_rows, size), np.nan, np.float32) for name, size in num_outputs(targets).items()
        }
        for target in targets:
            rows, labels = speech.known(target)
            self._check(target, labels)
            tried = self._tried(target)
            best = tried[0]
            scores: dict[Setting, float] = {}
            is_held_out_asked = self.refit and speech.num_folds > 1 and len(rows) > 1
            if len(tried) > 1 or is_held_out_asked:
                best, scores, held_out[target.name] = self._choose(target, speech, tried, seed)
            machine = self._fit(target, speech, rows, labels, best, seed)
            layer: nn.Linear = network.outputs[target.name]  # type: ignore[index, assignment]
            weight, bias = machine.of_features()
            layer.weight.data = torch.from_numpy(weight.astype(np.float32))
            layer.bias.data = torch.from_numpy(bias.astype(np.float32))
            if target.kind == "category":
                votes: Any = network.votes[target.name]  # type: ignore[index]
                votes.largest.fill_(_largest(target, best))
            found = {f"{one} {c:g}".strip(): score for (one, c), score in scores.items()}
            decision = {"decision": best[0]} if best[0] else {}
            chosen[target.name] = {"c": best[1], **decision, "inner_folds": found}
        if not self.refit:
            return Solved(chosen)
        return Solved(chosen, {name: found[:, 0] if found.shape[1] == 1 else found for name, found in held_out.items()})

    def _tried(self, target: Target) -> list[Setting]:
        """The settings to choose from, in the order in which the first of equals is taken."""
        cs = sorted(self.c_grid) if self.c is None else [self.c]
        if len(target.labels) < 3:
            return [("", c) for c in cs]
        decisions = [decision for decision in LARGEST if self.decision in (decision, "chosen")]
        return [(decision, c) for c in cs for decision in decisions]

    def _choose(
        self, target: Target, speech: _Speech, tried: list[Setting], seed: int
    ) -> tuple[Setting, dict[Setting, float], NDArray[np.float32]]:
        """The best of some settings, the score of each, and what the best says of all rows [N, K], each in its fold."""
        rows, labels = speech.known(target)
        if speech.num_folds < 2 or len(rows) < 2:  # CCC is not defined for one
            raise EmotoneError(
                f"functionals-svm: c and decision are chosen by speakers that do not train, of {speech.num_speakers} "
                f"with {target.name} on {len(rows)} utterances (2 are needed); set both"
            )
        outputs = np.full((len(tried), speech.num_rows, max(1, len(target.labels))), np.nan)
        known = [fold for fold in range(speech.num_folds) if (speech.folds[rows] != fold).any()]
        tries = [(fold, setting) for fold in known for setting in tried]
        found = map_ordered(functools.partial(self._try, target, speech, seed), tries)
        for (fold, setting), said in zip(tries, found, strict=True):
            outputs[tried.index(setting), speech.folds == fold] = said
        scores = {one: _score(target, found[rows], labels) for one, found in zip(tried, outputs, strict=True)}
        best = max(tried, key=lambda one: np.nan_to_num(scores[one], nan=-np.inf))  # the first of equals
        return best, scores, outputs[tried.index(best)].astype(np.float32)

    def _try(self, target: Target, speech: _Speech, seed: int, given: tuple[int, Setting]) -> NDArray[Any]:
        """What machines of a setting that do not know an inner fold say of it [n, K]."""
        fold, setting = given
        rows, labels = speech.known(target)
        inner, outer = speech.folds[rows] != fold, np.flatnonzero(speech.folds == fold)
        machine = self._fit(target, speech, rows[inner], labels[inner], setting, seed)
        return _decide(target, machine.outputs(outer), setting)

    def _fit(
        self, target: Target, speech: _Speech, rows: Places, labels: NDArray[Any], setting: Setting, seed: int
    ) -> Machine:
        """The machine of one target; labels are numbers, or places of categories."""
        machines, (decision, c) = speech.machines, setting
        if target.kind == "category":
            fit = machines.rest if decision == "one-against-rest" else machines.pairs
            return fit(rows, labels, len(target.labels), c, self.class_weight == "balanced")
        if self.regressor == "ridge":
            return machines.ridge(rows, labels, c)
        return machines.svr(rows, labels, c, self.max_iter, seed)

    @staticmethod
    def _check(target: Target, labels: NDArray[Any]) -> None:
        """Raise EmotoneError for a target, or a category, that no utterance has."""
        if not len(labels):
            raise EmotoneError(f"functionals-svm: no training utterance has {target.name}")
        missing = [label for place, label in enumerate(target.labels) if not (labels == place).any()]
        if missing:
            raise EmotoneError(f"functionals-svm: no training utterance has the category {', '.join(missing)}")


@dataclass(frozen=True)
class _Speech:
    """The rows that train: machines on their vectors, labels as of `Arrays`, and the inner fold of each [N]."""

    machines: LinearMachines
    labels: dict[str, NDArray[np.float32]]
    folds: NDArray[np.intp]
    num_speakers: int

    @classmethod
    def of(cls, train: Arrays, validation: Arrays | None, num_folds: int) -> _Speech:
        """Both parts, one after the other; the i-th speaker is in inner fold i mod `num_folds`."""
        parts = [train] if validation is None else [train, validation]
        inputs = np.concatenate([vectors for vectors, _ in parts]) if validation is not None else train[0]
        vectors = inputs[:, 0] if inputs.shape[1] == 1 else inputs.mean(axis=1)
        labels = {name: np.concatenate([each[name] for _, each in parts]) for name in train[1]}
        part = np.repeat(np.arange(len(parts)), [len(one) for one, _ in parts])  # no speaker is in two
        speakers = np.unique(labels.get(SPEAKER, part), return_inverse=True)[1]
        return cls(LinearMachines(vectors), labels, speakers % num_folds, int(speakers.max()) + 1)

    @property
    def num_rows(self) -> int:
        """How many utterances train."""
        return len(self.folds)

    @property
    def num_folds(self) -> int:
        """How many inner folds there are; 1 where all is of one speaker."""
        return int(self.folds.max()) + 1

    def known(self, target: Target) -> tuple[Places, NDArray[Any]]:
        """The rows with a label of a target, and their labels: numbers, or places of categories."""
        labels = self.labels[target.name]
        if target.kind == "category":
            rows = np.flatnonzero(labels.any(axis=1))
            return rows, labels[rows].argmax(axis=1)
        rows = np.flatnonzero(~np.isnan(labels))
        return rows, labels[rows].astype(np.float64)


def _largest(target: Target, setting: Setting) -> float:
    """The largest vote of a pair of categories; two of them have one pair, with which there is nothing to outvote."""
    return LARGEST[setting[0] if len(target.labels) > 2 else "one-against-rest"]


def _decide(target: Target, outputs: NDArray[Any], setting: Setting) -> NDArray[Any]:
    """What the network gives for the outputs of a machine: sums of votes [N, K], or numbers [N, 1]."""
    if target.kind != "category":
        return outputs
    return sum_votes(outputs, signs_of(len(target.labels)), _largest(target, setting))


def _score(target: Target, outputs: NDArray[Any], labels: NDArray[Any]) -> float:
    """UAR of categories, CCC of attributes; over the rows that were scored."""
    scored = ~np.isnan(outputs[:, 0])
    if target.kind == "category":
        return metrics.uar(outputs[scored].argmax(axis=1), labels[scored])
    return metrics.ccc(outputs[scored, 0], labels[scored])
