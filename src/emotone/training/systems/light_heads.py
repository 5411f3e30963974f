"""Light heads on a pretrained encoder: how the bundled default is made, and the quickest way to one's own model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.view.view import Whole
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.numbers import metrics
from emotone.training.closed_form import Fitted, Floats, bias_for, discriminant, prior_of, ridge
from emotone.training.system import Arrays, Solved, System, num_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.training.examples import Examples
    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep

ORIGINAL = "=original"  # no target may be called so
"""Among the labels: 1 for an utterance as it is, 0 for a changed copy of it."""
DEFAULT_PENALTY = 3.0
"""Of the discriminant by which a norm is expected, where that of the categories is chosen."""
EVEN_TEMPERATURE = 4.0
"""Of the probabilities by which an expected norm is taken: sure ones would make it jump from category to category."""


@dataclass(frozen=True)
class _Speech:
    """Vectors [N, D] of N utterances or copies; labels as of `Arrays`; whether each is an utterance as it is."""

    vectors: Floats
    labels: dict[str, Floats]
    is_original: NDArray[np.bool_]

    @classmethod
    def of(cls, arrays: Arrays) -> _Speech:
        """The rows of a part; all are originals where nothing says otherwise."""
        vectors = arrays[0].mean(axis=1, dtype=np.float64)
        labels = {name: values.astype(np.float64) for name, values in arrays[1].items() if name != ORIGINAL}
        return cls(vectors, labels, arrays[1].get(ORIGINAL, np.ones(len(vectors))) > 0)

    def take(self, chosen: NDArray[Any]) -> _Speech:
        """The chosen rows."""
        labels = {name: values[chosen] for name, values in self.labels.items()}
        return _Speech(self.vectors[chosen], labels, self.is_original[chosen])

    def with_rows(self, other: _Speech) -> _Speech:
        """These rows and then those of the other."""
        labels = {name: np.concatenate([values, other.labels[name]]) for name, values in self.labels.items()}
        is_original = np.concatenate([self.is_original, other.is_original])
        return _Speech(np.concatenate([self.vectors, other.vectors]), labels, is_original)

    def places(self, target: Target) -> NDArray[np.intp]:
        """The category of each row [N]: its place among the target's labels, -1 where it is not known."""
        hot = self.labels[target.name]
        return np.where(hot.any(axis=1), hot.argmax(axis=1), -1)


