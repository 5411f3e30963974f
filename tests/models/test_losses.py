"""Losses against reference values and plain formulas; finite wherever a batch may take them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Tensor

from emotone.models.losses import (
    CccVariant,
    StabilityVariant,
    ccc_loss,
    masked_ccc_loss,
    masked_squared_error,
    soft_cross_entropy,
    stability_loss,
)

VARIANTS: tuple[CccVariant, ...] = ("lin", "published")
numbers = st.floats(-5, 5, width=32)


def test_ccc_equals_the_published_loss_and_metric(shared: Path) -> None:
    cases = json.loads((shared / "golden/functions.json").read_text())["ccc"]
    assert len(cases) > 1
    for case in cases:
        prediction, target = (torch.tensor(case[name], dtype=torch.float64) for name in ("prediction", "target"))
        assert ccc_loss(prediction, target, "published").item() == pytest.approx(case["published_loss"], abs=1e-6)
        assert ccc_loss(prediction, target).item() == pytest.approx(1 - case["metric"], abs=1e-6)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30))
def test_ccc_equals_numpy_with_finite_gradients(pairs: list[tuple[float, float]]) -> None:
    p, t = np.array(pairs).T
    for variant in VARIANTS:
        ddof = 1 if variant == "published" and len(p) > 1 else 0
        spread = p.var(ddof=ddof) + t.var(ddof=ddof) + (p.mean() - t.mean()) ** 2
        covariance = ((p - p.mean()) * (t - t.mean())).mean()
        prediction = torch.tensor(p, requires_grad=True)
        loss = ccc_loss(prediction, torch.tensor(t), variant)
        assert loss.item() == pytest.approx(1 - 2 * covariance / (spread + 1e-8), abs=1e-6)
        loss.backward()
        assert prediction.grad is not None and torch.isfinite(prediction.grad).all()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ([1.0], [1.0]),
        ([1.0], [2.0]),
        ([2.0] * 4, [2.0] * 4),
        ([2.0] * 4, [3.0] * 4),
        ([0.0, 1.0], [3.0, 3.0]),
        ([3.0, 3.0], [0.0, 1.0]),
        ([1e4] * 3, [1e4] * 3),
        ([0.1] * 7, [0.1] * 7),
    ],
)
def test_batches_of_one_and_constants(variant: CccVariant, prediction: list[float], target: list[float]) -> None:
    output = torch.tensor(prediction, requires_grad=True)
    loss = ccc_loss(output, torch.tensor(target), variant)
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert output.grad is not None and torch.isfinite(output.grad).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_constant_prediction_is_left_again(variant: CccVariant) -> None:
    output = torch.full((3,), 0.5, requires_grad=True)
    ccc_loss(output, torch.tensor([0.0, 0.5, 1.0]), variant).backward()
    assert output.grad is not None and output.grad[0] > 0 > output.grad[2]  # towards the order of the target


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_single_label_in_a_batch(variant: CccVariant) -> None:
    output = torch.tensor([0.5, 0.7, 0.9], requires_grad=True)
    loss = masked_ccc_loss(output, torch.tensor([float("nan"), 0.2, float("nan")]), variant)
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert output.grad is not None and torch.isfinite(output.grad).all() and output.grad[0] == output.grad[2] == 0


def test_rows_without_a_label_do_not_count() -> None:
    nan = float("nan")
    output = torch.tensor([0.1, 0.5, -3.0, 0.9], requires_grad=True)
    target = torch.tensor([0.0, 0.7, nan, 1.0])
    ccc = masked_ccc_loss(output, target)
    known = torch.tensor([0, 1, 3])
    assert ccc.item() == pytest.approx(ccc_loss(output[known], target[known]).item())
    ccc.backward()
    assert output.grad is not None and output.grad[2] == 0 and torch.isfinite(output.grad).all()
    error = masked_squared_error(output, target)
    assert error.item() == pytest.approx((output - target)[known].square().mean().item())
    for loss in (masked_ccc_loss, masked_squared_error):
        none = loss(output, torch.full((4,), nan))
        none.backward()
        assert none.item() == 0 and torch.isfinite(output.grad).all()


def test_cross_entropy_of_hard_labels_equals_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(9, 5, generator=generator)
    labels = torch.randint(0, 5, (9,), generator=generator)
    hot = torch.nn.functional.one_hot(labels, 5).float()
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        torch.testing.assert_close(soft_cross_entropy(logits, hot, smoothing), expected)
    hot[3:5] = 0  # not known
    keep = [0, 1, 2, 5, 6, 7, 8]
    torch.testing.assert_close(
        soft_cross_entropy(logits, hot), torch.nn.functional.cross_entropy(logits[keep], labels[keep])
    )


def test_cross_entropy_of_mixed_labels() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    target = torch.tensor([[0.25, 0.75, 0.0]])
    assert soft_cross_entropy(logits, target).item() == pytest.approx(
        -(target * torch.log_softmax(logits, 1)).sum().item()
    )


def test_cross_entropy_without_any_label_is_zero() -> None:
    logits: Tensor = torch.randn(3, 4, requires_grad=True)
    loss = soft_cross_entropy(logits, torch.zeros(3, 4), 0.1)
    loss.backward()
    assert loss.item() == 0 and logits.grad is not None and not logits.grad.any()


STABILITY_VARIANTS: tuple[StabilityVariant, ...] = ("corrected", "published")


@pytest.fixture
def logits() -> tuple[Tensor, Tensor, Tensor]:
    """Clean and noisy logits [7, 4] and their labels, one of them not known."""
    generator = torch.Generator().manual_seed(0)
    clean, noisy = 2 * torch.randn(2, 7, 4, generator=generator, dtype=torch.float64)
    labels = torch.nn.functional.one_hot(torch.randint(0, 4, (7,), generator=generator), 4).double()
    labels[3] = 0
    return clean, noisy, labels


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_stability_is_the_divergence_of_noisy_from_clean(logits: tuple[Tensor, Tensor, Tensor], weight: float) -> None:
    clean, noisy, labels = logits
    c, n = (torch.softmax(part, 1).numpy() for part in (clean, noisy))
    known = [0, 1, 2, 4, 5, 6]
    right = labels.argmax(1).numpy()[known]
    cross_entropy = [-np.log(part[known, right]).mean() for part in (c, n)]
    expected = np.mean(cross_entropy) + weight * entropy(n, c, axis=1).mean()
    assert stability_loss(clean, noisy, labels, weight=weight).item() == pytest.approx(expected, abs=1e-12)


def test_published_stability_is_torchs_divergence_of_probabilities(logits: tuple[Tensor, Tensor, Tensor]) -> None:
    clean, noisy, labels = logits
    c, n = torch.softmax(clean, 1), torch.softmax(noisy, 1)
    cross_entropy = stability_loss(clean, noisy, labels, weight=0.0)
    for variant, given_c in (("corrected", c.log()), ("published", c)):
        expected = cross_entropy + 0.5 * torch.nn.functional.kl_div(given_c, n, reduction="batchmean")
        torch.testing.assert_close(stability_loss(clean, noisy, labels, variant), expected)  # type: ignore[arg-type]
    by_hand = -entropy(n.numpy(), axis=1).mean() - (n * c).sum(1).mean().item()
    published = stability_loss(clean, noisy, labels, "published", weight=1.0) - cross_entropy
    assert published.item() == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("variant", STABILITY_VARIANTS)
def test_stability_is_finite_where_softmax_underflows(variant: StabilityVariant) -> None:
    clean = torch.tensor([[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]], requires_grad=True)
    noisy = torch.tensor([[-1e4, 0.0, 1e4], [1e3, 0.0, 0.0]], requires_grad=True)
    loss = stability_loss(clean, noisy, torch.zeros(2, 3), variant)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(part.grad is not None and torch.isfinite(part.grad).all() for part in (clean, noisy))
