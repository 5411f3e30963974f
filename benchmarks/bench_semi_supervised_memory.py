"""Memory of training as unlabelled speech grows: `python benchmarks/bench_semi_supervised_memory.py`.

DeepEmoClusters by `emotone.training.loop.fit`, two epochs in a process of its own, on 250 labelled utterances of 3 to
11 s and 1,000, 3,000 and 10,000 unlabelled ones, of a network that costs next to nothing. Measured is the anonymous
memory of that process over its training; what is mapped from files, which the system may drop, is shown beside it.
`--to FILE` keeps the figure.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from process_memory import Memory, watch
from speech_store import Mean, examples, make_store

from emotone.base import figure
from emotone.data.recipe import Training
from emotone.data.store import FeatureStore
from emotone.models.cluster_branch import Clustered
from emotone.training.learners.learner import Lesson
from emotone.training.loop import fit
from emotone.training.systems.deep_emo_clusters import DeepEmoClusters

NUM_LABELLED, NUMS_UNLABELLED = 250, (1_000, 3_000, 10_000)
NUM_CLUSTERS = 10


def train(store: FeatureStore, num_unlabelled: int, folder: Path) -> None:
    """Two epochs on the first utterances of the store."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ids = list(store.index.index)
    labelled, others = ids[:NUM_LABELLED], ids[NUM_LABELLED : NUM_LABELLED + num_unlabelled]
    moments = store.moments(labelled)
    network = Clustered(Mean(), NUM_CLUSTERS)
    known, unknown = examples(store, labelled, moments, labelled=True), examples(store, others, moments, labelled=False)
    training = Training(batch_size=64, epochs=2, best="last")
    print("begins", flush=True)
    fit(DeepEmoClusters(), network, Lesson(known, training, folder, 0, unknown), quiet=True)


def draw(memories: dict[int, Memory]) -> str:
    """Both kinds of memory over training, as SVG."""
    drawn, axes = figure.panels(2, 2, 8.4, 3.4)
    for pane, kind in zip(axes, ("anonymous", "mapped"), strict=True):
        for num_unlabelled, memory in memories.items():
            sizes = getattr(memory, kind)
            pane.plot([100 * place / len(sizes) for place in range(len(sizes))], sizes, label=f"{num_unlabelled:,}")
        pane.set(xlabel="share of training (%)", ylabel="MB", ylim=(0, None))
        pane.set_title("anonymous memory" if kind == "anonymous" else "mapped from files")
    axes[0].legend(title="unlabelled utterances", loc="lower right")
    return figure.svg(drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, help="where the figure is written")
    parser.add_argument(
        "--train", nargs=2, metavar=("STORE", "NUM_UNLABELLED"), help="what the processes are called with"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.train:
            train(FeatureStore.open(Path(arguments.train[0])), int(arguments.train[1]), folder)
            return
        memories: dict[int, Memory] = {}
        for num_unlabelled in NUMS_UNLABELLED:
            store = make_store(folder, NUM_LABELLED + num_unlabelled)
            memory = memories[num_unlabelled] = watch(__file__, str(store.folder), str(num_unlabelled))
            size_mb = sum(shard.nbytes for shard in store.shards.values()) / 2**20
            print(
                f"{num_unlabelled:6,} unlabelled utterances, features of {size_mb:5.0f} MB: anonymous memory "
                f"{statistics.median(memory.anonymous):4.0f} MB, peak {max(memory.anonymous):4.0f} MB; "
                f"mapped from files {max(memory.mapped):5.0f} MB",
                flush=True,
            )
    few, many = (max(memories[num].anonymous) for num in (NUMS_UNLABELLED[0], NUMS_UNLABELLED[-1]))
    print(f"peak of anonymous memory, ten times as many: {many / few:.2f}   wanted: flat")
    if arguments.to:
        arguments.to.write_text(draw(memories))


if __name__ == "__main__":
    main()
