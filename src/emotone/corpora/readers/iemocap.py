"""IEMOCAP, acted dialogues in English with rater votes, attributes and transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd

from emotone.base.files import read_plain_text
from emotone.corpora.corpus import ATTRIBUTES, RATER_COLUMNS, Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, match_audio
from emotone.corpora.tables import to_ratings
from emotone.corpora.vocabulary import map_words
from emotone.errors import EmotoneError, name_some

EMOTIONS: dict[str, str | None] = {
    "neu": "neutral",
    "hap": "happiness",
    "sad": "sadness",
    "ang": "anger",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "fru": "frustration",
    "exc": "excitement",
    "oth": "other",
    "xxx": None,
}
VOTES: dict[str, str | None] = {
    "Neutral": "neutral",
    "Neutral state": "neutral",
    "Happiness": "happiness",
    "Sadness": "sadness",
    "Anger": "anger",
    "Surprise": "surprise",
    "Fear": "fear",
    "Disgust": "disgust",
    "Frustration": "frustration",
    "Excited": "excitement",
    "Excitement": "excitement",
    "Other": "other",
}
KINDS = {"impro": "improvised", "script": "scripted"}
GENDERS = {"F": "female", "M": "male"}
NAME = re.compile(r"(?P<dialogue>Ses0(?P<session>\d)[FM]_(?P<script>(?P<kind>impro|script)\w*))_(?P<actor>[FM])\d+")
# `[6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]`: time in the dialogue, turn, category, VAD.
TURN = re.compile(r"\[(?P<start>[\d.]+) - [\d.]+\]\s+(?P<stem>\S+)\s+(?P<emotion>\S+)\s+\[(?P<ratings>[^\]]*)\]")
CATEGORIES = re.compile(r"C-(?P<rater>[A-Z]\d+):\s*(?P<words>[^\t(]*)")
RATINGS = re.compile(r"A-(?P<rater>[A-Z]\d+):\s*val\s*([^\s;]*)\s*;\s*act\s*([^\s;]*)\s*;\s*dom\s*([^\s;]*)\s*;")
Lines = list[tuple[int, str]]
ORDER = ("valence", "arousal", "dominance")
TRANSCRIPT = re.compile(r"(\S+) \[[\d.]+-[\d.]+\]:\s*(.*)")


@dataclass(frozen=True)
class Iemocap:
    """IEMOCAP: 10,039 turns of dialogues, 10 actors in 5 sessions, 10 emotions, 3 attributes (Busso et al., LRE 2008).

    Layout: `Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav`, `Session1/dialog/EmoEvaluation/*.txt`
    (labels and votes), and where present `dialog/transcriptions/*.txt` and `sentences/ForcedAlignment/*/*.wdseg` (see
    `emotone.audio.words.alignment`). `script` is the dialogue's scenario (`impro01`), the speaker is session and gender
    (`1F`); no agreement (xxx) is no emotion. Extra columns: `kind` (improvised | scripted), `dialogue`,
    `dialogue_start_s` (when the turn begins in it), `alignment` (the word segments' path in the folder). A rater who
    named several categories has a row for each, with the attributes in the first. Common sets: improvised, four
    categories; or 5,531 turns with excitement counted as happiness (map it by the recipe's `label_map`).

    self_ratings: put the actors' ratings of their own turns into the rater table too, as raters named like speakers
        (`1F`); the owner's labels are those of the other raters (`E1`, ..) alone.
    out_of_range: refuse ratings outside 1 to 5, or drop them (then they are null), as a few in circulation are slips.
    incomplete: leave out turns without audio and audio without labels, instead of refusing the folder.
    """

    self_ratings: bool = False
    out_of_range: Literal["refuse", "drop"] = "refuse"
    incomplete: bool = False

    citation: ClassVar[str] = (
        "C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan: "
        "IEMOCAP: interactive emotional dyadic motion capture database. Language Resources and Evaluation 42(4), 2008, "
        "doi:10.1007/s10579-008-9076-6"
    )
    licence: ClassVar[str] = "release agreement with the University of Southern California"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {name: (1.0, 5.0) for name in ATTRIBUTES}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(name for name in EMOTIONS.values() if name))

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the folder; raises EmotoneError naming missing files and counting bad rows."""
        sessions = [name for name in (f"Session{k}" for k in range(1, 6)) if (folder / name).is_dir()]
        if not sessions:
            raise EmotoneError(f"{folder / 'Session1'} is missing")
        audio = {
            stem: f"{session}/sentences/wav/{file}"
            for session in sessions
            for stem, file in find_audio(folder / session / "sentences/wav").items()
        }
        notes = [] if len(sessions) == 5 else [f"only {', '.join(sessions)} of five sessions are there"]
        rows, raters = _read_labels(folder, sessions)
        for table, kind in ((rows, "turns"), (raters, "votes")):
            for name in ATTRIBUTES:
                table[name] = self._read_ratings(table, name, kind, notes)
        rows = match_audio(rows, audio, "EmoEvaluation", self.incomplete, notes)
        table = self._describe(rows, folder, sessions)
        raters = self._choose_raters(raters, table.set_index("stem"))
        return Corpus("iemocap", folder, table.drop(columns="stem"), raters, meta_of(self, notes))

    def _read_ratings(self, rows: pd.DataFrame, name: str, kind: str, notes: list[str]) -> pd.Series:
        """A column of ratings; where slips are dropped, those outside the range are null and counted in `notes`."""
        low, high = self.attributes[name]
        if self.out_of_range == "drop":
            values = pd.to_numeric(rows[name], errors="coerce")
            wrong = (values < low) | (values > high)
            if wrong.any():
                notes.append(f"{wrong.sum()} of {len(rows)} {kind} have {name} outside [{low:g}, {high:g}]: dropped")
            rows = rows.assign(**{name: rows[name].mask(wrong)})
        try:
            return to_ratings(rows, name, (low, high), "EmoEvaluation")
        except EmotoneError as error:
            hint = "; set out_of_range=drop to go on without such ratings" if self.out_of_range == "refuse" else ""
            raise EmotoneError(f"{error}{hint}") from None

    def _describe(self, rows: pd.DataFrame, folder: Path, sessions: list[str]) -> pd.DataFrame:
        """The rows with the columns that come from names of turns, transcripts and alignments."""
        parts = rows["stem"].str.extract(f"^{NAME.pattern}$")
        strange = rows.loc[parts["dialogue"].isna(), "stem"]
        if len(strange):
            raise EmotoneError(f"{folder}: {name_some(strange.tolist())} not named like Ses01F_impro01_F000")
        transcripts, alignments = _read_transcripts(folder, sessions), _list_alignments(folder, sessions)
        return rows.assign(
            id=rows["file"].map(utterance_id),
            speaker=parts["session"] + parts["actor"],
            gender=parts["actor"].map(GENDERS),
            session=parts["session"],
            script=parts["script"],
            language=self.language,
            transcript=rows["stem"].map(transcripts),
            kind=parts["kind"].map(KINDS),
            dialogue=parts["dialogue"],
            alignment=rows["stem"].map(alignments),
        )

    def _choose_raters(self, raters: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
        """The votes on the utterances of `table`; those of actors on themselves under their speaker, or not at all."""
        raters = raters[raters["stem"].isin(table.index)]
        is_self = raters["rater"].str[0].isin(list(GENDERS))
        actors = raters["stem"].map(table["session"]) + raters["rater"].str[0]
        raters = raters.assign(id=raters["stem"].map(table["id"]), rater=raters["rater"].mask(is_self, actors))
        return raters.loc[is_self <= self.self_ratings, list(RATER_COLUMNS)]


def _read_labels(folder: Path, sessions: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turns and the votes on them; emotions in Emotone's words, ratings as they are written."""
    turns: list[dict[str, Any]] = []
    votes: list[dict[str, Any]] = []
    for session in sessions:
        for path in _list_texts(folder / session / "dialog/EmoEvaluation"):
            for turn, lines in _read_turns(path):
                turns.append(turn)
                votes += _read_votes(turn["stem"], lines, path)
    if not turns:
        raise EmotoneError(f"{folder}: the files in EmoEvaluation list no turns")
    rows, raters = pd.DataFrame(turns), pd.DataFrame(votes, columns=["stem", *RATER_COLUMNS[1:]])
    rows["emotion"] = map_words(rows["emotion"], EMOTIONS, "emotions", "EmoEvaluation")
    raters["emotion"] = map_words(raters["emotion"], VOTES, "emotions", "EmoEvaluation")
    return rows, raters


def _list_texts(folder: Path) -> list[Path]:
    """Text files of a folder that must be there, without the hidden ones that some systems leave."""
    if not folder.is_dir():
        raise EmotoneError(f"{folder} is missing")
    return sorted(path for path in folder.iterdir() if path.suffix == ".txt" and not path.name.startswith("."))


def _read_turns(path: Path) -> Iterator[tuple[dict[str, Any], Lines]]:
    """The turns of a dialogue in the owner's words, each with the numbered lines of the votes on it."""
    turn: dict[str, Any] | None = None
    lines: Lines = []
    for number, line in enumerate(read_plain_text(path).splitlines(), start=1):
        if line.startswith("["):
            if turn is not None:
                yield turn, lines
            match = TURN.match(line)
            ratings = match["ratings"].split(",") if match else []
            if match is None or len(ratings) != len(ORDER):
                raise EmotoneError(
                    f"{path}, line {number}: expected '[start - end] turn emotion [v, a, d]', not {line!r}"
                )
            turn = {"stem": match["stem"], "emotion": match["emotion"], "dialogue_start_s": float(match["start"])}
            turn |= dict(zip(ORDER, map(str.strip, ratings), strict=True))
            lines = []
        elif line.startswith(("C-", "A-")):
            lines.append((number, line.strip()))
    if turn is not None:
        yield turn, lines


def _read_votes(stem: str, lines: Lines, path: Path) -> list[dict[str, Any]]:
    """A row for every category that a rater named, the rater's attributes in the first of them."""
    words: dict[str, list[str]] = {}
    ratings: dict[str, dict[str, str]] = {}
    for number, line in lines:
        if match := CATEGORIES.match(line):
            words.setdefault(match["rater"], []).extend(filter(None, map(str.strip, match["words"].split(";"))))
        elif match := RATINGS.match(line):
            ratings[match["rater"]] = dict(zip(ORDER, match.groups()[1:], strict=True))
        else:
            raise EmotoneError(f"{path}, line {number}: is no rater's vote: {line!r}")
    return [
        {"stem": stem, "rater": rater, "emotion": word} | (ratings.get(rater, {}) if place == 0 else {})
        for rater in words | ratings
        for place, word in enumerate(words.get(rater) or [None])
    ]


def _read_transcripts(folder: Path, sessions: list[str]) -> dict[str, str]:
    """Turn -> text, of the sessions that have transcriptions; what is said between turns is passed over."""
    places = [folder / session / "dialog/transcriptions" for session in sessions]
    matches = [
        TRANSCRIPT.match(line)
        for place in places
        if place.is_dir()
        for path in _list_texts(place)
        for line in read_plain_text(path).splitlines()
    ]
    return {match[1]: match[2].strip() for match in matches if match}


def _list_alignments(folder: Path, sessions: list[str]) -> dict[str, str]:
    """Turn -> path in the corpus folder of its word segments, where they are at hand."""
    found = [
        path for session in sessions for path in (folder / session / "sentences").rglob("ForcedAlignment/*/*.wdseg")
    ]
    return {path.stem: path.relative_to(folder).as_posix() for path in sorted(found) if not path.name.startswith(".")}
