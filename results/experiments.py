"""The experiments that compare systems, one command: python results/experiments.py [RECIPE ...] [--full].

Every setting is a run of `emotone train` below `runs/`; what is finished is not run again. Without --full: the sizes of
the recipes, fixed beforehand to fit 4 CPU hours for the semi-supervised systems, 2 for rankers and Seq2Seq, 12 for
speech and text and 16 for spectrogram images, whose pictures and epochs `SMALL` cuts down. --full is the published size
(channels, widths, epochs, pictures) with six folds, for a GPU.

Stability training reads noise from `noise/train` and voices from `voices` below the working directory: there were five
of ESC-10's classes (dog, sea waves, clock, helicopter, rooster; the other five are the noise of the test) and ten
speakers of LibriSpeech.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emotone.data.recipe_yaml import load_recipe
from emotone.training.run import train_recipe

SUPERVISED = ["system.num_clusters=0", "unlabelled.corpora=[]", "unlabelled.num=null"]
LABELLED_ONLY = ["unlabelled.corpora=[]", "unlabelled.num=null"]
SPEECH = ["system.streams=speech", "text_feature=null"]
TEXT = ["system.streams=text"]
LEXICAL = ["system.strategy=lexical", "alignment=whisper"]
BOTH_STREAMS = [[], SPEECH, TEXT, LEXICAL, ["system.modality_dropout=0.3"]]
PUBLISHED_CO_ATTENTION = [
    "system.hidden_size=256",
    "system.num_self_layers=3",
    "system.num_co_layers=2",
    "training.batch_size=128",
    "training.iterations=5000",
    "training.validate_every=100",
    "training.learning_rate=1e-4",
]
HALF = ["unlabelled.num=100", "training.epochs=8"]
LIGHT_FRAMES = ["feature={name: whisper-light, blocks: [3]}"]
"""The same network on the encoder that comes along: does hearing count, or modelling?"""
PLAIN = ["system.oversample=0", "system.mixup=null"]
STABILITY = ["system.stability=corrected", "system.noise=noise/train", "system.speech=voices"]
GRID = {
    "emotale-deep-emo-clusters": [
        SUPERVISED,
        LABELLED_ONLY,
        ["unlabelled.num=200"],
        ["unlabelled.num=1000"],
        ["unlabelled.num=200", "system.num_clusters=5"],
        ["unlabelled.num=200", "system.num_clusters=30"],
        ["unlabelled.num=200", "system.heads=frozen"],
        [*HALF],  # what is as published by option: clusters-as-published.md
        [*HALF, "system.draw=published"],
        [*HALF, "system.best_by=chunks"],
    ],
    "emotale-deep-mi": [[f"curriculum.order={order}"] for order in ("easy-first", "hard-first", "random", "none")],
    "emotale-seq2seq": [[], ["system.curve_weight=0"], LIGHT_FRAMES],
    "emotale-rankers": [[]],
    "emotale-chunk-attention": [  # to compare Seq2Seq with: as it is, and of the size and training of Seq2Seq
        [],
        ["system.hidden_size=64", "system.scale=2", "training.iterations=210"],
        LIGHT_FRAMES,
        ["feature.variant=corrected"],  # corrected-descriptors.md
        ["system.aggregation=SelfAttenVec"],
        ["system.aggregation=SelfAttenVec", "feature.variant=corrected"],
    ],
    "nemo-audio-text": BOTH_STREAMS,
    "emotale-audio-text": BOTH_STREAMS,
    "ravdess-whisper-svm": [[]],
    "emodb-spectrogram": [
        PLAIN,
        ["system.oversample=0"],
        ["system.mixup=null"],
        [*PLAIN, *STABILITY],
    ],
    "ravdess-spectrogram": [["training.epochs=20"], ["system.network=resnet18", "training.epochs=6"]],
}
NUM_SEEDS = {
    "emotale-deep-emo-clusters": 3,
    "emotale-deep-mi": 5,
    "emotale-seq2seq": 3,
    "emotale-rankers": 3,
    "emotale-chunk-attention": 3,
    "nemo-audio-text": 3,
    "emotale-audio-text": 3,
    "ravdess-whisper-svm": 1,
    "emodb-spectrogram": 1,
    "ravdess-spectrogram": 1,
}
SMALL = {
    "emodb-spectrogram": ["system.short_side=64", "training.learning_rate=4e-4", "training.epochs=25"],
    "ravdess-spectrogram": ["system.short_side=64", "training.learning_rate=4e-4"],
}
FULL = {
    "emotale-deep-emo-clusters": [
        "split.num_folds=6",
        "training.epochs=50",
        "training.batch_size=64",
        "system.model_settings.channels=[32,32,64,64,128,128,128]",
    ],
    "emotale-deep-mi": [
        "curriculum.score.training.epochs=200",
        "curriculum.score.system.model_settings.widths=[1024,512,256]",
    ],
    "emotale-seq2seq": ["system.hidden_size=130", "system.ranker.hidden_size=130"],
    "emotale-rankers": ["system.hidden_size=130"],
    "emotale-chunk-attention": [],
    "nemo-audio-text": PUBLISHED_CO_ATTENTION,
    "emotale-audio-text": PUBLISHED_CO_ATTENTION,
    "ravdess-whisper-svm": [],
    "emodb-spectrogram": [],
    "ravdess-spectrogram": ["training.epochs=100"],
}


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(GRID), help="default: all")
    parser.add_argument("--full", action="store_true", help="published sizes, for a GPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--to", type=Path, default=Path("runs"))
    arguments = parser.parse_args()
    for name in arguments.recipes:
        for overrides in GRID[name]:
            more = [f"split.repeats={NUM_SEEDS[name]}", *(FULL[name] if arguments.full else SMALL.get(name, []))]
            recipe = load_recipe(name, [*overrides, *more])
            folder = arguments.to / name / recipe.hash
            if not (folder / "test.json").is_file():
                print(name, *overrides, *more, flush=True)
                train_recipe(recipe, folder, arguments.device, quiet=True)


if __name__ == "__main__":
    main()
