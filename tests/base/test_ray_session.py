"""Ray beside processes: the same results in the same order, and items that kill their process are told apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.base.processes import map_ordered
from emotone.base.ray_session import over_ray, ray_session
from emotone.corpora.corpus import Corpus
from emotone.data.store import extract
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel

pytest.importorskip("ray")


def square(number: int) -> int:
    if number == 7:
        os._exit(1)
    if number == 100:
        raise ValueError("a hundred")
    return number**2


def sum_of_squares(num: int) -> tuple[int, set[int]]:
    found = list(map_ordered(square_and_place, range(num)))
    return sum(value for value, _ in found), {place for _, place in found} | {os.getpid()}


def square_and_place(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_session(2) as ray:
        yield ray


def test_results_come_in_order_and_deaths_are_their_own(cluster: Any) -> None:
    with over_ray(2):
        found = list(map_ordered(square, range(20), 2, died=lambda number: -number))
    assert found == [-7 if number == 7 else number**2 for number in range(20)]
    with over_ray(2), pytest.raises(ValueError, match="a hundred"):
        list(map_ordered(square, [1, 100], 2))
    assert list(map_ordered(square, [2, 3])) == [4, 9]  # outside it is as ever


def test_few_items_share_out_what_they_map_in_turn(cluster: Any) -> None:
    """Though there are as many as cores, all of which wait for theirs."""
    for jobs, is_shared in ((3, True), (2, False)):
        with over_ray(jobs):
            found = list(map_ordered(sum_of_squares, [3, 5]))
        assert [value for value, _ in found] == [5, 30]
        assert [len(places) > 1 for _, places in found] == [is_shared] * 2


def test_tasks_have_the_priority_of_this_process(cluster: Any) -> None:
    with over_ray(2):
        assert list(map_ordered(os.nice, [0])) == [os.nice(0)]


def test_features_are_those_of_one_process(
    cluster: Any, tmp_path: Path, write_tones: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus: Corpus = write_tones(tmp_path, "tones")
    with over_ray(2):
        over = extract(corpus, "mel", Mel(), jobs=2, quiet=True)
    ids = list(corpus.utterances["id"])
    rows = over.rows(ids)
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path / "another"))
    alone = extract(corpus, "mel", Mel(), quiet=True)
    assert alone.folder != over.folder
    for one, other in zip(rows.utterances, alone.rows(ids).utterances, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cluster_that_does_not_answer_is_one_line() -> None:
    import ray

    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(EmotoneError, match="Ray: no cluster at 127.0.0.1:1"), ray_session(1, "127.0.0.1:1"):
        pass
