"""TESS, the Toronto emotional speech set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, parse_stems

# One file of the release is named OA_bite_neutral instead of OAF_bite_neutral.
NAME = re.compile(
    r"(?P<speaker>OAF?|YAF)_(?P<word>[A-Za-z-]+)_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)", re.IGNORECASE
)
EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
SPEAKERS = {"OA": "OAF", "OAF": "OAF", "YAF": "YAF"}
AGES = {"OAF": 64.0, "YAF": 26.0}


@dataclass(frozen=True)
class Tess:
    """TESS: 2,800 utterances of 2 actresses, 200 words in one sentence, 7 acted emotions (Dupuis et al., 2020).

    Layout: `OAF_angry/OAF_back_angry.wav` (speaker, word, emotion) in any folders; `ps` is pleasant surprise, here
    `surprise`. Every utterance is "Say the word ..": `script` is the word. Extra column: `age`. Licence: CC BY-NC-ND
    4.0. With two speakers, and both saying all words, no split is independent of speaker and of text at once.
    """

    citation: ClassVar[str] = (
        "M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). Borealis 2020, doi:10.5683/SP2/E8H2MF"
    )
    licence: ClassVar[str] = "CC BY-NC-ND 4.0"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a missing folder or a strange file name."""
        rows = []
        for file, parts in parse_stems(find_audio(folder), NAME, "OAF_back_angry.wav", folder):
            speaker, word = SPEAKERS[parts["speaker"].upper()], parts["word"].lower()
            rows.append(
                {
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": speaker,
                    "gender": "female",
                    "script": word,
                    "language": self.language,
                    "transcript": f"Say the word {word}.",
                    "emotion": EMOTIONS[parts["emotion"].lower()],
                    "age": AGES[speaker],
                }
            )
        return Corpus("tess", folder, pd.DataFrame(rows), meta=meta_of(self))
