"""Our own low-level descriptors against openSMILE's: python results/descriptors.py DATA PUBLISHED REFERENCE.

DATA holds the corpora, PUBLISHED the repositories of the published weights, REFERENCE the scores that the published
code gives EmoTale-DA (emotale-da-published.csv) and some files with its scores (systems/*.npz). Descriptors are
compared on files of five corpora that were not looked at while they were written, scores of the published systems on
all of EmoTale-DA, and with the mean of three human ratings. Writes descriptors.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.folder import list_audio
from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.evaluate.numbers.metrics import ccc, pearson
from emotone.features.extractors.lld import Extractor, Lld
from emotone.features.lld.names import column_names
from emotone.features.opensmile import FeatureSetName
from emotone.models.pull import pull

RESULTS = Path(__file__).resolve().parent
FramesMs = tuple[float | None, float | None]
CORPORA = {"emodb": 40, "emotale-da": 40, "ravdess": 40, "nemo": 30, "librispeech": 20}
"""Files of each corpus whose descriptors are compared."""
SYSTEMS = {
    "chunk-attention-self": "chunk_attention/SelfAttenVec/{}/score",
    "chunk-attention-rnn": "chunk_attention/RnnAttenVec/{}/score",
    "emotion-seq2seq": "seq2seq/{}/score",
    "emotion-ranker": "",
}
"""Published systems on descriptors, and the columns of their scores as published."""
ATTRIBUTES = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}
OTHER_FRAMES: dict[str, FramesMs] = {
    "60 and 20 ms every 10 ms, the set's own": (None, None),
    "25 ms every 10 ms": (25.0, 10.0),
    "40 ms every 20 ms": (40.0, 20.0),
}
"""Frame size and step of the frames that are compared beside those of the published systems."""
NEAR = 1e-3
EXTRACTORS: tuple[Extractor, Extractor] = ("own", "opensmile")
AT_ONCE = 16
LEFT = """What is left: rows near zero; roll-offs of a single click in digital silence, which rounding decides; voice
quality and the voice's deltas in the last rows of a file that ends while somebody speaks, where openSMILE smooths as
if some frames had not been (here they are smoothed to the end); files of fewer than four frames, whose last rows
differ; what repeats exactly, whose logHNR is 100 here and infinite there."""
GROUPS = {
    "F0, voicing": slice(0, 2),
    "jitter": slice(2, 3),
    "DDP": slice(3, 4),
    "shimmer": slice(4, 5),
    "HNR": slice(5, 6),
    "auditory, energy, crossings": slice(6, 10),
    "RASTA": slice(10, 36),
    "bands, roll-offs": slice(36, 42),
    "flux to harmonicity": slice(42, 51),
    "MFCC": slice(51, 65),
    "deltas of F0, voicing": slice(65, 67),
    "deltas of jitter, DDP, shimmer, HNR": slice(67, 71),
    "other deltas": slice(71, 130),
}
VOICE = tuple(name for name in GROUPS if name.endswith(("voicing", "jitter", "DDP", "shimmer", "HNR")))
"""Groups of columns in which ComParE_2016 differs from IS13_ComParE."""
Array = NDArray[np.float32]
Both = tuple[NDArray[np.float64], NDArray[np.float64]]


def chosen(data: Path) -> dict[str, list[str]]:
    """The files whose descriptors are compared, by corpus."""
    found = {}
    for corpus, num in CORPORA.items():
        files = sorted(str(data / corpus / file) for file in list_audio(data / corpus))
        looked_at = {*files[:: max(1, len(files) // 12)], *files[1 :: max(1, len(files) // 50)]}
        left = [file for file in files if file not in looked_at]
        found[corpus] = left[:: max(1, len(left) // num)][:num]
    return found


def compare(files: list[str], ms: FramesMs = (32.0, 16.0), feature_set: FeatureSetName = "IS13_ComParE") -> Both:
    """All rows of these files by both extractors, [T, 130]."""
    own, theirs = (Lld(feature_set, *ms, extractor=extractor) for extractor in EXTRACTORS)
    samples = [load_audio(file) for file in files]
    both = [np.concatenate([feature(one) for one in samples]).astype(np.float64) for feature in (own, theirs)]
    return both[0], both[1]


def of_column(own: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float, float]:
    """Pearson's r, median relative error, and share of rows within a thousandth."""
    error = np.abs(own - theirs) / np.maximum(np.abs(theirs), 1e-9)
    return float(np.corrcoef(own, theirs)[0, 1]), float(np.median(error)), float((error <= NEAR).mean())


