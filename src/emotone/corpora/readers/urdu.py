"""URDU, emotion in Urdu talk shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, parse_stems

NAME = re.compile(r"S(?P<gender>[MF])(?P<speaker>\d+)_F(?P<take>\d+)_(?P<emotion>[AHNS])\d+")
EMOTIONS = {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"}
GENDERS = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class Urdu:
    """URDU: 400 utterances of talk shows, 38 speakers, 4 emotions (Latif et al., FIT 2018).

    Layout: `Angry/SM1_F1_A1.wav` (speaker: male, number 1; the speaker's file 1; emotion A, number 1) in any folders.
    Speakers are numbered within a gender: `speaker` is `M1` or `F1`; `take` is the speaker's file number. Speech is not
    acted and not transcribed. The owners state no licence. Speakers differ much in how often they speak, and many in
    one emotion only.
    """

    citation: ClassVar[str] = (
        "S. Latif, A. Qayyum, M. Usman, J. Qadir: Cross Lingual Speech Emotion Recognition: Urdu vs. Western "
        "Languages. FIT 2018, arXiv:1812.10411"
    )
    licence: ClassVar[str] = "not stated"
    language: ClassVar[str] = "ur"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a missing folder or a strange file name."""
        rows = [
            {
                "id": utterance_id(file),
                "file": file,
                "speaker": parts["gender"] + parts["speaker"],
                "gender": GENDERS[parts["gender"]],
                "language": self.language,
                "emotion": EMOTIONS[parts["emotion"]],
                "take": parts["take"],
            }
            for file, parts in parse_stems(find_audio(folder), NAME, "SM1_F1_A1.wav", folder)
        ]
        return Corpus("urdu", folder, pd.DataFrame(rows), meta=meta_of(self))
