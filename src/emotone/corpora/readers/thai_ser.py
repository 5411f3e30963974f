"""THAI-SER, acted emotion in Thai, each performance heard by several microphones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, match_audio, parse_stems
from emotone.corpora.tables import read_json, require_file, to_ratings
from emotone.corpora.vocabulary import map_words, translate
from emotone.errors import EmotoneError

NAME = re.compile(
    r"(?P<place>[sz])(?P<number>\d+)_(?P<microphone>[a-z]+)_actor(?P<speaker>\d+)"
    r"_(?P<script>(?P<kind>impro|script)\d*)_(?P<turn>\w+)"
)
EMOTIONS: dict[str, str | None] = {
    "Neutral": "neutral",
    "Angry": "anger",
    "Happy": "happiness",
    "Sad": "sadness",
    "Frustrated": "frustration",
    "Other": "other",
    "None": None,
}
KINDS = {"impro": "improvised", "script": "scripted"}
SESSIONS = {"s": "", "z": "zoom"}
GENDERS = {"Female": "female", "Male": "male"}
SOURCE = "emotion_label.json"
Actor = tuple[str | None, float | None]
LABELS = ("assigned_emo", "majority_emo", "agreement", "annotated")


@dataclass(frozen=True)
class ThaiSer:
    """THAI-SER: 27,854 Thai utterances, 200 actors, 5 emotions, recorded in studios and by Zoom (arXiv 2507.09618).

    Layout: `studio1-10/studio001/con/s001_con_actor002_impro2_32.flac` (session, microphone, actor, kind, turn), zoom
    recordings alike (`z001_mic_..`), and beside them `emotion_label.json` (votes) and, where present,
    `actor_demography.json` (gender, age); any part of the audio will do. The release labels one microphone of a
    performance; the labels hold for the others too, which are the same performance: `recording` names it, and no split
    may come between them. `emotion` is the majority's (see `labels`), null without one. `session` is the studio
    recording (`001`), or `zoom001`. Extra columns: `recording`, `microphone`, `kind` (improvised | scripted), `turn`,
    `intended` (what the actor was to show), `agreement` (share of the majority), `rated_microphone` (which one the
    raters heard), `age`. Raters are numbered within an utterance, since nobody says who they are; one who chose
    several emotions has a row for each. Licence: CC BY-SA 4.0.

    labels: what `emotion` is: that of the raters' "majority", or the "assigned" one, which the actor was to show.
    min_agreement: from 0 to 1; utterances whose majority is smaller have no emotion (published: 0.71).
    incomplete: leave out labels without audio and audio without labels, instead of refusing the folder.
    """

    labels: Literal["majority", "assigned"] = "majority"
    min_agreement: float = 0.0
    incomplete: bool = False

    citation: ClassVar[str] = (
        "J. Wongpithayadisai, C. Chaksangchaichot, S. Sangnark, P. Prakrankamanant, K. Gangwanpongpun, "
        "S. Boonpunmongkol, P. Milindasuta, D. Na-Pombejra, S. Nutanong, E. Chuangsuwanich: THAI Speech Emotion "
        "Recognition (THAI-SER) corpus. 2025, arXiv:2507.09618"
    )
    licence: ClassVar[str] = "CC BY-SA 4.0"
    language: ClassVar[str] = "th"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(name for name in EMOTIONS.values() if name))

    def __post_init__(self) -> None:
        if not 0 <= self.min_agreement <= 1:
            raise EmotoneError(f"min_agreement must be from 0 to 1, not {self.min_agreement}")

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the folder; raises EmotoneError naming missing files and counting bad rows."""
        audio = find_audio(folder)
        labels = _read_labels(require_file(folder / SOURCE))
        table = self._describe(audio, _read_actors(folder), folder)
        notes: list[str] = []
        rows = match_audio(_labels_by_file(table, labels), audio, SOURCE, self.incomplete, notes)
        table = rows.drop(columns="file").merge(table, on="stem").merge(labels.drop(columns="recording"), on="label")
        if self.labels == "assigned":
            table["emotion"] = table["intended"]
        table["emotion"] = table["emotion"].mask(table["agreement"] < self.min_agreement, None)
        raters = _collect_votes(table)
        table = table.drop(columns=["stem", "label", "annotated"])
        return Corpus("thai-ser", folder, table, raters, meta_of(self, notes))

    def _describe(self, audio: Mapping[str, str], actors: Mapping[str, Actor], folder: Path) -> pd.DataFrame:
        """One row per file: what its name says, and the gender and age of its actor."""
        rows = []
        for file, parts in parse_stems(audio, NAME, "s001_con_actor002_impro2_32.flac", folder):
            gender, age = actors.get(parts["speaker"], (None, None))
            rows.append(
                {
                    "stem": Path(file).stem,
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": parts["speaker"],
                    "gender": gender,
                    "session": SESSIONS[parts["place"]] + parts["number"],
                    "script": parts["script"],
                    "language": self.language,
                    "recording": _recording(parts),
                    "microphone": parts["microphone"],
                    "kind": KINDS[parts["kind"]],
                    "turn": parts["turn"],
                    "age": age,
                }
            )
        return pd.DataFrame(rows)


