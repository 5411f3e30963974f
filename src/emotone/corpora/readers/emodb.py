"""EmoDB, the Berlin database of emotional speech."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import compare_with_rows, find_audio, parse_stems
from emotone.errors import EmotoneError

NAME = re.compile(r"(?P<speaker>\d{2})(?P<script>[ab]\d{2})(?P<emotion>[WLEAFTN])(?P<take>[a-z])")
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "N": "neutral",
    "T": "sadness",
}
GENDERS = {speaker: "male" for speaker in ("03", "10", "11", "12", "15")} | {
    speaker: "female" for speaker in ("08", "09", "13", "14", "16")
}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


@dataclass(frozen=True)
class EmoDB:
    """EmoDB: 535 utterances, 10 German actors, 10 sentences, 7 acted emotions (Burkhardt et al., Interspeech 2005).

    Layout: `wav/03a01Fa.wav` (speaker 03, sentence a01, emotion F, take a) and, where present, `erkennung.txt`: the
    share of 20 listeners who recognised the emotion and who found it natural, as extra columns `recognition` and
    `naturalness` (percent); it also lists the takes that were not selected. Licence: CC0. Speaker-independent results
    leave one speaker out.
    """

    citation: ClassVar[str] = (
        "F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A database of German emotional speech. "
        "Interspeech 2005, doi:10.21437/Interspeech.2005-446"
    )
    licence: ClassVar[str] = "CC0 1.0"
    language: ClassVar[str] = "de"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a missing folder or a strange file name."""
        audio, rows, notes = find_audio(folder), [], []
        for file, parts in parse_stems(audio, NAME, "03a01Fa.wav", folder):
            rows.append(
                {
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": parts["speaker"],
                    "gender": GENDERS.get(parts["speaker"]),
                    "script": parts["script"],
                    "language": self.language,
                    "transcript": SENTENCES.get(parts["script"]),
                    "emotion": EMOTIONS[parts["emotion"]],
                    "take": parts["take"],
                }
            )
        table = pd.DataFrame(rows)
        ratings = _find_ratings(folder)
        if ratings is not None:
            stems = table["file"].map(lambda file: Path(file).stem)
            listeners = _read_ratings(ratings)
            notes = compare_with_rows(audio, [stem for stem in listeners if stem in audio], ratings)
            table["recognition"] = stems.map({stem: rating[0] for stem, rating in listeners.items()})
            table["naturalness"] = stems.map({stem: rating[1] for stem, rating in listeners.items()})
        return Corpus("emodb", folder, table, meta=meta_of(self, notes))


def _find_ratings(folder: Path) -> Path | None:
    """`erkennung.txt` in the folder, or beside it where the folder is `wav` itself."""
    places = [folder, folder.resolve().parent] if folder.resolve().name == "wav" else [folder]
    return next((place / "erkennung.txt" for place in places if (place / "erkennung.txt").is_file()), None)


def _read_ratings(path: Path) -> dict[str, tuple[float, float]]:
    """Stem -> (recognition, naturalness) in percent, from Latin-1 text with decimal commas and padded cells."""
    ratings = {}
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        cells = line.split()  # also splits at the no-break spaces that pad the cells
        if number == 1 or not cells:
            continue
        try:
            _, file, recognition, naturalness = cells
            ratings[Path(file).stem] = float(recognition.replace(",", ".")), float(naturalness.replace(",", "."))
        except ValueError:
            raise EmotoneError(
                f"{path}, line {number}: expected number, file, recognition and naturalness, not {line!r}"
            ) from None
    return ratings
