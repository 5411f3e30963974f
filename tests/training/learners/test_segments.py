"""Learning from segments: what an epoch sees, oversampling and mixup by seed, noisy copies, the same when resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.base import plugins
from emotone.bundle.view.view import Normaliser, Segments
from emotone.data.recipe import Training
from emotone.data.rows import Rows
from emotone.models.losses import soft_cross_entropy, stability_loss
from emotone.models.networks.spectrogram_classifier import SpectrogramClassifier
from emotone.training.examples import StoreExamples, predict_outputs
from emotone.training.learners.learner import Lesson
from emotone.training.learners.segments import SegmentLearner, draw_mixing, raise_smallest
from emotone.training.loop import Validation, fit

D, FRAMES, K = 8, 10, 3
LENGTHS = (10, 25, 7, 31, 20, 12, 40, 9)  # 1, 3, 1, 4, 2, 2, 4 and 1 segments
CLASSES = np.array([0, 0, 0, 1, 1, 2, 0, 0])
UNIT = Normaliser(np.full(D, -80), np.full(D, 80))


class Tiny(nn.Module):
    """A network for images with the parts that a classifier asks for."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(6, K)

    def rest(self, maps: Tensor) -> Tensor:
        return self.head(self.dropout(torch.relu(maps).mean(dim=(2, 3))))

    def forward(self, images: Tensor) -> Tensor:
        return self.rest(self.first(images))


def build(dropout: float = 0.0) -> SpectrogramClassifier:
    torch.manual_seed(1)
    return SpectrogramClassifier(Tiny(dropout), D, segment_frames=FRAMES, short_side=12)


class Watched(StoreExamples):
    """Utterances that remember which segments were read, and with which noise."""

    def segments(self, rows: NDArray[np.intp], places: NDArray[np.intp]) -> Tensor:
        self.__dict__.setdefault("read", []).append(list(zip(rows.tolist(), places.tolist(), strict=True)))
        return super().segments(rows, places)

    def noisy_segments(self, rows: NDArray[np.intp], places: NDArray[np.intp], kinds: NDArray[np.intp]) -> Tensor:
        self.__dict__.setdefault("heard", []).append(
            list(zip(rows.tolist(), places.tolist(), kinds.tolist(), strict=True))
        )
        return super().noisy_segments(rows, places, kinds)


def examples(num_kinds: int = 0) -> Any:
    random = np.random.default_rng(0)
    clean, *noisy = (
        Rows([random.uniform(-80, 0, (length, D)).astype(np.float32) for length in LENGTHS], D)
        for _ in range(1 + num_kinds)
    )
    labels = {"emotion": torch.eye(K)[torch.from_numpy(CLASSES)]}
    return Watched(clean, Segments(FRAMES), UNIT, labels, noisy=noisy)


def learn(
    num_epochs: int = 1,
    batch_size: int = 5,
    train: Any = None,
    network: SpectrogramClassifier | None = None,
    **settings: Any,
) -> tuple[Any, SpectrogramClassifier, list[float]]:
    """(the examples, the network, every loss) after these epochs at a learning rate of 0."""
    from lightning_fabric import Fabric

    train, network = train or examples(), network or build()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.0)
    given = {"seed": 3, "oversample": 0, "mixup": None, "stability": "none"} | settings
    training, fabric = Training(batch_size=batch_size, epochs=num_epochs), Fabric(accelerator="cpu", devices=1)
    learner = SegmentLearner(fabric, network, optimiser, Lesson(train, training, Path(), given.pop("seed")), **given)
    return train, network, [loss.item() for number in range(num_epochs) for loss in learner.round(number)]


