"""What each peer is installed from, and the commands by which it does the tasks of `run.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
TORCH = ["--constraint", str(CHECKOUT / "constraints.txt"), "--prefer-binary", "torch"]
PACKAGES = {
    "emotone": [*TORCH, f"{CHECKOUT}[train,opensmile]"],
    "by-hand": ["opensmile", "scikit-learn"],
    "librosa": ["librosa", "scikit-learn"],
    "nkululeko": [*TORCH, "nkululeko"],
    "autrainer": [*TORCH, "autrainer[opensmile]"],
}
NUM_FEATURES = {"eGeMAPSv02": 88, "ComParE_2016": 6_373}


def training(peer: str, place: Path, corpus: Path, feature_set: str, folder: Path) -> list[list[str]]:
    """Leave one speaker out, begun in a folder of its own: what is run, one after another."""
    python = str(place / "bin" / "python")
    files = audio_of(corpus)
    if peer == "by-hand":
        return [[python, str(HERE / "by_hand.py"), str(corpus), feature_set]]
    if peer == "librosa":
        return [[python, str(HERE / "by_librosa.py"), str(corpus)]]
    if peer == "nkululeko":
        lines = ["file,speaker,emotion", *(f"{file},{file.stem[:2]},{file.stem[5]}" for file in files)]
        (folder / "emodb.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        text = (HERE / "nkululeko.ini").read_text(encoding="utf-8")
        text = text.format(
            folder=folder, table=folder / "emodb.csv", feature_set=feature_set, num_speakers=len(speakers_of(files))
        )
        (folder / "experiment.ini").write_text(text, encoding="utf-8")
        return [[python, "-m", "nkululeko.nkululeko", "--config", str(folder / "experiment.ini")]]
    program = str(place / "bin" / peer)
    if peer == "autrainer":
        lay_out_autrainer(files, feature_set, folder)
        one = f"dataset=emodb-{int(speakers_of(files)[0])}"  # each fold's settings would make all features again
        return [[program, "fetch", one], [program, "preprocess", one], [program, "train"]]
    train = [program, "train", "emodb-functionals-svm", f"feature.feature_set={feature_set}"]
    return [[program, "prepare", "emodb", str(corpus)], train]


def prediction(peer: str, place: Path, trained: Path, recordings: Path, feature_set: str) -> list[list[str]]:
    """A folder of recordings by what a training left in its folder; none for librosa, which is as by hand."""
    python, program = str(place / "bin" / "python"), str(place / "bin" / peer)
    if peer == "by-hand":
        return [[python, str(HERE / "predict_by_hand.py"), str(trained / "model.joblib"), str(recordings), feature_set]]
    if peer == "nkululeko":
        config = ["--config", str(trained / "experiment.ini")]
        made = [python, "-m", "nkululeko.bundle", *config, "--output", "bundle"]
        return [made, [python, "-m", "nkululeko.infer", "bundle", "--folder", str(recordings)]]
    if peer == "autrainer":
        model = next((trained / "results" / "emodb" / "training").glob("emodb-*"))
        return [[program, "inference", str(model), str(recordings), "scores", "--update-frequency", "0"]]
    if peer == "emotone":
        run = next((trained / "runs" / "emodb-functionals-svm").glob("*/fold-0"))
        return [[program, "predict", str(recordings), "--model", str(run), "--output", "scores.csv"]]
    return []


def audio_of(corpus: Path) -> list[Path]:
    """The recordings of a folder."""
    return sorted(path for path in corpus.rglob("*") if path.suffix in (".wav", ".flac"))


def speakers_of(files: Sequence[Path]) -> list[str]:
    """Speakers by the names of EmoDB's files."""
    return sorted({file.stem[:2] for file in files})


def lay_out_autrainer(files: Sequence[Path], feature_set: str, folder: Path) -> None:
    """A project of autrainer: the corpus where it would download it to, and a file of settings for each fold.

    It has no folds over speakers of its own: one speaker is tested on, the next chooses the epoch.
    """
    audio = folder / "data" / "EmoDB" / "default"
    audio.mkdir(parents=True)
    for file in files:
        (audio / file.name).symlink_to(file.resolve())
    lines = ["filename,emotion,speaker", *(f"{file.name},{file.stem[5]},{int(file.stem[:2])}" for file in files)]
    (audio.parent / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for kind in ("dataset", "model"):
        (folder / "conf" / kind).mkdir(parents=True)
    templates = {name: (HERE / "autrainer" / f"{name}.yaml").read_text() for name in ("dataset", "model", "config")}
    speakers = [int(speaker) for speaker in speakers_of(files)]
    for index, test in enumerate(speakers):
        dev = speakers[(index + 1) % len(speakers)]
        train = [speaker for speaker in speakers if speaker not in (test, dev)]
        text = templates["dataset"].format(test=test, dev=dev, train=train, feature_set=feature_set)
        (folder / "conf" / "dataset" / f"emodb-{test}.yaml").write_text(text, encoding="utf-8")
    text = templates["model"].format(num_features=NUM_FEATURES[feature_set])
    (folder / "conf" / "model" / "dense.yaml").write_text(text, encoding="utf-8")
    text = templates["config"].format(folds=", ".join(f"emodb-{speaker}" for speaker in speakers))
    (folder / "conf" / "config.yaml").write_text(text, encoding="utf-8")
