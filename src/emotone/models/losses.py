"""Losses on torch tensors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

CccVariant = Literal["lin", "published"]
StabilityVariant = Literal["corrected", "published"]
SMALLEST = 1e-8


def ccc_loss(prediction: Tensor, target: Tensor, variant: CccVariant = "lin") -> Tensor:
    """1 - concordance correlation over a batch [B]; finite, with finite gradients, also for B = 1 and constants.

    Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45(1), 1989:
    1 - 2 cov / (var_t + var_p + (mean_p - mean_t)^2), population moments. "published" takes the covariance as a
    population and both variances as sample moments, as the published training code does.

    >>> ccc_loss(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])).item() < 1e-6
    True
    """
    count = prediction.numel()
    centred_p, centred_t = prediction - prediction.mean(), target - target.mean()
    covariance = (centred_p * centred_t).mean()
    squares = centred_p.square().sum() + centred_t.square().sum()
    variances = squares / (max(count - 1, 1) if variant == "published" else count)
    distance = (prediction.mean() - target.mean()).square()
    return 1 - 2 * covariance / (variances + distance + SMALLEST)


def masked_ccc_loss(prediction: Tensor, target: Tensor, variant: CccVariant = "lin") -> Tensor:
    """`ccc_loss` over the rows whose target is known (not NaN); 0 when there is none."""
    known = ~torch.isnan(target)
    if not known.any():
        return prediction.sum() * 0.0
    return ccc_loss(prediction[known], target[known], variant)


def masked_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the rows whose target is known (not NaN); 0 when there is none.

    >>> masked_squared_error(torch.tensor([1.0, 5.0]), torch.tensor([3.0, float("nan")])).item()
    4.0
    """
    known = ~torch.isnan(target)
    if not known.any():
        return prediction.sum() * 0.0
    return (prediction[known] - target[known]).square().mean()


def soft_cross_entropy(logits: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of logits [B, K] with class weights [B, K], averaged over their sum.

    A row of zeros is an utterance whose class is not known; it does not count. 0 when no row counts. `smoothing` moves
    that share of a row's weight to all classes evenly.

    >>> soft_cross_entropy(torch.zeros(2, 4), torch.tensor([[0.0, 1, 0, 0], [0, 0, 0, 0]])).item()
    1.38629...
    """
    weight = target.sum(dim=1, keepdim=True)
    smooth = target * (1 - smoothing) + weight * smoothing / target.shape[1]
    return -(smooth * torch.log_softmax(logits, dim=1)).sum() / weight.sum().clamp(min=SMALLEST)


def stability_loss(
    clean_logits: Tensor,
    noisy_logits: Tensor,
    labels: Tensor,
    variant: StabilityVariant = "corrected",
    weight: float = 0.5,
) -> Tensor:
    """Cross-entropy of clean and noisy logits [B, K] on the same labels [B, K], halved, + `weight` * their divergence.

    Zheng et al., "Improving the robustness of deep neural networks via stability training", CVPR 2016. With c and n the
    softmax of clean and noisy logits, "corrected" is KL(n || c) = sum n (log n - log c), averaged over all B rows,
    labelled or not. "published" is what `kl_div(c, n)` gives, which takes its first argument for log c:
    sum n (log n - c), the negative entropy of n minus its agreement with c. It is not 0 where both are equal.

    >>> logits, labels = torch.zeros(1, 4), torch.tensor([[0.0, 1, 0, 0]])
    >>> stability_loss(logits, logits, labels).item() == soft_cross_entropy(logits, labels).item()
    True
    """
    clean, noisy = torch.log_softmax(clean_logits, dim=1), torch.log_softmax(noisy_logits, dim=1)
    expected = clean.exp() if variant == "published" else clean
    divergence = (noisy.exp() * (noisy - expected)).sum(dim=1).mean()
    entropy = soft_cross_entropy(clean_logits, labels) + soft_cross_entropy(noisy_logits, labels)
    return 0.5 * entropy + weight * divergence


def sum_over_targets(outputs: dict[str, Tensor], labels: dict[str, Tensor], ccc: CccVariant = "lin") -> Tensor:
    """The sum over targets of CCC loss (attributes [B], z-normalised) or cross-entropy (categories [B, K]).

    >>> labels = {"arousal": torch.tensor([1.0, 2.0]), "emotion": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}
    >>> sum_over_targets({"arousal": torch.tensor([1.0, 2.0]), "emotion": torch.zeros(2, 2)}, labels).item()
    0.693...
    """
    terms = [
        masked_ccc_loss(output, labels[name], ccc) if output.ndim == 1 else soft_cross_entropy(output, labels[name])
        for name, output in outputs.items()
    ]
    return sum(terms[1:], terms[0])


def attributes_and_categories(
    outputs: dict[str, Tensor], labels: dict[str, Tensor], category_weight: float, smoothing: float
) -> Tensor:
    """Mean over attributes [B] of CCC loss + half the squared error, plus the weighted cross-entropy of categories.

    >>> same = {"arousal": torch.tensor([1.0, 2.0, 3.0])}
    >>> attributes_and_categories(same, same, 1.0, 0.0).item() < 1e-6
    True
    """
    attributes = [
        masked_ccc_loss(output, labels[name]) + 0.5 * masked_squared_error(output, labels[name])
        for name, output in outputs.items()
        if output.ndim == 1
    ]
    loss = torch.stack(attributes).mean() if attributes else torch.zeros(())
    for name, output in outputs.items():
        if output.ndim == 2:
            loss = loss + category_weight * soft_cross_entropy(output, labels[name], smoothing)
    return loss