@dataclass(frozen=True)
class LightHeads(System):
    """Ridge regression of attributes and a regularised linear discriminant of categories, on pooled states.

    Both are solved at once, in seconds (`emotone.training.closed_form`). Categories count as equally likely, whatever
    their number in training. Speech without a category, where the recipe has any, tells the heads what else there is.

    penalty: {target: penalty}; that of a target which is not named is the one of `penalty_grid` with the best CCC or
        UAR on the validation speakers, the largest of equals. refit: fit again on training and validation speakers.
    norms: {attribute: {category: value}}, where listeners place every category, on a scale of about z-scores; speech
        without a category counts as 0. norm_share: {attribute: share} of the norm in its labels; the rest are z-scores
        of the utterance's own label, of raters or a teacher. 1 where it is not named.
    expected: attributes to which the norm that a discriminant expects is added, with the same weight.
    category_values: the categories see only the last so many values of a vector (of several blocks the later ones).
    category_copies: whether changed copies teach the categories, too.
    unlabelled_weight: of speech without a category beside all with one, in regressions.
    unlabelled_spread: share of its covariance in that of the discriminant.
    balance: mean probabilities of speech without a category (those not named share the rest evenly, so {} asks for even
        ones), towards which biases are shifted; null: not at all. Acted categories are extreme: without this, everyday
        emotion falls on the neutral side of every border. balance_share: of this shift.
    temperature: divides the logits of categories, where their probabilities are too sure.
    scale: {attribute: (mean, deviation)} that scores of the labelled utterances get; without it, those of the labels.
    max_utterance_s: longest recording that is scored as a whole.
    """

    solves: ClassVar[bool] = True

    penalty: dict[str, float] = field(default_factory=dict)
    penalty_grid: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 30.0)
    refit: bool = True
    norms: dict[str, dict[str, float]] = field(default_factory=dict)
    norm_share: dict[str, float] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    category_values: int | None = None
    category_copies: bool = True
    unlabelled_weight: float = 0.25
    unlabelled_spread: float = 0.0
    balance: dict[str, float] | None = None
    balance_share: float = 1.0
    temperature: float = 1.0
    scale: dict[str, tuple[float, float]] = field(default_factory=dict)
    max_utterance_s: float = 12.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty_grid", tuple(self.penalty_grid))
        object.__setattr__(self, "expected", tuple(self.expected))
        object.__setattr__(self, "scale", {name: tuple(scale) for name, scale in self.scale.items()})
        if not self.penalty_grid:
            raise EmotoneError("light-heads: penalty_grid must name one penalty or more")
        positive = {f"penalty.{name}": value for name, value in self.penalty.items()}
        positive |= {"penalty_grid": min(self.penalty_grid), "temperature": self.temperature}
        positive |= {f"scale.{name}": deviation for name, (_, deviation) in self.scale.items()}
        for name, value in positive.items():
            if not 0 < value < math.inf:
                raise EmotoneError(f"light-heads: {name} must be a positive number, not {value:g}")
        shares = {f"norm_share.{name}": value for name, value in self.norm_share.items()}
        shares |= {name: getattr(self, name) for name in ("unlabelled_spread", "balance_share")}
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise EmotoneError(f"light-heads: {name} must be from 0 to 1, not {value:g}")
        for name, value in {
            "category_values": self.category_values if self.category_values is not None else 1,
            "max_utterance_s": self.max_utterance_s,
        }.items():
            if not 0.5 <= value < math.inf:
                raise EmotoneError(f"light-heads: {name} must be larger than 0, not {value:g}")
        if not 0 <= self.unlabelled_weight < math.inf:
            raise EmotoneError(f"light-heads: unlabelled_weight must be at least 0, not {self.unlabelled_weight:g}")
        for name in (*self.norm_share, *self.expected):
            if name not in self.norms:
                raise unknown("attribute", name, self.norms, where="light-heads: norms")

    def view(self, hop_s: float | None, longest_s: float) -> Whole:
        """The one vector of an utterance."""
        if hop_s is not None:
            raise EmotoneError(
                "light-heads needs a feature with one vector per utterance, such as whisper-light with pooled=mean; "
                "this one has frames"
            )
        return Whole(1)

    def utterance_limit_s(self, longest_s: float) -> float:
        """`max_utterance_s`: pooled states have no length of their own."""
        return self.max_utterance_s

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: vectors [B, 1, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.light_heads import LightHeads as Network

        labels = next((target.labels for target in targets if target.kind == "category"), ())
        for target in targets:
            if target.kind == "category":
                self.prior(target)  # what cannot be reached is said before training
                continue
            norms = self.norms.get(target.name)
            missing = [label for label in labels if norms is not None and label not in norms]
            if missing:
                raise EmotoneError(f"light-heads: norms.{target.name} does not say where {', '.join(missing)} lies")
        expected = {target.name: len(labels) for target in targets if target.name in self.expected}
        return Network(num_features, num_outputs(targets), expected)

    def prepare(
        self, fold: FoldData, folder: Path, train: Examples, validation: Examples | None, train_step: TrainStep
    ) -> dict[str, Any]:
        """Mark which training copies are utterances as they are."""
        import torch

        table = fold.train
        is_copy = (table["voice"] != 0) | (table["channel"] != 0) if "voice" in table else np.zeros(len(table), bool)
        train.labels[ORIGINAL] = torch.from_numpy(1 - np.asarray(is_copy, dtype=np.float32))
        return {}

    def prior(self, target: Target) -> Floats | None:
        """The mean probabilities that `balance` asks for [K]; raises EmotoneError where they cannot be."""
        return None if self.balance is None else prior_of(self.balance, target.labels, "light-heads: balance")

    def scored(self, targets: list[Target]) -> list[Target]:
        """Attributes with the mean and deviation of `scale`."""
        return [
            dataclasses.replace(target, mean=self.scale[target.name][0], std=self.scale[target.name][1])
            if target.name in self.scale
            else target
            for target in targets
        ]

    def solve(
        self, network: nn.Module, targets: list[Target], train: Arrays, validation: Arrays | None, seed: int
    ) -> Solved:
        """Fit every target; of each is chosen {"penalty", "validation": {penalty: UAR or CCC}}.

        Where the validation part trains too, what is held out are its scores by heads fitted to the training part.
        """
        speech, held = _Speech.of(train), None if validation is None else _Speech.of(validation)
        heads = _Heads(self, targets)
        chosen: dict[str, Any] = {}
        for target in targets:
            scores = {} if target.name in self.penalty else heads.try_penalties(target, speech, held)
            best = self.penalty.get(target.name) or max(
                scores, key=lambda one: (np.nan_to_num(scores[one], nan=-1), one)
            )
            heads.set(network, target, speech, best)
            chosen[target.name] = {"penalty": best, "validation": {f"{one:g}": score for one, score in scores.items()}}
        if held is None or not self.refit:
            return Solved(chosen)
        held_out = _outputs(network, speech, held)
        both = speech.with_rows(held)
        for target in targets:
            heads.set(network, target, both, chosen[target.name]["penalty"])
        return Solved(chosen, held_out)


@dataclass(frozen=True)
class _Heads:
    """How the heads of these targets are fitted, and set in a network."""

    settings: LightHeads
    targets: list[Target]

    @property
    def categories(self) -> Target | None:
        """The target that norms are of."""
        return next((target for target in self.targets if target.kind == "category"), None)

    def try_penalties(self, target: Target, speech: _Speech, held: _Speech | None) -> dict[float, float]:
        """Score on the validation speakers of every penalty of the grid."""
        rows = None if held is None else held.take(_is_known(target, held))
        if rows is None or len(rows.vectors) < 2:  # CCC is not defined for one
            raise EmotoneError(
                f"light-heads: the penalty is chosen on validation speakers, of whose utterances "
                f"{0 if rows is None else len(rows.vectors)} have {target.name} (2 are needed); set "
                f"penalty.{target.name}"
            )
        grid, scores = sorted(self.settings.penalty_grid), {}
        for penalty, (weight, bias) in zip(grid, self.fit(target, speech, grid), strict=True):
            outputs = rows.vectors @ weight.T + bias
            if target.kind == "category":
                scores[penalty] = metrics.uar(outputs.argmax(axis=1), rows.places(target))
            else:
                scores[penalty] = metrics.ccc(outputs[:, 0], rows.labels[target.name])
        return scores

    def fit(self, target: Target, speech: _Speech, penalties: Sequence[float]) -> list[Fitted]:
        """Linear maps [K, D] of all values of a vector to a target, one for each penalty."""
        if target.kind == "category":
            settings, num_values = self.settings, speech.vectors.shape[1]
            used = speech if settings.category_copies else speech.take(speech.is_original)
            seen = slice(num_values - (settings.category_values or num_values), None)
            found = self._discriminants(target, used, penalties, seen)
            return [(weight / settings.temperature, bias / settings.temperature) for weight, bias in found]
        labels, weights = self._labels(target, speech)
        known = weights > 0
        if not known.any():
            raise EmotoneError(f"light-heads: no training utterance has {target.name}")
        return ridge(speech.vectors[known], labels[known, None], weights[known], penalties)

    def set(self, network: Any, target: Target, speech: _Speech, penalty: float) -> None:
        """Fit one head to all of this speech, and set it in the network."""
        [(weight, bias)] = self.fit(target, speech, [penalty])
        if target.name in self.settings.expected or target.name in self.settings.scale:
            known = self._standard(target, speech).vectors
            scores = known @ weight.T + bias
            weight, bias = weight / scores.std(), (bias - scores.mean()) / scores.std()
            if target.name in self.settings.expected:
                values, mean = self._expect(network, target, speech, known)
                spread = (known @ weight.T + bias + values - mean).std()
                weight, bias = weight / spread, (bias - mean) / spread
                network.expectations[target.name].values /= spread
        _set_linear(network.outputs[target.name], weight, bias)

    def _standard(self, target: Target, speech: _Speech) -> _Speech:
        """The utterances by whose scores an attribute is scaled: originals with a label and, for norms, a category."""
        chosen = _is_known(target, speech) & speech.is_original
        if target.name in self.settings.norms and self.categories is not None:
            chosen &= speech.places(self.categories) >= 0
        return speech.take(chosen)

    def _labels(self, target: Target, speech: _Speech) -> tuple[Floats, Floats]:
        """Labels [N] of an attribute, blended with its norms, and the weight [N] of each row: 0 where it has none."""
        labels, settings = speech.labels[target.name], self.settings
        if target.name not in settings.norms or self.categories is None:
            return labels, (~np.isnan(labels)).astype(float)
        share, places = settings.norm_share.get(target.name, 1.0), speech.places(self.categories)
        norms = np.append(self._norms(target), 0.0)[places]  # the last one: of speech without a category
        counts = np.bincount(places[places >= 0], minlength=len(self.categories.labels))
        weights = np.where(places >= 0, 1 / np.maximum(counts * (counts > 0).sum(), 1)[places], 0.0)
        free = places < 0
        if free.any():
            weights[free] = settings.unlabelled_weight / free.sum()
        if share == 1:
            return norms, weights
        return share * norms + (1 - share) * labels, np.where(np.isnan(labels), 0.0, weights)

    def _norms(self, target: Target) -> Floats:
        """Where listeners place the categories [K]."""
        assert self.categories is not None
        return np.array([self.settings.norms[target.name][label] for label in self.categories.labels])

    def _discriminants(
        self, target: Target, speech: _Speech, penalties: Sequence[float], seen: slice = slice(None)
    ) -> list[Fitted]:
        """Maps [K, D] of a vector, of which only the values `seen` count, to logits with balanced biases."""
        places = speech.places(target)
        missing = [label for place, label in enumerate(target.labels) if not (places == place).any()]
        if missing:
            raise EmotoneError(f"light-heads: no training utterance has the category {', '.join(missing)}")
        inputs, free = speech.vectors[:, seen], (places < 0)
        has_free, known = free.any(), places >= 0
        background = inputs[free] if has_free else None
        spread, prior = self.settings.unlabelled_spread, self.settings.prior(target)
        found = []
        for part, bias in discriminant(inputs[known], places[known], len(target.labels), penalties, background, spread):
            if prior is not None and has_free:
                plain = speech.vectors[free & speech.is_original][:, seen]
                bias = bias + self.settings.balance_share * bias_for(plain @ part.T + bias, prior)
            weight = np.zeros((len(part), speech.vectors.shape[1]))
            weight[:, seen] = part
            found.append((weight, bias))
        return found

    def _expect(self, network: Any, target: Target, speech: _Speech, known: Floats) -> tuple[Floats, float]:
        """Set the expected norm of an attribute, with deviation 1 over the vectors `known` [N, D]: its values, mean."""
        assert self.categories is not None
        penalty = self.settings.penalty.get(self.categories.name, DEFAULT_PENALTY)
        [(weight, bias)] = self._discriminants(self.categories, speech, [penalty])
        logits = (known @ weight.T + bias) / EVEN_TEMPERATURE
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        norms = self._norms(target)
        values = odds / odds.sum(axis=1, keepdims=True) @ norms
        head, spread = network.expectations[target.name], values.std()
        _set_linear(head.logits, weight / EVEN_TEMPERATURE, bias / EVEN_TEMPERATURE)
        head.values.copy_(head.values.new_tensor(norms / spread))
        return values[:, None] / spread, float(values.mean() / spread)


def _is_known(target: Target, speech: _Speech) -> NDArray[np.bool_]:
    """Which rows have a label of the target [N]."""
    return speech.places(target) >= 0 if target.kind == "category" else ~np.isnan(speech.labels[target.name])


def _outputs(network: nn.Module, seen: _Speech, held: _Speech) -> dict[str, NDArray[np.float32]]:
    """A network's outputs of held rows, after NaN for those it was fitted to: {target: [N, ...]}."""
    import torch

    with torch.inference_mode():
        found = network(torch.from_numpy(held.vectors[:, None].astype(np.float32)))
    return {
        name: np.concatenate([np.full((len(seen.vectors), *value.shape[1:]), np.nan, np.float32), value.numpy()])
        for name, value in found.items()
    }


def _set_linear(layer: Any, weight: Floats, bias: Floats) -> None:
    layer.weight.data = layer.weight.new_tensor(weight)
    layer.bias.data = layer.bias.new_tensor(bias)
