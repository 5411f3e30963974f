"""nEMO, acted emotion in Polish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import compare_with_rows, find_audio, parse_stems
from emotone.corpora.tables import read_table, require_file, rows_by_stem
from emotone.corpora.vocabulary import translate
from emotone.errors import EmotoneError

NAME = re.compile(r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d+)")
EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")


@dataclass(frozen=True)
class Nemo:
    """nEMO: 4,481 Polish utterances, 9 actors, 6 acted emotions, transcripts (Christop, LREC-COLING 2024).

    Layout: `data.tsv` (file_id, emotion, raw_text, normalized_text, speaker_id, gender, age) and
    `samples/EB0_anger_33.wav` (speaker, emotion, sentence). Audio that is not in the table is left out, with a note.
    Extra column: `age`. Licence: CC BY-NC-SA 4.0. Speaker-independent results leave one speaker out.

    incomplete: leave rows without audio out, with a note, instead of refusing them.
    """

    incomplete: bool = False

    citation: ClassVar[str] = (
        "I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024, arXiv:2404.06292"
    )
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    language: ClassVar[str] = "pl"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError where the audio of a row is missing."""
        table_file = require_file(folder / "data.tsv")
        labels = rows_by_stem(read_table(table_file, COLUMNS), "file_id", table_file)
        audio = find_audio(folder)
        notes = compare_with_rows(audio, labels, table_file, self.incomplete)
        rows = []
        for file, parts in parse_stems(audio, NAME, "EB0_anger_33.wav", folder):
            label = labels.get(Path(file).stem)
            if label is None:
                continue
            where = f"{table_file}, {label['file_id']}"
            try:
                age = None if label["age"] is None else float(label["age"])
            except ValueError:
                raise EmotoneError(f"{where}: the age is {label['age']!r}, not a number") from None
            rows.append(
                {
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": label["speaker_id"],
                    "gender": label["gender"],
                    "script": parts["sentence"],
                    "language": self.language,
                    "transcript": label["raw_text"],
                    "emotion": translate(label["emotion"], EMOTIONS, "emotion", where),
                    "age": age,
                }
            )
        if not rows:
            raise EmotoneError(f"{table_file}: none of its {len(labels)} rows has audio")
        return Corpus("nemo", folder, pd.DataFrame(rows), meta=meta_of(self, notes))
