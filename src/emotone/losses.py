"""Losses on torch tensors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

CccVariant = Literal["lin", "published"]
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


def masked_cross_entropy(logits: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of logits [B, K] over the rows whose class is known (>= 0); 0 when there is none."""
    known = target >= 0
    if not known.any():
        return logits.sum() * 0.0
    return torch.nn.functional.cross_entropy(logits[known], target[known], label_smoothing=label_smoothing)