def describe_columns(own: NDArray[np.float64], theirs: NDArray[np.float64]) -> list[str]:
    """A line for each column."""
    lines = ["| column | r | median relative error | rows within 1e-3 |", "|---|---|---|---|"]
    for place, name in enumerate(column_names()):
        r, median, share = of_column(own[:, place], theirs[:, place])
        lines.append(f"| {name} | {r:.6f} | {median:.1e} | {share:.4f} |")
    return lines


def describe_groups(own: NDArray[np.float64], theirs: NDArray[np.float64], groups: Iterable[str] = GROUPS) -> list[str]:
    """A line for each group of columns: the least r, the largest median, the least share."""
    lines = ["| columns | least r | median relative error at most | rows within 1e-3 at least |", "|---|---|---|---|"]
    for name in groups:
        found = np.array([of_column(own[:, place], theirs[:, place]) for place in range(130)[GROUPS[name]]])
        lines.append(f"| {name} | {found[:, 0].min():.6f} | {found[:, 1].max():.0e} | {found[:, 2].min():.4f} |")
    return lines


def describe_later_set(files: list[str]) -> list[str]:
    """The voice's columns of ComParE_2016, and their deltas."""
    lines = []
    frames: dict[str, FramesMs] = {"32 ms every 16 ms": (32.0, 16.0), **OTHER_FRAMES}
    for title, ms in frames.items():
        own, theirs = compare(files, ms, "ComParE_2016")
        lines += [f"{title[0].upper()}{title[1:]}:", "", *describe_groups(own, theirs, VOICE), ""]
    return lines


def describe_other_frames(files: list[str]) -> list[str]:
    """The groups of columns, then all columns, at other frames."""
    lines, columns = [], []
    for title, ms in OTHER_FRAMES.items():
        own, theirs = compare(files, ms)
        lines += [f"{title[0].upper()}{title[1:]}, {len(own)} rows:", "", *describe_groups(own, theirs), ""]
        columns.append([of_column(own[:, place], theirs[:, place]) for place in range(130)])
    titles = " | ".join(f"{title}: r | median | within 1e-3" for title in OTHER_FRAMES)
    lines += [f"| column | {titles} |", "|---|" + "---|---|---|" * len(OTHER_FRAMES)]
    for place, name in enumerate(column_names()):
        numbers = " | ".join("{:.6f} | {:.1e} | {:.4f}".format(*of[place]) for of in columns)
        lines.append(f"| {name} | {numbers} |")
    return lines


