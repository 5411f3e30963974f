"""Margins against two passes of a Siamese network for every pair, as the rankers are described."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.models.networks.emotion_ranker import EmotionRanker

B, C, M, D, H = 3, 5, 4, 6, 7  # utterances, chunks, frames, features, hidden size
ATTRIBUTES = ("arousal", "valence")


def network() -> EmotionRanker:
    torch.manual_seed(3)
    return EmotionRanker(D, dict.fromkeys(ATTRIBUTES, 1), H).double().eval()


def chunks() -> Tensor:
    return torch.randn(B, C, M, D, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def outputs_of(model: EmotionRanker, chunk: Tensor, place: int) -> Tensor:
    """f of one chunk [m, D] for one attribute: [2]."""
    states, _ = model.lstm(chunk[None])
    layers = nn.Sequential(model.hidden, nn.ReLU(), model.output)
    return layers(states[0, -1])[2 * place : 2 * place + 2]


@pytest.mark.parametrize(("place", "name"), list(enumerate(ATTRIBUTES)))
def test_margins_decide_as_two_passes_for_each_pair_do(place: int, name: str) -> None:
    model, inputs = network(), chunks()
    with torch.inference_mode():
        margins = model(inputs)[name]
        assert torch.equal(margins, model.curves(inputs)[name]) and margins.shape == (B, C)
        every, flat = inputs.flatten(0, 1), margins.flatten()
        assert len(flat.unique()) == B * C
        for i in range(B * C):
            for j in range(B * C):
                logits = outputs_of(model, every[i], place) - outputs_of(model, every[j], place)
                torch.testing.assert_close(logits[1] - logits[0], flat[i] - flat[j], atol=1e-12, rtol=0)
                assert i == j or bool(logits.argmax()) == bool(flat[i] > flat[j])


def test_the_published_loss_is_one_of_margins() -> None:
    """Cross-entropy of the two logits is binary cross-entropy of the margins' difference, and so are its gradients."""
    first, second = chunks()[0], chunks()[1]
    labels = torch.tensor([0, 1, 1, 0, 1])
    gradients = []
    for by_margins in (False, True):
        model = network()
        if by_margins:
            difference = model(first[None])["arousal"][0] - model(second[None])["arousal"][0]
            loss = F.binary_cross_entropy_with_logits(difference, labels.double())
        else:
            pairs = zip(first, second, strict=True)
            logits = torch.stack([outputs_of(model, one, 0) - outputs_of(model, other, 0) for one, other in pairs])
            loss = F.cross_entropy(logits, labels)
        loss.backward()
        gradients.append({name: value.grad for name, value in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-12, rtol=0)


def test_equal_chunks_have_equal_margins() -> None:
    inputs = chunks()
    inputs[0, 3] = inputs[0, 1]
    with torch.inference_mode():
        margins = network()(inputs)["arousal"]
    assert margins[0, 3] == margins[0, 1] and margins[0, 0] != margins[0, 1]


def test_the_published_sizes() -> None:
    model = EmotionRanker(130, {"arousal": 1})
    assert (model.lstm.num_layers, model.lstm.hidden_size, model.lstm.dropout) == (2, 130, 0.5)
    assert model.hidden.weight.shape == (130, 130) and model.output.weight.shape == (2, 130)
    for shape in ((1, 22, 62, 130), (3, 1, 50, 130)):
        assert model(torch.zeros(shape))["arousal"].shape == shape[:2]


def test_categories_are_refused() -> None:
    with pytest.raises(ValueError, match="one margin per attribute"):
        EmotionRanker(D, {"arousal": 1, "emotion": 3})


def test_every_parameter_learns_and_dropout_is_for_training() -> None:
    model, inputs = network().train(), chunks()
    first, second = model(inputs), model(inputs)
    assert not torch.equal(first["arousal"], second["arousal"])
    torch.cat(list(first.values())).square().sum().backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert silent == set()
