"""EmoTale, enacted emotion in Danish and English with dimensional ratings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd

from emotone.corpora.corpus import ATTRIBUTES, Corpus, mean_ratings, meta_of, utterance_id
from emotone.corpora.files import compare_with_rows, find_audio, parse_stems
from emotone.corpora.tables import read_table, require_file, rows_by_stem
from emotone.corpora.vocabulary import translate
from emotone.errors import EmotoneError

NAME = re.compile(r"(?P<part>DK|EN)_(?P<speaker>\d{3})_(?P<emotion>[ABHNS])_(?P<sentence>\d+)")
EMOTIONS = {"A": "anger", "B": "boredom", "H": "happiness", "N": "neutral", "S": "sadness"}
LANGUAGES = {"DK": "da", "EN": "en"}
PARTS = {"danish": "DK", "english": "EN"}
SENTENCE_COLUMNS = {"DK": "danish", "EN": "english"}
LETTERS = {"arousal": "A", "dominance": "D", "valence": "V"}
GENDERS = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class EmoTale:
    """EmoTale: 450 Danish and 350 English utterances, 18 speakers, 5 enacted emotions (Hjuler et al., ASRU 2025).

    Layout: `annotations.csv` (per rater arousal, valence, dominance from 1 to 5 and a category), audio named
    `DK_001_A_1.wav` (part, speaker, emotion, sentence) in any folder, and where present `speaker_info.csv` (gender,
    age) and `sentences.tsv` (texts). `emotion` is the enacted one, of the file name; arousal, dominance and valence are
    the raters' means; the rater table keeps every vote. A part without any audio is left out, and audio without ratings
    has its enacted emotion only, both with a note. Extra column: `age`. No licence is given: for evaluation only.

    part: danish, english or both; the same speakers speak in both.
    incomplete: within a part, leave ratings without audio out, with a note, instead of refusing them.
    """

    part: Literal["danish", "english", "both"] = "both"
    incomplete: bool = False

    citation: ClassVar[str] = (
        "M. J. Hjuler, H. V. Skat-Rørdam, L. H. Clemmensen, S. Das: EmoTale: An Enacted Speech-emotion Dataset in "
        "Danish. ASRU 2025, arXiv:2508.14548"
    )
    licence: ClassVar[str] = "none given (evaluation only)"
    language: ClassVar[str] = "da"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {name: (1.0, 5.0) for name in ATTRIBUTES}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the folder; raises EmotoneError for missing files and strange names or votes."""
        annotations_file = require_file(folder / "annotations.csv")
        speakers, sentences = _read_speakers(folder), _read_sentences(folder)
        rows: list[dict[str, Any]] = []
        for file, name in parse_stems(find_audio(folder), NAME, "DK_001_A_1.wav", folder):
            if self.part != "both" and name["part"] != PARTS[self.part]:
                continue
            gender, age = speakers.get(name["speaker"], (None, None))
            rows.append(
                {
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": name["speaker"],
                    "gender": gender,
                    "script": name["sentence"],
                    "language": LANGUAGES[name["part"]],
                    "transcript": sentences.get((name["part"], name["sentence"])),
                    "emotion": EMOTIONS[name["emotion"]],
                    "age": age,
                }
            )
        if not rows:
            raise EmotoneError(f"{folder}: holds no audio of the {self.part} part")
        table = pd.DataFrame(rows)
        ids = {Path(row["file"]).stem: row["id"] for row in rows}
        raters, notes = _read_raters(annotations_file, ids, self.incomplete)
        table = table.join(mean_ratings(raters), on="id")
        return Corpus("emotale", folder, table, raters, meta_of(self, notes))


def _read_raters(path: Path, ids: dict[str, str], incomplete: bool) -> tuple[pd.DataFrame, list[str]]:
    """Every vote as one row: id, rater (a1, a2, ..), emotion, arousal, dominance, valence; and notes."""
    annotations = read_table(path, ["file"])
    raters = sorted(match[1] for column in annotations if (match := re.fullmatch(r"(a\d+)_cat", column)))
    if not raters:
        raise EmotoneError(f"{path}: has no rater columns (a1_A, a1_V, a1_D, a1_cat, ..)")
    needed = [f"{rater}_{letter}" for rater in raters for letter in LETTERS.values()]
    rows = rows_by_stem(read_table(path, needed), "file", path)
    parts_at_hand = {stem[:2] for stem in ids}
    of_parts = [stem for stem in rows if stem[:2] in parts_at_hand]
    notes = compare_with_rows(ids, of_parts, path, incomplete)
    if len(of_parts) < len(rows):
        notes.append(f"{path}: {len(rows) - len(of_parts)} of {len(rows)} rows are of a part that is not read")
    votes = [
        {"id": ids[stem], "rater": rater, **_vote(row, rater, f"{path}, {row['file']}")}
        for stem, row in rows.items()
        if stem in ids
        for rater in raters
    ]
    return pd.DataFrame(votes, columns=["id", "rater", "emotion", *ATTRIBUTES]), notes


def _vote(row: dict[str, Any], rater: str, where: str) -> dict[str, Any]:
    """One rater's category and attributes; an empty cell is a vote that was not given."""
    category = row[f"{rater}_cat"]
    emotion = None if pd.isna(category) else translate(category, EMOTIONS, "emotion", where)
    vote: dict[str, Any] = {"emotion": emotion}
    for attribute, letter in LETTERS.items():
        cell = row[f"{rater}_{letter}"]
        low, high = EmoTale.attributes[attribute]
        try:
            value = float("nan") if pd.isna(cell) else float(cell)
        except ValueError:
            raise EmotoneError(f"{where}: {rater}_{letter} is {cell!r}, not a number") from None
        if value < low or value > high:
            raise EmotoneError(f"{where}: {rater}_{letter} is {value:g}, outside [{low:g}, {high:g}]")
        vote[attribute] = value
    return vote


def _read_speakers(folder: Path) -> dict[str, tuple[str | None, float | None]]:
    """Speaker -> (gender, age in years), where the owner's table is at hand."""
    path = folder / "speaker_info.csv"
    if not path.is_file():
        return {}
    speakers: dict[str, tuple[str | None, float | None]] = {}
    for row in read_table(path, ["speaker", "gender", "age"]).to_dict("records"):
        gender = None if pd.isna(row["gender"]) else translate(row["gender"], GENDERS, "gender", str(path))
        try:
            speakers[row["speaker"].zfill(3)] = (gender, None if pd.isna(row["age"]) else float(row["age"]))
        except ValueError:
            raise EmotoneError(f"{path}: the age of speaker {row['speaker']} is {row['age']!r}, not a number") from None
    return speakers


def _read_sentences(folder: Path) -> dict[tuple[str, str], str]:
    """(part, sentence number) -> text, where the table of sentences is at hand."""
    path = folder / "sentences.tsv"
    if not path.is_file():
        return {}
    table = read_table(path, ["sentence", *SENTENCE_COLUMNS.values()])
    return {
        (part, row["sentence"]): row[column]
        for part, column in SENTENCE_COLUMNS.items()
        for row in table.to_dict("records")
    }
