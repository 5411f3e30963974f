"""CREMA-D, the crowd-sourced emotional multimodal actors dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import compare_with_rows, find_audio, parse_stems
from emotone.corpora.tables import read_table, rows_by_stem, to_numbers
from emotone.corpora.vocabulary import translate

NAME = re.compile(
    r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?P<level>LO|MD|HI|XX|X)"
)
EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
VOTES = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}
GENDERS = {"Female": "female", "Male": "male"}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
VOICE_ONLY = "1"
"""What was heard without the picture, in `queryType` and as the first digit of a row's number."""
EMPTY = ("NA",)
"""What its tables, written by R, say for nothing."""


@dataclass(frozen=True)
class CremaD:
    """CREMA-D: 7,442 English utterances, 91 actors, 12 sentences, 6 acted emotions, crowd ratings (Cao et al., 2014).

    Layout: `AudioWAV/1001_DFA_ANG_XX.wav` (actor, sentence, emotion, level), or the same names in any folders. Extra
    columns of tables that are present, in any folders: `age`, `race`, `ethnicity` (and the gender) of
    `VideoDemographics.csv`; `votes_anger`, .., `num_votes`, `agreement` and `mean_level` (0 to 100) of
    `tabulatedVotes.csv`; `voice_vote` and `voice_level`, the emotion most heard and its level, null where there is no
    single one, of `summaryTable.csv`; and of `finishedResponses.csv` the rater table, with a `level` each. Only votes
    on the voice without the face are read. `emotion` is the enacted one, `intensity` low, medium, high or null.
    Licence: ODbL. Speaker-independent results leave speakers out.
    """

    citation: ClassVar[str] = (
        "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced Emotional "
        "Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4), 2014, doi:10.1109/TAFFC.2014.2336244"
    )
    licence: ClassVar[str] = "ODbL 1.0"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the folder; raises EmotoneError for strange names or votes."""
        audio, notes = _find_audio(folder), []
        table = pd.DataFrame(
            {
                "stem": Path(file).stem,
                "id": utterance_id(file),
                "file": file,
                "speaker": parts["actor"],
                "script": parts["sentence"],
                "language": self.language,
                "transcript": SENTENCES.get(parts["sentence"]),
                "emotion": EMOTIONS[parts["emotion"]],
                "intensity": LEVELS[parts["level"]],
            }
            for file, parts in parse_stems(audio, NAME, "1001_DFA_ANG_XX.wav", folder)
        )
        for name, (read_file, key) in TABLES.items():
            path = _find_file(folder, name)
            if path is None:
                notes.append(f"{folder}: there is no {name}, so its columns are not known")
                continue
            columns = read_file(path)
            notes += compare_with_rows(sorted(set(table[key])), list(columns.index), path, incomplete=True)
            table = table.join(columns, on=key)
        ids = dict(zip(table.pop("stem"), table["id"], strict=True))
        path = _find_file(folder, "finishedResponses.csv")
        raters = None if path is None else _read_raters(path, ids, notes)
        return Corpus("crema-d", folder, table, raters, meta_of(self, notes))


def _find_audio(folder: Path) -> dict[str, str]:
    """Audio by stem: of `AudioWAV`, where the folder has one, as the release holds the same as MP3 and video too."""
    if not (folder / "AudioWAV").is_dir():
        return find_audio(folder)
    return {stem: f"AudioWAV/{file}" for stem, file in find_audio(folder / "AudioWAV").items()}


def _find_file(folder: Path, name: str) -> Path | None:
    """The file of this name that lies least deep below the folder."""
    return min(folder.rglob(name), key=lambda path: (len(path.parts), path), default=None)


def _read_actors(path: Path) -> pd.DataFrame:
    """gender, age, race and ethnicity by actor."""
    table = read_table(path, ["ActorID", "Age", "Sex", "Race", "Ethnicity"], missing=EMPTY)
    rows_by_stem(table, "ActorID", path)  # an actor has one row
    return pd.DataFrame(
        {
            "gender": [translate(sex, GENDERS, "sex", str(path)) for sex in table["Sex"]],
            "age": to_numbers(table["Age"], "Age", path).tolist(),
            "race": table["Race"].tolist(),
            "ethnicity": table["Ethnicity"].tolist(),
        },
        index=table["ActorID"],
    )


def _read_votes(path: Path) -> pd.DataFrame:
    """Counts of votes on the voice by clip, their agreement and mean level."""
    table = read_table(path, ["fileName", *VOTES, "numResponses", "agreement", "meanEmoResp"], missing=EMPTY)
    table = table[table.iloc[:, 0].str.startswith(VOICE_ONLY, na=False)].reset_index(drop=True)
    clips = list(rows_by_stem(table, "fileName", path))
    names = {letter: f"votes_{emotion}" for letter, emotion in VOTES.items()} | {
        "numResponses": "num_votes",
        "agreement": "agreement",
        "meanEmoResp": "mean_level",
    }
    return pd.DataFrame(
        {ours: to_numbers(table[theirs], theirs, path).tolist() for theirs, ours in names.items()}, index=clips
    )


def _read_summary(path: Path) -> pd.DataFrame:
    """The emotion most heard in the voice by clip, and its level; null where several emotions are (`A:D`)."""
    table = read_table(path, ["FileName", "VoiceVote", "VoiceLevel"], missing=EMPTY)
    clips = list(rows_by_stem(table, "FileName", path))
    several = table["VoiceVote"].str.contains(":", na=False)
    votes = table["VoiceVote"].mask(several)
    vote = [None if pd.isna(letter) else translate(letter, VOTES, "vote", str(path)) for letter in votes]
    level = to_numbers(table["VoiceLevel"].mask(several), "VoiceLevel", path).tolist()
    return pd.DataFrame({"voice_vote": vote, "voice_level": level}, index=clips)


def _read_raters(path: Path, ids: Mapping[str, str], notes: list[str]) -> pd.DataFrame:
    """Every vote on a voice: id, rater, emotion, level; adds to the notes."""
    table = read_table(path, ["clipName", "queryType", "localid", "respEmo", "respLevel"], missing=EMPTY)
    table = table[table["queryType"] == VOICE_ONLY].reset_index(drop=True)
    clips = table["clipName"].map(lambda clip: Path(str(clip)).stem)
    notes += compare_with_rows(ids, clips.unique().tolist(), path, incomplete=True)
    words = [None if pd.isna(word) else translate(word, VOTES, "vote", str(path)) for word in table["respEmo"]]
    level = to_numbers(table["respLevel"], "respLevel", path)
    votes = pd.DataFrame({"id": clips.map(ids), "rater": table["localid"], "emotion": words, "level": level})
    return votes[votes["id"].notna()]


TABLES = {
    "VideoDemographics.csv": (_read_actors, "speaker"),
    "tabulatedVotes.csv": (_read_votes, "stem"),
    "summaryTable.csv": (_read_summary, "stem"),
}
