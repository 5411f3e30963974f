"""A transcriber that needs no network, for tests of what is done with transcripts."""

from __future__ import annotations

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.words.whisper import Transcriber, Transcript


class Hearing(Transcriber):
    """Hears the duration of what it is given, as one word over all of it; `heard` are the files it was given."""

    heard: list[str] = []
    identity = "hearing"

    def __call__(self, samples: Samples, file: str = "array", language: str | None = None) -> Transcript:
        self.heard.append(file)
        end_s = len(samples) / RATE_HZ
        return Transcript(file, end_s, self.language or language or "en", f"{end_s:g}", [(f"{end_s:g}", 0.0, end_s)])
