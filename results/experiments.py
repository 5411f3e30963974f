"""The experiments of semi-supervised learning, one command: python results/semi_supervised.py [--full] [--device cuda].

Every setting is a run of `emotone train` below `runs/`; what is finished is not run again. Without --full: the sizes of
the recipes, fixed beforehand to fit 4 CPU hours in all. --full is the published size (channels, widths, 50 and 200
epochs, six folds) for a GPU.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emotone.recipe import load_recipe
from emotone.run import train_recipe

SUPERVISED = ["system.num_clusters=0", "unlabelled.corpora=[]", "unlabelled.num=null"]
LABELLED_ONLY = ["unlabelled.corpora=[]", "unlabelled.num=null"]
GRID = {
    "emotale-deep-emo-clusters": [
        SUPERVISED,
        LABELLED_ONLY,
        ["unlabelled.num=200"],
        ["unlabelled.num=1000"],
        ["unlabelled.num=200", "system.num_clusters=5"],
        ["unlabelled.num=200", "system.num_clusters=30"],
        ["unlabelled.num=200", "system.heads=frozen"],
    ],
    "emotale-deep-mi": [[f"curriculum.order={order}"] for order in ("easy-first", "hard-first", "random", "none")],
}
NUM_SEEDS = {"emotale-deep-emo-clusters": 3, "emotale-deep-mi": 5}
FULL = {
    "emotale-deep-emo-clusters": [
        "split.num_folds=6", "training.epochs=50", "training.batch_size=64",
        "system.model_settings.channels=[32,32,64,64,128,128,128]",
    ],
    "emotale-deep-mi": [
        "curriculum.score.training.epochs=200", "curriculum.score.system.model_settings.widths=[1024,512,256]",
    ],
}  # fmt: skip


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(GRID), help="default: both")
    parser.add_argument("--full", action="store_true", help="published sizes, for a GPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--to", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    for name in arguments.recipes:
        for overrides in GRID[name]:
            more = [f"split.repeats={NUM_SEEDS[name]}", *(FULL[name] if arguments.full else [])]
            recipe = load_recipe(name, [*overrides, *more])
            folder = arguments.to / name / recipe.hash
            if not (folder / "test.json").is_file():
                print(name, *overrides, *more, flush=True)
                train_recipe(recipe, folder, arguments.device, quiet=True)


if __name__ == "__main__":
    main()