def _recording(parts: Mapping[str, str]) -> str:
    """A performance's name: that of its files without the microphone."""
    return f"{parts['place']}{parts['number']}_actor{parts['speaker']}_{parts['script']}_{parts['turn']}"


def _read_labels(path: Path) -> pd.DataFrame:
    """One row per labelled file: label (its stem), recording, rated_microphone, emotion, intended, agreement, votes."""
    rows = []
    for file, entry in read_json(path).items():
        match = NAME.fullmatch(Path(file).stem)
        about = entry[0] if isinstance(entry, list) and entry else entry
        if match is None or not isinstance(about, dict) or not about.keys() >= set(LABELS):
            raise EmotoneError(f"{path}, {file}: expected a file's name with {', '.join(LABELS)}")
        own = {
            "stem": Path(file).stem,
            "recording": _recording(match.groupdict()),
            "rated_microphone": match["microphone"],
        }
        rows.append(own | {name: about[name] for name in LABELS})
    if not rows:
        raise EmotoneError(f"{path}: lists no files")
    table = pd.DataFrame(rows)
    for ours, theirs in {"emotion": "majority_emo", "intended": "assigned_emo"}.items():
        table[ours] = map_words(table[theirs], EMOTIONS, "emotions", SOURCE)
    table["agreement"] = to_ratings(table, "agreement", (0.0, 1.0), SOURCE)
    return table.drop(columns=["majority_emo", "assigned_emo"]).rename(columns={"stem": "label"})


def _labels_by_file(table: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The label of every file (stem, label): its own, or else that of its recording; and labels that have no file."""
    by_recording = labels.drop_duplicates("recording").set_index("recording")["label"]
    own = table["stem"].where(table["stem"].isin(labels["label"]), table["recording"].map(by_recording))
    lost = labels.loc[~labels["recording"].isin(table["recording"]), "label"]
    heard = pd.DataFrame({"stem": table["stem"], "label": own}).dropna()
    return pd.concat([heard, pd.DataFrame({"stem": lost, "label": lost})], ignore_index=True)


def _collect_votes(table: pd.DataFrame) -> pd.DataFrame:
    """A row for every category that a rater chose: id, rater, emotion."""
    votes = [
        {"stem": stem, "id": id_, "rater": str(number), "emotion": word.strip().capitalize()}
        for stem, id_, annotated in zip(table["stem"], table["id"], table["annotated"], strict=True)
        for number, words in enumerate(annotated, start=1)
        for word in ([words] if isinstance(words, str) else words)
    ]
    raters = pd.DataFrame(votes, columns=["stem", "id", "rater", "emotion"])
    raters["emotion"] = map_words(raters["emotion"], EMOTIONS, "emotions", SOURCE)
    return raters.drop(columns="stem")


def _read_actors(folder: Path) -> dict[str, Actor]:
    """Actor -> (gender, age in years), where the owner's table is at hand."""
    path = folder / "actor_demography.json"
    if not path.is_file():
        return {}
    actors: dict[str, Actor] = {}
    for row in read_json(path).get("data", []):
        try:
            gender, age = str(row["Sex"]).capitalize(), float(row["Age"])
            actors[str(row["Actor's ID"]).zfill(3)] = (translate(gender, GENDERS, "gender", str(path)), age)
        except (KeyError, TypeError, ValueError) as error:
            raise EmotoneError(f"{path}: an actor needs Actor's ID, Sex and Age ({error!r})") from None
    return actors
