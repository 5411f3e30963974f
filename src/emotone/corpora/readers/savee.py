"""SAVEE, the Surrey audio-visual expressed emotion database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.audio.folder import list_audio
from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import parse_stems
from emotone.errors import EmotoneError

# Of the path without suffix, as the folder names the speaker where the file does not.
NAME = re.compile(r"(?:.*/)?(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>sa|su|a|d|f|h|n)(?P<sentence>\d{2})")
EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}


@dataclass(frozen=True)
class Savee:
    """SAVEE: 480 English utterances, 4 actors, 7 acted emotions (Haq & Jackson, AVSP 2009).

    Layout: `AudioData/DC/a01.wav` (speaker, emotion, sentence), or flat `DC_a01.wav`, in any folders. `script` is
    emotion and sentence (`a01`), since file names do not say which sentences are common to all emotions or were also
    said neutrally. Licence: for research only. Speaker-independent results leave one speaker out.
    """

    citation: ClassVar[str] = (
        "S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition. AVSP 2009, pp. 53-58"
    )
    licence: ClassVar[str] = "research only, by registration"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a strange file name or a recording given twice."""
        audio = {utterance_id(file): file for file in list_audio(folder)}
        rows = [
            {
                "id": utterance_id(file),
                "file": file,
                "speaker": parts["speaker"],
                "gender": "male",
                "script": parts["emotion"] + parts["sentence"],
                "language": self.language,
                "emotion": EMOTIONS[parts["emotion"]],
            }
            for file, parts in parse_stems(audio, NAME, "DC/a01.wav or DC_a01.wav", folder)
        ]
        table = pd.DataFrame(rows)
        repeated = table[table.duplicated(["speaker", "script"], keep=False)]
        if not repeated.empty:
            twice = repeated["file"].tolist()
            raise EmotoneError(f"{folder}: {len(twice)} files are a recording twice, e.g. {twice[0]}; keep one of each")
        return Corpus("savee", folder, table, meta=meta_of(self))
