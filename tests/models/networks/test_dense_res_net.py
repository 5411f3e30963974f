"""DenseResNet against a loop written from its description, its size, and its dropout."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from emotone.models.networks.dense_res_net import DenseResNet

Doubles = NDArray[np.float64]
B, D, WIDTHS = 5, 6, (8, 7, 4)


def network(always_drop: bool = False) -> DenseResNet:
    torch.manual_seed(3)
    return DenseResNet(D, {"arousal": 1, "emotion": 3}, WIDTHS, always_drop=always_drop).double().eval()


def features() -> torch.Tensor:
    return torch.randn(B, 1, D, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def linear(x: Doubles, w: dict[str, Doubles], name: str) -> Doubles:
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def relu(x: Doubles) -> Doubles:
    return np.maximum(x, 0)


def embed(x: Doubles, w: dict[str, Doubles]) -> Doubles:
    for stage in range(3):
        place = 4 * stage  # linear, dropout, two blocks
        x = linear(x, w, f"stages.{place}")
        for block in (place + 2, place + 3):
            x = relu(x + linear(relu(linear(x, w, f"stages.{block}.first")), w, f"stages.{block}.second"))
    return x


def test_embedding_and_outputs_equal_a_loop() -> None:
    model = network()
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    outputs = {name: value.detach().numpy() for name, value in model(features()).items()}
    embeddings = model.embed(features())[:, 0].detach().numpy()  # of items of any shape
    for row, vector in enumerate(features()[:, 0].numpy()):
        embedding = embed(vector, w)
        np.testing.assert_allclose(embeddings[row], embedding, atol=1e-12)
        for name, output in outputs.items():
            values = linear(relu(linear(embedding, w, f"heads.{name}.0")), w, f"heads.{name}.2")
            np.testing.assert_allclose(np.atleast_1d(output[row]), values, atol=1e-12)


def test_the_published_size() -> None:
    model = DenseResNet(6373, {"arousal": 1})
    stages = sum(
        before * width + width + 4 * (width * width + width)
        for before, width in ((6373, 1024), (1024, 512), (512, 256))
    )
    assert sum(p.numel() for p in model.parameters()) == stages + 256 * 256 + 256 + 256 + 1
    assert model.embed(torch.zeros(2, 6373)).shape == (2, model.embedding_size) == (2, 256)


def test_frames_are_averaged() -> None:
    frames = torch.randn(B, 9, D, dtype=torch.float64)
    model = network()
    torch.testing.assert_close(model(frames)["arousal"], model(frames.mean(dim=1, keepdim=True))["arousal"])


def test_evaluation_is_random_only_as_published() -> None:
    model, published = network(), network(always_drop=True)
    assert torch.equal(model.embed(features()), model.embed(features()))
    assert not torch.equal(published.embed(features()), published.embed(features()))
    # Only the blocks drop there: with their second layers at zero nothing is left to chance.
    with torch.no_grad():
        for name, parameter in published.named_parameters():
            if ".second." in name:
                parameter.zero_()
    assert torch.equal(published.embed(features()), published.embed(features()))


def test_all_dropout_is_active_in_training() -> None:
    model = network().train()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".second." in name:
                parameter.zero_()
    assert not torch.equal(model.embed(features()), model.embed(features()))