def scores(bundles: dict[str, Bundle], features: list[Array]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Scores {system: {attribute: [N]}} of files with these features."""
    found = {}
    for name, bundle in bundles.items():
        parts = [
            bundle.score_features(features[start : start + AT_ONCE]).attributes
            for start in range(0, len(features), AT_ONCE)
        ]
        found[name] = {attribute: np.concatenate([part[attribute] for part in parts]) for attribute in parts[0]}
    return found


def describe_scores(
    own: dict[str, dict[str, NDArray[np.float64]]], theirs: dict[str, dict[str, NDArray[np.float64]]]
) -> list[str]:
    """A line for each system and attribute: how far scores by both descriptors lie apart."""
    lines = ["| system | attribute | mean difference | 95th percentile | largest | r |", "|---|---|---|---|---|---|"]
    for system, of in own.items():
        for attribute, found in of.items():
            apart = np.abs(found - theirs[system][attribute])
            numbers = f"{apart.mean():.5f} | {np.percentile(apart, 95):.5f} | {apart.max():.4f}"
            lines.append(f"| {system} | {attribute} | {numbers} | {pearson(found, theirs[system][attribute]):.6f} |")
    return lines


def describe_ratings(own: dict[str, dict[str, NDArray[np.float64]]], published: pd.DataFrame, data: Path) -> list[str]:
    """A line for each system: against human ratings, by our own descriptors and as published."""
    corpus = plugins.create("corpora", "emotale").read(data / "emotale-da").utterances
    truth = corpus.set_index(corpus["file"].map(lambda file: Path(file).stem)).loc[published.index]
    lines = ["| system | attribute | own: r, CCC | as published: r, CCC |", "|---|---|---|---|"]
    for system, column in SYSTEMS.items():
        for attribute, short in ATTRIBUTES.items() if column else ():
            given = (own[system][attribute], published[column.format(short)].to_numpy())
            pairs = [
                (float(metric(1 + (found - 1) * 4 / 6, truth[attribute].to_numpy())))
                for found in given
                for metric in (pearson, ccc)
            ]
            lines.append("| {} | {} | {:.3f}, {:.3f} | {:.3f}, {:.3f} |".format(system, attribute, *pairs))
    return lines


def describe_references(bundles: dict[str, Bundle], reference: Path, data: Path) -> str:
    """The largest difference to the published code's own scores of its reference files, from audio."""
    largest = {}
    for path in sorted((reference / "systems").glob("*.npz")):
        golden = np.load(path)
        features = [Lld()(load_audio(data.parent / str(golden["audio"])))]
        for system, of in scores(bundles, features).items():
            for attribute, short in ATTRIBUTES.items():
                key = SYSTEMS[system].format(short).replace("/", "__")
                if key and key in golden:
                    apart = abs(float(of[attribute][0]) - float(golden[key]))
                    largest[system] = max(largest.get(system, 0.0), apart)
    return ", ".join(f"{system} {apart:.4f}" for system, apart in largest.items())


def main(data: Path, published_weights: Path, reference: Path) -> None:
    """Compare, and write the page."""
    files = chosen(data)
    own, theirs = compare([file for some in files.values() for file in some])
    published = pd.read_csv(reference / "emotale-da-published.csv")
    published.index = published["file"].map(lambda file: Path(file).stem)
    by_stem = {Path(file).stem: data / "emotale-da" / file for file in list_audio(data / "emotale-da")}
    samples = [load_audio(by_stem[stem]) for stem in published.index]
    with tempfile.TemporaryDirectory() as folder:
        bundles = {
            name: Bundle.load(str(pull(name, published_weights, Path(folder) / name)), threads=1) for name in SYSTEMS
        }
        both = [scores(bundles, [feature(one) for one in samples]) for feature in (Lld(), Lld(extractor="opensmile"))]
        largest = describe_references(bundles, reference, data)
    counts = ", ".join(f"{len(some)} of {corpus}" for corpus, some in files.items())
    page = [
        "# Our own low-level descriptors against openSMILE's",
        "",
        "Made by `python results/descriptors.py`; do not edit. `extractor=own` against `extractor=opensmile` on "
        f"{counts}, {len(own)} rows, of which none was looked at while the descriptors were written.",
        "",
        *describe_groups(own, theirs),
        "",
        LEFT,
        "",
        "## Scores of the published systems",
        "",
        f"All {len(samples)} files of EmoTale-DA, on 1..7 (margins of rankers), by both descriptors:",
        "",
        *describe_scores(*both),
        "",
        f"Largest difference to the published code's own scores of its reference files: {largest}.",
        "",
        "Against the mean of three human ratings (1..5):",
        "",
        *describe_ratings(both[0], published, data),
        "",
        "## All columns",
        "",
        *describe_columns(own, theirs),
        "",
        "## Other frames",
        "",
        "The same files, of which one, 3235-11599-0000, was looked at for what becomes of voices in digital silence. "
        "What is left is the same; the rows before the end of a file weigh the more the fewer it has.",
        "",
        *describe_other_frames([file for some in files.values() for file in some]),
        "",
        "## ComParE_2016",
        "",
        "The same files. Its other columns are those of IS13_ComParE.",
        "",
        *describe_later_set([file for some in files.values() for file in some]),
    ]
    (RESULTS / "descriptors.md").write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
