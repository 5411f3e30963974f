"""MSP-IMPROV, acted dialogues in English that elicit one sentence in four emotions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from emotone.base.files import read_plain_text
from emotone.corpora.corpus import ATTRIBUTES, RATER_COLUMNS, Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, match_audio
from emotone.corpora.tables import require_file, to_ratings
from emotone.corpora.vocabulary import map_words
from emotone.errors import EmotoneError, name_some

EMOTIONS: dict[str, str | None] = {
    "A": "anger",
    "H": "happiness",
    "S": "sadness",
    "N": "neutral",
    "O": "other",
    "X": None,
}
VOTES: dict[str, str | None] = {
    "Angry": "anger",
    "Happy": "happiness",
    "Sad": "sadness",
    "Neutral": "neutral",
    "Other": "other",
}
KINDS = {"P": "natural", "R": "read", "S": "improvised", "T": "target"}
GENDERS = {"F": "female", "M": "male"}
LETTERS = {"arousal": "A", "valence": "V", "dominance": "D", "naturalness": "N"}
NAME = re.compile(
    r"MSP-IMPROV-(?P<scenario>S\d{2}(?P<intended>[AHSN]))-(?P<speaker>[FM]0?(?P<session>\d+))-(?P<kind>[PRST])-\w+"
)
RATINGS = "".join(rf"\s*{letter}:\s*(?P<{name}>[^\s;]*)\s*;" for name, letter in LETTERS.items())
# `UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:2.800000; V:3.200000; D:3.000000 ; N:3.200000;`, then a line per rater.
TURN = re.compile(rf"(?:UTD|MSP)-(?P<stem>IMPROV-[\w-]+)\.\w+\s*;\s*(?P<emotion>\w)\s*;{RATINGS}\s*")
VOTE = re.compile(rf"(?P<rater>[\w -]+?)\s*;\s*(?P<emotion>\w+)[^;]*;.*?{RATINGS}\s*")
LABELS = ("Evalution.txt", "Evaluation.txt")


@dataclass(frozen=True)
class MspImprov:
    """MSP-IMPROV: 8,438 turns, 12 actors in 6 sessions, 4 emotions, 3 attributes (Busso et al., TAC 2017).

    Layout: `session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav` (scenario, speaker, kind, turn), there or below another
    folder (`Audio/`), `Evalution.txt` (spelled so; labels and votes), and where present a folder of transcripts named
    like the turns (`*.txt`). No agreement (X) is no emotion. `script` is the scenario: a sentence and the emotion that
    it is to elicit (`S01A`). Extra columns: `kind` (natural: between scenes | read | improvised | target: the sentence
    within the improvised scene), `intended` (the scenario's emotion), `naturalness` (1 to 5, also of each rater).

    incomplete: leave out turns without audio and audio without labels, instead of refusing the folder.
    """

    incomplete: bool = False

    citation: ClassVar[str] = (
        "C. Busso, S. Parthasarathy, A. Burmania, M. AbdelWahab, N. Sadoughi, E. Mower Provost: MSP-IMPROV: An Acted "
        "Corpus of Dyadic Interactions to Study Emotion Perception. IEEE Trans. Affective Computing 8(1), 2017, "
        "doi:10.1109/TAFFC.2016.2515617"
    )
    licence: ClassVar[str] = "licence agreement with The University of Texas at Dallas"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {name: (1.0, 5.0) for name in ATTRIBUTES}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(name for name in EMOTIONS.values() if name))

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the folder; raises EmotoneError for missing files and counts bad rows."""
        audio = find_audio(folder)
        path = next((folder / name for name in LABELS if (folder / name).is_file()), folder / LABELS[0])
        turns, votes = _read_evaluation(require_file(path))
        notes: list[str] = []
        for table, names in ((turns, EMOTIONS), (votes, VOTES)):
            table["emotion"] = map_words(table["emotion"], names, "emotions", path.name)
            for name in LETTERS:
                table[name] = to_ratings(table, name, (1.0, 5.0), path.name)
        turns = match_audio(turns, audio, path.name, self.incomplete, notes)
        parts = turns["stem"].str.extract(f"^{NAME.pattern}$")
        strange = turns.loc[parts["scenario"].isna(), "stem"]
        if len(strange):
            raise EmotoneError(f"{path}: {name_some(strange.tolist())} not named like MSP-IMPROV-S01A-F01-P-FM01")
        table = turns.assign(
            id=turns["file"].map(utterance_id),
            speaker=parts["speaker"],
            gender=parts["speaker"].str[0].map(GENDERS),
            session=parts["session"],
            script=parts["scenario"],
            language=self.language,
            transcript=turns["stem"].map(_read_transcripts(folder)),
            kind=parts["kind"].map(KINDS),
            intended=parts["intended"].map(EMOTIONS),
        )
        votes = _without_copies(votes, notes)
        votes["id"] = votes["stem"].map(table.set_index("stem")["id"])
        raters = votes.loc[votes["id"].notna(), [*RATER_COLUMNS, "naturalness"]]
        return Corpus("msp-improv", folder, table.drop(columns="stem"), raters, meta_of(self, notes))


def _read_evaluation(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The turns and the votes on them, in the owner's words; `stem` is the audio's name."""
    turns: list[dict[str, Any]] = []
    votes: list[dict[str, Any]] = []
    for number, line in enumerate(read_plain_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        if turn := TURN.fullmatch(line.strip()):
            turns.append(turn.groupdict() | {"stem": f"MSP-{turn['stem']}"})
        elif turns and (vote := VOTE.fullmatch(line.strip())):
            votes.append(vote.groupdict() | {"stem": turns[-1]["stem"]})
        else:
            raise EmotoneError(f"{path}, line {number}: is neither a turn nor a rater's vote: {line.strip()!r}")
    if not turns:
        raise EmotoneError(f"{path}: lists no turns")
    return pd.DataFrame(turns), pd.DataFrame(votes, columns=["stem", "rater", "emotion", *LETTERS])


def _without_copies(votes: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The votes without exact copies (same turn, rater and answers), which the release has; `notes` counts them."""
    is_copy = votes.duplicated()
    if is_copy.any():
        notes.append(f"{is_copy.sum()} of {len(votes)} votes are exact copies of another and count once")
    return votes[~is_copy].copy()


def _read_transcripts(folder: Path) -> dict[str, str]:
    """Turn -> text of every text file that is named like a turn."""
    files = sorted(path for path in folder.rglob("MSP-IMPROV-*.txt") if NAME.fullmatch(path.stem))
    return {path.stem: read_plain_text(path).strip() for path in files}
