"""EMOVO, acted emotion in Italian."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, parse_stems

NAME = re.compile(r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm][123])-(?P<sentence>[bdln]\d)")
EMOTIONS = {
    "dis": "disgust",
    "gio": "happiness",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}
GENDERS = {"f": "female", "m": "male"}
SENTENCES = {
    "b1": "Gli operai si alzano presto.",
    "b2": "I vigili sono muniti di pistola.",
    "b3": "La cascata fa molto rumore.",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
    "l3": "Un attimo dopo s'è incamminato ... ed è inciampato.",
    "l4": "Vorrei il numero telefonico del Signor Piatti.",
    "n1": "La casa forte vuole col pane.",
    "n2": "La forza trova il passo e l'aglio rosso.",
    "n3": "Il gatto sta scorrendo nella pera.",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
    "n5": "Uno quarantatré dieci mille cinquantasette venti.",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
}


@dataclass(frozen=True)
class Emovo:
    """EMOVO: 588 Italian utterances, 6 actors, 14 sentences, 7 acted emotions (Costantini et al., LREC 2014).

    Layout: `f1/rab-f1-b1.wav` (emotion, speaker, sentence) in any folders; sentences are short (b), long (l), nonsense
    (n) and questions (d). The owners state no licence. Speaker-independent results leave one speaker out.
    """

    citation: ClassVar[str] = (
        "G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO Corpus: an Italian Emotional Speech Database. "
        "LREC 2014, pp. 3501-3504"
    )
    licence: ClassVar[str] = "not stated"
    language: ClassVar[str] = "it"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a missing folder or a strange file name."""
        rows = [
            {
                "id": utterance_id(file),
                "file": file,
                "speaker": parts["speaker"],
                "gender": GENDERS[parts["speaker"][0]],
                "script": parts["sentence"],
                "language": self.language,
                "transcript": SENTENCES.get(parts["sentence"]),
                "emotion": EMOTIONS[parts["emotion"]],
            }
            for file, parts in parse_stems(find_audio(folder), NAME, "rab-f1-b1.wav", folder)
        ]
        return Corpus("emovo", folder, pd.DataFrame(rows), meta=meta_of(self))
