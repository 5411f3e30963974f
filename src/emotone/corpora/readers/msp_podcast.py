"""MSP-Podcast, natural speech of podcasts with ratings of attributes and categories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from emotone.base.files import read_plain_text
from emotone.corpora.corpus import ATTRIBUTES, RATER_COLUMNS, Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, match_audio
from emotone.corpora.tables import read_json, read_table, require_file, to_ratings
from emotone.corpora.vocabulary import map_words
from emotone.errors import EmotoneError, name_some, unknown

EMOTIONS: dict[str, str | None] = {
    "A": "anger",
    "S": "sadness",
    "H": "happiness",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
    "X": None,
}
VOTES: dict[str, str | None] = {
    "angry": "anger",
    "sad": "sadness",
    "happy": "happiness",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
    "contempt": "contempt",
    "neutral": "neutral",
    "other": "other",
    # Answers to the question for secondary emotions, which have no class of their own.
    **dict.fromkeys(
        ("amused", "annoyed", "concerned", "confused", "depressed", "disappointed", "excited", "frustrated"), "other"
    ),
}
GENDERS: dict[str, str | None] = {"Female": "female", "Male": "male", "Unknown": None}
PARTS: dict[str, str | None] = {
    "Train": "train",
    "Validation": "validation",
    "Development": "validation",
    "Test": "test",
    "Test1": "test",
    "Test2": "test",
    "Test3": "test",
}
COLUMNS = {"arousal": "EmoAct", "dominance": "EmoDom", "valence": "EmoVal"}
NEEDED = ("EmoClass", *COLUMNS.values(), "SpkrID", "Gender", "Split_Set")
RATER_NAMES = ("Workers", "Worker", "WorkerID", "Worker_ID", "Rater", "RaterID", "Annotator")
# A vote in one cell: `WORKER00000014; Other-calm; Neutral,Calm; A:4.000000; V:4.000000; D:5.000000;`
DETAIL = re.compile(
    r"\s*(?P<rater>[^;]+?)\s*;\s*(?P<emotion>[^;]*?)\s*;.*?"
    r"A:\s*(?P<arousal>[^;\s]*)\s*;\s*V:\s*(?P<valence>[^;\s]*)\s*;\s*D:\s*(?P<dominance>[^;\s]*)\s*;?\s*"
)
PODCAST = re.compile(r"MSP-PODCAST_(\d+)_")
HIDDEN = re.compile(r"MSP-PODCAST_test3_\d+")


@dataclass(frozen=True)
class MspPodcast:
    """MSP-Podcast 1.6 to 2.0: up to 264,705 labelled segments, 3 attributes, 8 emotions (Lotfian & Busso, TAC 2019).

    Layout: `Audios/MSP-PODCAST_0001_0008.wav` (or `Audio/`) and `Labels/labels_consensus.csv` (`labels_concensus.csv`
    up to 1.9; `.json` where only that is there); where present `Labels/labels_detailed.csv` or `.json` (every rater's
    vote), `Transcripts/*.txt` and `ForceAligned/*.TextGrid` (see `emotone.audio.words.alignment`). A folder without
    labels holds unlabelled segments: their split is `unlabelled`. No agreement is no emotion. `session` is the podcast.
    Extra columns: `partition` (the owner's name of the split), `alignment` (the TextGrid's path in the folder).

    The official split has one test set, so that it is what papers report. The others are kept as parts of their own
    (`test2`, `test3`), which no recipe trains or tests on and `emotone evaluate --part test2` does. The sets share
    speakers among each other. Of Test3 the release has the audio only: its segments have no labels.

    test: the owner's set that is the test part; Test1 is also what older releases call Test; `all` pools the three.
    incomplete: leave out rows without audio and audio without rows, instead of refusing the folder.
    """

    test: Literal["Test1", "Test2", "Test3", "all"] = "Test1"
    incomplete: bool = False

    citation: ClassVar[str] = (
        "R. Lotfian, C. Busso: Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving Emotional Speech "
        "from Existing Podcast Recordings. IEEE Trans. Affective Computing 10(4), 2019, doi:10.1109/TAFFC.2017.2736999"
    )
    licence: ClassVar[str] = "licence agreement with The University of Texas at Dallas"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {name: (1.0, 7.0) for name in ATTRIBUTES}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(name for name in EMOTIONS.values() if name))

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the folder; raises EmotoneError naming missing files and counting bad rows."""
        audio, labels = _find_segments(folder), _find_labels(folder)
        notes: list[str] = []
        if labels is None:
            notes.append("there is no folder Labels: all segments are unlabelled")
            table = pd.DataFrame({"stem": list(audio), "file": list(audio.values()), "split": "unlabelled"})
            raters = None
        else:
            rows = _read_consensus(_find_table(labels, "consensus", "concensus"))
            listed = set(rows["stem"])
            rows = self._choose_test(_with_hidden(rows, audio), notes)
            table = match_audio(rows, audio, "labels_consensus", self.incomplete, notes)
            raters = _read_raters(labels, listed)
        table["id"] = table["file"].map(utterance_id)
        table["language"] = self.language
        table["session"] = table["stem"].str.extract(PODCAST)[0]
        table["transcript"] = table["stem"].map(_read_transcripts(folder, table["stem"]))
        table["alignment"] = table["stem"].map(_list_stems(folder, "ForceAligned", ".TextGrid"))
        if raters is not None:
            raters["id"] = raters["stem"].map(table.set_index("stem")["id"])
            raters = raters.loc[raters["id"].notna(), list(RATER_COLUMNS)]
        return Corpus("msp-podcast", folder, table.drop(columns="stem"), raters, meta_of(self, notes))

    def _choose_test(self, rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
        """The rows with their split: that of another test set is its name."""
        rows["split"] = map_words(rows["partition"], PARTS, "values of Split_Set", "labels_consensus")
        is_test = rows["split"] == "test"
        names = rows["partition"].replace("Test", "Test1")
        if self.test == "all":
            return rows
        if not (names[is_test] == self.test).any():
            raise unknown("test set", self.test, {*names[is_test], "all"}, where="labels_consensus")
        is_other = is_test & (names != self.test)
        rows["split"] = rows["split"].mask(is_other, names.str.lower())
        for name, number in names[is_other].value_counts().sort_index().items():
            notes.append(f"{number} segments of {name} are the part {str(name).lower()}; the test part is {self.test}")
        return rows


def _find_segments(folder: Path) -> dict[str, str]:
    """Stem -> path of the audio in `Audios` or `Audio`, or, where the folder is nothing but audio, anywhere in it."""
    for name in ("Audios", "Audio"):
        if (folder / name).is_dir():
            return {stem: f"{name}/{file}" for stem, file in find_audio(folder / name).items()}
    if _find_labels(folder) is not None:
        raise EmotoneError(f"{folder / 'Audios'} is missing")
    return find_audio(folder)


def _find_labels(folder: Path) -> Path | None:
    names = ("Labels", "labels", "Label", "label")
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _find_table(labels: Path, *kinds: str) -> Path:
    """The first `labels_KIND.csv` or `.json` that is there; raises EmotoneError naming the one that should be."""
    paths = [labels / f"labels_{kind}{suffix}" for suffix in (".csv", ".json") for kind in kinds]
    return next((path for path in paths if path.is_file()), None) or require_file(paths[0])


def _read_consensus(path: Path) -> pd.DataFrame:
    """One row per segment: stem, emotion, attributes, speaker, gender, partition."""
    if path.suffix == ".json":
        labels = {file: row[0] if isinstance(row, list) else row for file, row in read_json(path).items()}
        table = pd.DataFrame.from_dict(labels, orient="index").reindex(columns=NEEDED).rename_axis("FileName")
        table = table.reset_index()
    else:
        table = read_table(path, ("FileName", *NEEDED))
    rows = pd.DataFrame({"stem": _stems(table["FileName"])})
    table["stem"] = rows["stem"]
    rows["emotion"] = map_words(table["EmoClass"], EMOTIONS, "emotions", path.name)
    for attribute, column in COLUMNS.items():
        rows[attribute] = to_ratings(table, column, MspPodcast.attributes[attribute], path.name)
    rows["speaker"] = table["SpkrID"].map(str, na_action="ignore").replace("Unknown", None)
    rows["gender"] = map_words(table["Gender"], GENDERS, "genders", path.name)
    rows["partition"] = table["Split_Set"]
    if rows["partition"].isna().any():
        raise EmotoneError(f"{path}: {rows['partition'].isna().sum()} of {len(rows)} rows have no Split_Set")
    return rows


def _with_hidden(rows: pd.DataFrame, audio: Mapping[str, str]) -> pd.DataFrame:
    """The rows and one without labels for each segment of Test3 that the table does not list, as its owner keeps it."""
    hidden = [stem for stem in audio.keys() - set(rows["stem"]) if HIDDEN.fullmatch(stem)]
    if not hidden:
        return rows
    return pd.concat([rows, pd.DataFrame({"stem": sorted(hidden), "partition": "Test3"})], ignore_index=True)


def _read_raters(labels: Path, listed: set[str]) -> pd.DataFrame | None:
    """Every vote as one row: stem, rater, emotion, attributes; None where there is no table of them."""
    paths = [labels / "labels_detailed.csv", labels / "labels_detailed.json"]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    table = _votes_of_json(path) if path.suffix == ".json" else _votes_of_csv(path)
    strangers = sorted(set(table["stem"]) - listed)
    if strangers:
        raise EmotoneError(f"{path}: rates {len(strangers)} segments without consensus, e.g. {name_some(strangers)}")
    # Raters may put a word of their own after Other: `Other-calm`.
    words = table["emotion"].str.strip().str.lower()
    table["emotion"] = words.where(~words.str.startswith("other", na=False), "other")
    table["emotion"] = map_words(table["emotion"], VOTES, "emotions", path.name)
    for attribute, limits in MspPodcast.attributes.items():
        table[attribute] = to_ratings(table, attribute, limits, path.name)
    return table


def _votes_of_json(path: Path) -> pd.DataFrame:
    names = {"EmoClass_Major": "emotion"} | {column: attribute for attribute, column in COLUMNS.items()}
    votes = [
        {"stem": Path(file).stem, "rater": rater} | {ours: vote.get(theirs) for theirs, ours in names.items()}
        for file, raters in read_json(path).items()
        for rater, vote in raters.items()
    ]
    return pd.DataFrame(votes, columns=["stem", "rater", *names.values()])


def _votes_of_csv(path: Path) -> pd.DataFrame:
    """Votes in columns, or in one cell `EmoDetail` each, as releases have them."""
    table = read_table(path, ["FileName"])
    stems = _stems(table["FileName"])
    if "EmoDetail" in table:
        votes = table["EmoDetail"].str.extract("^" + DETAIL.pattern + "$")
        if votes["rater"].isna().any():
            cell = table.loc[votes["rater"].isna(), "EmoDetail"].iloc[0]
            raise EmotoneError(f"{path}: {votes['rater'].isna().sum()} of {len(votes)} votes unreadable, e.g. {cell!r}")
        return votes.assign(stem=stems)
    names = {column.lower(): column for column in table}
    rater = next((names[name.lower()] for name in RATER_NAMES if name.lower() in names), None)
    if rater is None:
        raise EmotoneError(f"{path}: has no column of raters ({', '.join(RATER_NAMES)}), only {', '.join(table)}")
    columns = {"rater": rater, "emotion": "EmoClass_Major"} | COLUMNS
    table = read_table(path, columns.values())
    return pd.DataFrame({"stem": stems} | {ours: table[theirs] for ours, theirs in columns.items()})


def _stems(files: pd.Series) -> pd.Series:
    return files.str.replace(r"\.[A-Za-z0-9]+$", "", regex=True)


def _list_stems(folder: Path, name: str, suffix: str) -> dict[str, str]:
    """Stem -> path in the corpus folder of the files in one of its folders, listed once; empty where there is none."""
    if not (folder / name).is_dir():
        return {}
    found = [path.name for path in (folder / name).iterdir() if path.name.endswith(suffix)]
    return {file.removesuffix(suffix): f"{name}/{file}" for file in sorted(found)}


def _read_transcripts(folder: Path, stems: pd.Series) -> dict[str, str]:
    files = _list_stems(folder, "Transcripts", ".txt")
    return {stem: read_plain_text(folder / files[stem]).strip() for stem in stems if stem in files}
