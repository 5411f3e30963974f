"""The classical baseline: a linear SVM or ridge regression on one vector of functionals per utterance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emotone.bundle.view.view import Whole
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.training.closed_form import Fitted, Floats, rotate
from emotone.training.system import Arrays, System, num_outputs

if TYPE_CHECKING:
    from torch import nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View

Labelled = tuple[Floats, Floats]
"""Vectors [N, D] and labels [N] of one target: numbers, or places of categories."""


@dataclass(frozen=True)
class FunctionalsSvm(System):
    """Linear SVM (categories, one against the rest) and ridge or linear SVR (attributes), by scikit-learn.

    What deep systems have to beat (Schuller et al., INTERSPEECH 2013 and its successors). Inputs are z-scores, so the
    feature must give one vector per utterance. A category's output is the distance from its hyperplane: the largest is
    LinearSVC's choice, but probabilities made of them are not calibrated.

    c: the larger, the less regularised; ridge has alpha = 1 / (2 c). None: each target's is the one of `c_grid` with
    the best UAR or CCC on the validation speakers, the smallest of equals.
    refit: fit again on training and validation speakers with the chosen c.
    regressor: for attributes. class_weight: balanced weighs rare categories up.
    max_iter: of the solvers.
    """

    solves: ClassVar[bool] = True

    c: float | None = None
    c_grid: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    refit: bool = True
    regressor: Literal["ridge", "svr"] = "ridge"
    class_weight: Literal["none", "balanced"] = "none"
    max_iter: int = 10_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "c_grid", tuple(self.c_grid))
        if not self.c_grid:
            raise EmotoneError("functionals-svm: c_grid must name one c or more")
        for c in self.c_grid if self.c is None else (self.c, *self.c_grid):
            if not 0 < c < math.inf:
                raise EmotoneError(f"functionals-svm: c must be a positive number, not {c:g}")
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
        from emotone.models.networks.linear import Linear

        return Linear(num_features, num_outputs(targets))

    def solve(
        self, network: nn.Module, targets: list[Target], train: Arrays, validation: Arrays | None, seed: int
    ) -> dict[str, Any]:
        """Fit every target; returns {target: {"c", "validation": {c: UAR or CCC}}}."""
        import torch

        chosen: dict[str, Any] = {}
        for target in targets:
            inner, outer = _known(train, target), None if validation is None else _known(validation, target)
            if not len(inner[0]):
                raise EmotoneError(f"functionals-svm: no training utterance has {target.name}")
            scores = self._try(target, inner, outer, seed) if self.c is None else {}
            c = self.c or max(scores, key=lambda one: (np.nan_to_num(scores[one], nan=-np.inf), -one))
            if self.refit and outer is not None:
                inner = np.concatenate([inner[0], outer[0]]), np.concatenate([inner[1], outer[1]])
            rotated, axes = rotate(inner[0])
            weight, bias = self._fit(target, rotated, inner[1], c, seed)
            weight = weight if axes is None else weight @ axes.T
            layer: nn.Linear = network.outputs[target.name]  # type: ignore[index, assignment]
            layer.weight.data = torch.from_numpy(weight.astype(np.float32))
            layer.bias.data = torch.from_numpy(bias.astype(np.float32))
            chosen[target.name] = {"c": c, "validation": {f"{one:g}": score for one, score in scores.items()}}
        return chosen

    def _try(self, target: Target, inner: Labelled, outer: Labelled | None, seed: int) -> dict[float, float]:
        """Score on the validation speakers of every c of the grid."""
        if outer is None or len(outer[0]) < 2:  # CCC is not defined for one
            num_known = 0 if outer is None else len(outer[0])
            raise EmotoneError(
                f"functionals-svm: c is chosen on validation speakers, of whose utterances {num_known} have "
                f"{target.name} (2 are needed); set c"
            )
        rotated, axes = rotate(inner[0])
        held = outer[0] if axes is None else outer[0] @ axes
        return {
            c: _score(target, self._fit(target, rotated, inner[1], c, seed), held, outer[1])
            for c in sorted(self.c_grid)
        }

    def _fit(self, target: Target, inputs: Floats, labels: Floats, c: float, seed: int) -> Fitted:
        """Weights of one target; labels are numbers, or places of categories."""
        from sklearn.linear_model import Ridge
        from sklearn.svm import LinearSVC, LinearSVR

        dual = 2 * inputs.shape[1] > len(inputs)  # the quicker problem; rotated inputs have as many columns as rows
        if target.kind == "attribute":
            if self.regressor == "ridge":
                ridge = Ridge(alpha=1 / (2 * c)).fit(inputs, labels)
                return ridge.coef_[None], np.array([ridge.intercept_])
            svr = LinearSVR(C=c, random_state=seed, max_iter=self.max_iter, dual="auto").fit(inputs, labels)
            return svr.coef_[None], np.array(svr.intercept_).reshape(1)
        missing = [label for place, label in enumerate(target.labels) if not (labels == place).any()]
        if missing:
            raise EmotoneError(f"functionals-svm: no training utterance has the category {', '.join(missing)}")
        weight = None if self.class_weight == "none" else "balanced"
        svc = LinearSVC(C=c, class_weight=weight, random_state=seed, max_iter=self.max_iter, dual=dual)
        svc.fit(inputs, labels)
        if len(target.labels) == 2:  # one hyperplane, of the second category
            return np.concatenate([-svc.coef_, svc.coef_]) / 2, np.concatenate([-svc.intercept_, svc.intercept_]) / 2
        return svc.coef_, svc.intercept_


def _known(arrays: Arrays, target: Target) -> Labelled:
    """The rows that have a label."""
    inputs, labels = arrays[0].mean(axis=1, dtype=np.float64), arrays[1][target.name]
    known = labels.any(axis=1) if target.kind == "category" else ~np.isnan(labels)
    values = labels[known].argmax(axis=1) if target.kind == "category" else labels[known]
    return inputs[known], values.astype(np.float64)


def _score(target: Target, fitted: Fitted, inputs: Floats, labels: Floats) -> float:
    """UAR of categories, CCC of attributes."""
    outputs = inputs @ fitted[0].T + fitted[1]
    if target.kind == "category":
        return metrics.uar(outputs.argmax(axis=1), labels.astype(int))
    return metrics.ccc(outputs[:, 0], labels)
