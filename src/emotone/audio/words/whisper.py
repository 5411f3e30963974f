"""Whisper's transcripts of recordings, with the times of words.

The network is CTranslate2's whisper-base, which `emotone[ssl]` installs, or any other Whisper in that format. Decoding
is by beam search without sampling, so the same audio gives the same words.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from emotone.audio.level import is_silent
from emotone.audio.read import RATE_HZ, AudioError, Samples, load_audio, read_blocks
from emotone.audio.speech import SpeechTrack
from emotone.audio.words.alignment import Word, put_in_order
from emotone.base.progress import track
from emotone.base.result_table import UNCHECKED, ResultFile
from emotone.base.weights import find_weights
from emotone.errors import EmotoneError, missing_extra, unknown

WHISPER = "openai/whisper-base"
MOST_COMPRESSION = 2.4
"""Text that gzip makes smaller than by this factor repeats itself."""
RowUnit = Literal["recording", "words"]
"""What a row of a table is: one recording, or one of its words."""
COLUMNS: dict[RowUnit, tuple[str, ...]] = {
    "recording": ("file", "start_s", "end_s", "language", "text", "error"),
    "words": ("file", "start_s", "end_s", "text", "error"),
}
FILES = ("config.json", "tokenizer.json", "vocabulary.txt", "vocabulary.json", "preprocessor_config.json")
PART_S = 300.0
"""Seconds that Whisper is given at once, so that memory does not grow with duration: ten of its own windows."""


@dataclass
class Transcript:
    """What Whisper hears in a file: `words` in order and without overlap, joined as `text`, in a `language` (a code).

    `end_s` is the duration. `error` says in one line why the file could not be read; the rest is empty then.
    """

    file: str
    end_s: float = 0.0
    language: str = ""
    text: str = ""
    words: list[Word] = field(default_factory=list)
    error: str = ""

    def rows(self, over: RowUnit = "recording") -> list[dict[str, Any]]:
        """Table rows with `COLUMNS`: one for the recording, or one for each word."""
        if over == "words" and not self.error:
            return [
                {"file": self.file, "start_s": start_s, "end_s": end_s, "text": word, "error": ""}
                for word, start_s, end_s in self.words
            ]
        row = {"file": self.file, "start_s": 0.0, "end_s": self.end_s, "language": self.language, "text": self.text}
        return [{name: (row | {"error": self.error})[name] for name in COLUMNS[over]}]


@dataclass(frozen=True)
class Transcriber:
    """Whisper as a function of samples.

    weights: as of `emotone.base.weights.find_weights`, in CTranslate2's format. language: a code such as "da"; None:
    the one that Whisper detects. threads: 0 for all cores. Raises EmotoneError where the package faster-whisper or the
    weights are missing, and for a language that Whisper does not know.

    >>> import numpy as np
    >>> Transcriber(language="en")(np.zeros(16_000, np.float32)).words
    []
    """

    weights: str = WHISPER
    language: str | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 0

    def __call__(self, samples: Samples, file: str = "array", language: str | None = None) -> Transcript:
        """The transcript of samples [N] at 16 kHz, in the transcriber's language or else in `language`, if known.

        Whisper hears words where nobody speaks, and repeats itself: it is only asked where voice activity finds speech,
        and segments whose text compresses better than speech does (Whisper's own limit) are left out.
        """
        end_s = len(samples) / RATE_HZ
        speech = SpeechTrack()
        for _ in speech.listen([samples]):
            pass
        if is_silent(samples) or not speech.speech_s:
            return Transcript(file, end_s, self.language or "")
        segments, about = self._network.transcribe(
            samples,
            language=self.language or self._known(language),
            word_timestamps=True,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        segments = [segment for segment in segments if segment.compression_ratio <= MOST_COMPRESSION]
        heard = [(word.word.strip(), word.start, word.end) for segment in segments for word in segment.words or ()]
        words = put_in_order([word for word in heard if word[0]], end_s)
        return Transcript(file, end_s, about.language, " ".join(word for word, _, _ in words), words)

    def load(self) -> None:
        """Load the network, so that what is wrong with it or the language is told at once."""
        _ = self._network

    @property
    def identity(self) -> str:
        """Hash of what decides the words: the weights and the language."""
        sha256 = find_weights(self.weights, where="transcription").sha256
        return hashlib.sha256(f"{sha256} {self.language}".encode()).hexdigest()

    def _known(self, language: str | None) -> str | None:
        """The language, or None (detect it) for one that Whisper does not know."""
        return language if language in self._network.supported_languages else None

    @cached_property
    def _network(self) -> Any:
        weights = find_weights(self.weights, where="transcription")
        if weights.format != "ctranslate2":
            raise EmotoneError(f"transcription: {weights.folder} is not in CTranslate2's format (model.bin)")
        try:
            import ctranslate2
            from faster_whisper import WhisperModel
        except ImportError:
            raise missing_extra("faster-whisper", "ssl", "transcription") from None
        if self.device == "cuda" and not ctranslate2.get_cuda_device_count():
            raise EmotoneError("transcription: device 'cuda' is not available; use --device cpu")
        files = {path.name: path.read_bytes() for path in map(weights.folder.joinpath, FILES) if path.is_file()}
        if "tokenizer.json" not in files:  # it would be downloaded
            raise EmotoneError(f"transcription: {weights.folder} lacks tokenizer.json")
        files["model.bin"] = b"".join(path.read_bytes() for path in weights.files)
        try:
            network = WhisperModel(
                str(weights.folder),
                self.device,
                compute_type="float32" if self.device == "cpu" else "float16",
                cpu_threads=self.threads,
                files=files,
            )
        except (RuntimeError, ValueError) as error:
            raise EmotoneError(f"transcription: {weights.folder}: not a model that can be loaded ({error})") from None
        if self.language is not None and self.language not in network.supported_languages:
            raise unknown("language", self.language, network.supported_languages)
        return network


def transcribe(files: Iterable[str | os.PathLike[str]], transcriber: Transcriber | None = None) -> Iterator[Transcript]:
    """Transcripts of files, in their order, each read as a whole; a file that cannot be read has its `error`."""
    transcriber = transcriber or Transcriber()
    for path in files:
        file = os.fspath(path)
        try:
            yield transcriber(load_audio(file), file)
        except AudioError as error:
            yield Transcript(file, error=error.reason)


def transcribe_words(
    file: str, transcriber: Transcriber, start_s: float = 0.0, end_s: float | None = None, language: str | None = None
) -> list[Word]:
    """Words of a file of any length, or of a part of it, whose times count from `start_s`, heard in parts of `PART_S`.

    language: as of `Transcriber`'s call. Raises AudioError where the file cannot be read.
    """
    words: list[Word] = []
    num_samples = 0
    for samples in read_blocks(file, start_s, end_s, block_s=PART_S):
        begin_s = num_samples / RATE_HZ
        heard = transcriber(samples, language=language).words
        words += [(word, begin_s + first_s, begin_s + last_s) for word, first_s, last_s in heard]
        num_samples += len(samples)
    return words


def write_transcripts(
    files: list[str], transcriber: Transcriber, output: Path, over: RowUnit, quiet: bool, overwrite: bool = False
) -> int:
    """Transcripts as a table, resumed after an interruption; returns how many files failed."""
    settings = {"identity": transcriber.identity}
    with ResultFile(output, COLUMNS[over], settings, overwrite) as results:
        left = results.remaining(files)
        if results.differs and not quiet:
            names = ", ".join(results.differs)
            print(f"note: {results.partial} differs in {names}; all files are transcribed anew", file=sys.stderr)
        if results.unchecked and not quiet:
            count = len(results.unchecked)
            print(f"note: {count} files were transcribed by an earlier version, {UNCHECKED}", file=sys.stderr)
        done = len(files) - len(left)
        for transcript in track(transcribe(left, transcriber), len(files), "transcribe", quiet, done):
            results.add(transcript.file, transcript.rows(over))
        return results.finish(files, lambda rows: any(row["error"] for row in rows))
