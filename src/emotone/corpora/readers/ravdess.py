"""RAVDESS, the Ryerson audio-visual database of emotional speech and song."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import find_audio, parse_stems
from emotone.errors import EmotoneError

NAME = re.compile(
    r"(?P<modality>0[123])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
    r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>\d{2})"
)
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
MODALITIES = {"01": "audio-video", "03": "audio"}
CHANNELS = {"01": "speech", "02": "song"}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}


@dataclass(frozen=True)
class Ravdess:
    """RAVDESS speech: 1,440 utterances, 24 actors, 2 sentences, 8 acted emotions (Livingstone & Russo, PLoS ONE 2018).

    Layout: `Actor_12/03-01-05-02-01-01-12.wav`: modality, channel, emotion, intensity, statement, repetition, actor
    (odd = male), in any folders. Video without sound (modality 02) is skipped. Extra columns: `intensity`
    (normal | strong), `repetition`, `channel`, `modality`, `recording` (one performance, whatever the modality).
    Licence: CC BY-NC-SA 4.0. The release holds one recording twice: Actor_07's 03-01-03-01-02-01-07 and ..-02-07.

    channel: speech, song or both.
    """

    channel: Literal["speech", "song", "both"] = "speech"

    citation: ClassVar[str] = (
        "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5), 2018, doi:10.1371/journal.pone.0196391"
    )
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a strange file name or nothing of the channel."""
        audio, rows = find_audio(folder), []
        for file, parts in parse_stems(audio, NAME, "03-01-05-02-01-01-12.wav", folder):
            channel = CHANNELS[parts["channel"]]
            if parts["modality"] not in MODALITIES or self.channel not in (channel, "both"):
                continue
            rows.append(
                {
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": parts["actor"],
                    "gender": "male" if int(parts["actor"]) % 2 else "female",
                    "script": parts["statement"],
                    "language": self.language,
                    "transcript": STATEMENTS[parts["statement"]],
                    "emotion": EMOTIONS[parts["emotion"]],
                    "intensity": INTENSITIES[parts["intensity"]],
                    "repetition": int(parts["repetition"]),
                    "channel": channel,
                    "modality": MODALITIES[parts["modality"]],
                    "recording": Path(file).stem.partition("-")[2],
                }
            )
        if not rows:
            raise EmotoneError(f"{folder}: holds audio but no {self.channel}; set channel to speech, song or both")
        num_others = len(audio) - len(rows)
        notes = [f"{folder}: {num_others} files left out, of another channel or without sound"] if num_others else []
        return Corpus("ravdess", folder, pd.DataFrame(rows), meta=meta_of(self, notes))
