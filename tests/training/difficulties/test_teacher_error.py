"""A teacher's error against the bundle run by hand on the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotone.audio.read import load_audio
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.training.difficulties.teacher_error import TeacherError
from emotone.training.fold_data import FoldData


def by_hand(fold: FoldData, bundle: str, target: str) -> list[float]:
    """|score - label|, the score brought from the bundle's range 1..7 to EmoTale's 1..5."""
    corpus, teacher = fold.dataset.corpora["emotale"], Bundle.load(bundle)
    errors = []
    for row in fold.train.to_dict("records"):
        score = teacher.score_samples([load_audio(corpus.root / row["file"])]).attributes[target][0]
        errors.append(abs(1 + (score - 1) * 4 / 6 - row[target]))
    return errors


@pytest.mark.parametrize("target", ["arousal", "valence"])
def test_it_is_the_distance_to_the_label(fold_of: Callable[..., FoldData], tiny_bundle: Path, target: str) -> None:
    fold = fold_of(targets=[target])
    found = TeacherError((str(tiny_bundle),))(fold, pytest.fail)
    np.testing.assert_allclose(found, by_hand(fold, str(tiny_bundle), target), atol=1e-5)
    assert TeacherError.easy == "lowest" and len(found) == 10


def test_the_default_is_the_bundled_network(fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of()
    assert {target.name: target.range for target in Bundle.load("default").targets}["arousal"] == (1.0, 7.0)
    np.testing.assert_allclose(TeacherError()(fold, pytest.fail), by_hand(fold, "default", "arousal"), atol=1e-4)


def test_copies_have_the_error_of_their_utterance(fold_of: Callable[..., FoldData], tiny_bundle: Path) -> None:
    teacher = TeacherError((str(tiny_bundle),))
    plain, copied = fold_of(), fold_of(augmentation={"channels": 2})
    own = dict(zip(plain.train["id"], teacher(plain, pytest.fail), strict=True))
    np.testing.assert_allclose(teacher(copied, pytest.fail), [own[id_] for id_ in copied.train["id"]], atol=1e-12)


def test_a_teacher_must_know_the_attribute(fold_of: Callable[..., FoldData], tiny_bundle: Path) -> None:
    teacher = TeacherError((str(tiny_bundle),))
    arousal, emotion = Target("arousal", "attribute", (1.0, 7.0)), Target("emotion", "category", labels=("a", "b"))
    with pytest.raises(EmotoneError, match="the recipe's first target is emotion"):
        teacher.check_targets([emotion, arousal])
    teacher.check_targets([arousal, emotion])
    fold = fold_of()
    fold.targets[0] = type(fold.targets[0])("calm", "attribute", (1.0, 5.0))
    with pytest.raises(EmotoneError, match="difficulty teacher-error: unknown attribute 'calm'"):
        teacher(fold, pytest.fail)
