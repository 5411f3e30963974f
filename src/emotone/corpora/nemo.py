"""nEMO, acted emotion in Polish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.audio_files import find_audio, parse_stems
from emotone.corpus import Corpus, utterance_id
from emotone.errors import EmotoneError
from emotone.label_files import meta_of, read_table, require_file, translate

NAME = re.compile(r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d+)")
EMOTIONS = {
    "anger": "anger", "fear": "fear", "happiness": "happiness", "neutral": "neutral", "sadness": "sadness",
    "surprised": "surprise",
}  # fmt: skip
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")


@dataclass(frozen=True)
class Nemo:
    """nEMO: 4,481 Polish utterances, 9 actors, 6 acted emotions, transcripts (Christop, LREC-COLING 2024).

    Layout: `data.tsv` (file_id, emotion, raw_text, normalized_text, speaker_id, gender, age) and
    `samples/EB0_anger_33.wav` (speaker, emotion, sentence). A subset is fine as long as table and audio list the same
    files. Extra column: `age`. Licence: CC BY-NC-SA 4.0. Speaker-independent results leave one speaker out.
    """

    citation: ClassVar[str] = (
        "I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024, arXiv:2404.06292"
    )
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    language: ClassVar[str] = "pl"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError where table and audio do not list the same files."""
        table_file = require_file(folder / "data.tsv")
        labels = {Path(row["file_id"]).stem: row for row in read_table(table_file, COLUMNS).to_dict("records")}
        rows = []
        for file, parts in parse_stems(find_audio(folder), NAME, "EB0_anger_33.wav", folder):
            label = labels.pop(Path(file).stem, None)
            if label is None:
                raise EmotoneError(f"{folder}: {file} is not listed in {table_file.name}")
            where = f"{table_file}, {label['file_id']}"
            try:
                age = float(label["age"])
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
        if labels:
            missing = min(row["file_id"] for row in labels.values())
            raise EmotoneError(f"{folder}: the audio of {missing} is missing ({table_file.name} lists it)")
        return Corpus("nemo", folder, pd.DataFrame(rows), meta=meta_of(self))
