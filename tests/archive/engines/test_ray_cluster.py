"""Shards over Ray: the rows of processes; nodes that go and come cost nothing but time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from archives import MakeArchive, finish

from emotone.archive.engines.ray_cluster import RayCluster
from emotone.archive.merge import merge
from emotone.archive.run import Done, go_through
from emotone.archive.worker import Job, Worker
from emotone.errors import EmotoneError

ray = pytest.importorskip("ray")


@pytest.fixture
def cluster() -> Any:
    """A cluster on this machine, to which nodes may be added."""
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield started
    ray.shutdown()
    started.shutdown()


def test_nodes_that_die_lose_and_repeat_nothing(make_archive: MakeArchive, tmp_path: Path, cluster: Any) -> None:
    archive = make_archive(rows_per_shard=1)
    node = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    found: list[Done] = []
    with RayCluster(Worker(archive.folder), 3, cluster.address) as engine:  # one more than there are cores
        run = threading.Thread(target=lambda: found.append(go_through(archive, engine)))
        run.start()
        deadline = time.monotonic() + 60
        while not list(archive.folder.glob("part-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(num_cpus=1)
        run.join(120)
    assert [done.num_rows for done in found] == [24]
    merge(archive, tmp_path / "ray.csv")
    for part in archive.folder.glob("part-*"):
        part.unlink()
    finish(archive)
    merge(archive, tmp_path / "undisturbed.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "ray.csv"), pd.read_csv(tmp_path / "undisturbed.csv"))


def test_an_error_of_a_worker_is_that_of_the_run(make_archive: MakeArchive) -> None:
    archive = make_archive()
    (archive.folder / archive.plan_name / "rows-00000.parquet").unlink()
    with RayCluster(Worker(archive.folder), 1) as engine, pytest.raises(EmotoneError, match="the plan cannot be read"):
        list(engine.map([Job(0)]))


def test_a_cluster_that_does_not_answer_is_one_line(make_archive: MakeArchive) -> None:
    with pytest.raises(EmotoneError, match="Ray: no cluster at 127.0.0.1:1"):
        RayCluster(Worker(make_archive().folder), 1, "127.0.0.1:1").__enter__()