ALL = sorted((row, place) for row, length in enumerate(LENGTHS) for place in range(-(-length // FRAMES)))


def test_an_epoch_takes_every_segment_once_in_a_new_order() -> None:
    train, _, _ = learn(2)
    assert [len(batch) for batch in train.read] == [5, 5, 5, 3] * 2
    first, second = sum(train.read[:4], []), sum(train.read[4:], [])
    assert sorted(first) == sorted(second) == ALL and first != second != ALL != first
    assert learn(2)[0].read == train.read != learn(2, seed=4)[0].read


def test_training_sees_the_segments_that_validation_sees() -> None:
    train = examples()
    groups = train.groups(6)
    assert [len(rows) for rows in groups] == [3, 2, 1, 1, 1]  # 3 x 1, 2 x 2, 1 x 3 and twice 1 x 4 segments
    for rows in groups:
        whole, _ = train.batch(rows)
        for utterance, row in zip(whole, rows, strict=True):
            places = np.arange(len(utterance))
            assert torch.equal(train.segments(np.full(len(utterance), row), places), utterance)


def test_an_utterance_is_the_mean_of_the_log_probabilities_of_its_segments() -> None:
    train, network = examples(), build().eval()
    outputs = predict_outputs(network, train, 4, "cpu")["emotion"]
    with torch.inference_mode():
        for row, count in enumerate(train.num_segments):
            logits = network.segment_logits(train.segments(np.full(count, row), np.arange(count)))
            np.testing.assert_allclose(outputs[row], torch.log_softmax(logits, dim=1).mean(dim=0), atol=1e-6)


def loss_of(network: SpectrogramClassifier, train: Any, order: list[tuple[int, int]]) -> float:
    """Cross-entropy of single segments, in a plain loop."""
    losses = []
    for row, place in order:
        logits = network.segment_logits(train.segments(np.array([row]), np.array([place])))
        losses.append(-torch.log_softmax(logits, dim=1)[0, CLASSES[row]].item())
    return float(np.mean(losses))


def test_the_loss_is_the_cross_entropy_of_segments() -> None:
    train, network, losses = learn(batch_size=6)
    batches = train.read.copy()
    with torch.inference_mode():
        assert losses == pytest.approx([loss_of(network, train, batch) for batch in batches], abs=1e-5)


# ---- oversampling and mixup -------------------------------------------------------------------------------------


def test_the_smallest_class_is_raised_to_the_largest() -> None:
    classes = np.repeat([0, 1, 2], [20, 8, 3])
    counts = [
        np.bincount(classes[raise_smallest(classes, times, np.random.default_rng(0))]).tolist() for times in range(4)
    ]
    assert counts == [[20, 8, 3], [20, 8, 20], [20, 20, 20], [20, 20, 20]]


def test_oversampled_epochs_have_new_copies() -> None:
    train, _, _ = learn(2, batch_size=99, oversample=2)
    both = [sorted(batch) for batch in train.read]
    assert both[0] != both[1] and both == [sorted(batch) for batch in learn(2, 99, oversample=2)[0].read]
    for batch in both:
        assert set(batch) == set(ALL)
        assert np.bincount(CLASSES[[row for row, _ in batch]]).tolist() == [10, 10, 10]


def test_mixup_mixes_pictures_and_labels_of_a_batch() -> None:
    train, network, losses = learn(batch_size=99, mixup=0.4)
    random = np.random.default_rng([3, 3, 0])
    order = np.arange(len(ALL))
    random.shuffle(order)
    share, partner = draw_mixing(len(ALL), 0.4, random)
    assert share.min() >= 0.5 and share.max() <= 1 and share.std() > 0.05
    rows, places = np.array(train.read[0]).T
    with torch.inference_mode():
        images, labels = network.images(train.segments(rows, places)), train.labels["emotion"][rows]
        own = share[:, None]
        mixed = own[..., None, None] * images + (1 - own[..., None, None]) * images[partner]
        expected = soft_cross_entropy(network.network(mixed), own * labels + (1 - own) * labels[partner])
    assert losses == pytest.approx([expected.item()], abs=1e-6)
    assert losses == learn(batch_size=99, mixup=0.4)[2] != learn(batch_size=99, mixup=0.4, seed=4)[2]


# ---- stability --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stability", ["corrected", "published"])
def test_every_segment_has_one_noisy_copy_of_a_kind_drawn_anew(stability: Any) -> None:
    train, network, losses = learn(2, 6, train=examples(4), stability=stability)
    assert [[pair[:2] for pair in batch] for batch in train.heard] == train.read
    kinds = [[kind for _, _, kind in sum(part, [])] for part in (train.heard[:3], train.heard[3:])]
    assert set(kinds[0]) == set(kinds[1]) == {0, 1, 2, 3} and kinds[0] != kinds[1]
    rows, places, chosen = np.array(train.heard[0]).T
    with torch.inference_mode():
        clean, noisy = (
            network.segment_logits(segments)
            for segments in (train.segments(rows, places), train.noisy_segments(rows, places, chosen))
        )
        expected = stability_loss(clean, noisy, train.labels["emotion"][rows], stability)
    assert losses[0] == pytest.approx(expected.item(), abs=1e-6)


def test_noisy_segments_are_of_the_same_place() -> None:
    train = examples(2)
    found = train.noisy_segments(np.array([3, 6, 3]), np.array([3, 0, 1]), np.array([1, 0, 0]))
    for segment, (row, place, kind) in zip(found, [(3, 3, 1), (6, 0, 0), (3, 1, 0)], strict=True):
        expected = train.noisy[kind].batch([row], train.view, UNIT)[0, place]
        np.testing.assert_array_equal(segment.numpy(), expected)


def test_the_published_mixture_of_all_three_learns() -> None:
    """Losses fall where there is something to learn: the class is how loud a segment is."""
    train, network = examples(1), build()
    for rows in (train.rows, *train.noisy):
        for row, features in enumerate(rows.utterances):
            features[:] = -75 + 35 * CLASSES[row]
    from lightning_fabric import Fabric

    optimiser = torch.optim.AdamW(network.parameters(), lr=0.03)
    training = Training(batch_size=8, epochs=12)
    learner = SegmentLearner(
        Fabric(accelerator="cpu"), network, optimiser, Lesson(train, training, Path(), 0), 2, 0.4, "corrected"
    )
    losses = [np.mean([loss.item() for loss in learner.round(number)]) for number in range(12)]
    assert losses[-1] < 0.85 * losses[0]
    outputs = predict_outputs(network, train, 8, "cpu")["emotion"]
    assert (outputs.argmax(axis=1) == CLASSES).mean() > 0.8


# ---- killed and resumed -----------------------------------------------------------------------------------------


def test_a_resumed_run_equals_an_undisturbed_one(check_resumption: Any) -> None:
    system = plugins.create(
        "systems", "spectrogram-image", {"oversample": 2, "mixup": 0.4, "stability": "corrected", "segment_frames": 10}
    )

    def train(folder: Path, score: Any) -> tuple[dict[str, Tensor], Any]:
        training = Training(batch_size=6, epochs=4, learning_rate=1e-2)
        network, history = fit(
            system,
            build(dropout=0.5),
            Lesson(examples(3), training, folder, 3),
            Validation(examples(), score),
            quiet=True,
        )
        return network.state_dict(), history

    assert len(check_resumption(train, lambda outputs: {"emotion": float(outputs["emotion"][:, 0].sum())}, 2)) == 4
