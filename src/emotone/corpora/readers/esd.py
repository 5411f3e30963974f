"""ESD, the emotional speech dataset in Mandarin and English."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import compare_with_rows, find_audio, parse_stems
from emotone.errors import EmotoneError

SPEAKER = re.compile(r"00(?:0[1-9]|1\d|20)")
NAME = re.compile(rf"(?P<speaker>{SPEAKER.pattern})_(?P<number>\d{{6}})")
EMOTIONS = {"Angry": "anger", "Happy": "happiness", "Neutral": "neutral", "Sad": "sadness", "Surprise": "surprise"}
SPLITS = {"train": "train", "evaluation": "validation", "test": "test"}
MALE = ("0004", "0005", "0006", "0008", "0010", "0011", "0012", "0013", "0014", "0020")
LANGUAGES = {"mandarin": "zh", "english": "en"}
NUM_SENTENCES = 350
# Stem, text, and the emotion in either language; separated by tabs, in some files by blanks.
LINE = re.compile(r"(\d{4}_\d{6})\s+(.+?)(?:\s+(?:Angry|Happy|Neutral|Sad|Surprise|生气|快乐|中立|伤心|惊喜|惊讶))?")
UTF_8 = "utf-8-sig"
# The transcripts of the release are not of one encoding.
ENCODINGS = {"zh": (UTF_8, "gb18030"), "en": (UTF_8, "cp1252", "latin-1")}


@dataclass(frozen=True)
class Esd:
    """ESD: 35,000 utterances, 10 Mandarin and 10 English speakers, 350 sentences each, 5 acted emotions (Zhou et al.).

    Layout: `0011/Angry/0011_000351.wav`, or with `train`, `evaluation` or `test` below the emotion, which is then the
    split (`evaluation` is `validation`); `0011/0011.txt` gives transcripts, where present. The split has the same
    speakers in all parts. Sentences of a language are the same for its speakers and emotions: `script` is `zh001` to
    `zh350` and `en001` to `en350`, by the file's number. Licence: research only.

    part: mandarin (speakers 0001 to 0010), english (0011 to 0020) or both.
    """

    part: Literal["mandarin", "english", "both"] = "both"

    citation: ClassVar[str] = (
        "K. Zhou, B. Sisman, R. Liu, H. Li: Emotional voice conversion: Theory, databases and ESD. Speech "
        "Communication 137, 2022, arXiv:2105.14762"
    )
    licence: ClassVar[str] = "research only, on request"
    language: ClassVar[str | None] = None
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = tuple(sorted(EMOTIONS.values()))

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for strange names, or nothing of the part."""
        audio = find_audio(folder)
        transcripts, notes = _read_transcripts(folder)
        rows = []
        for file, parts in parse_stems(audio, NAME, "0011_000351.wav", folder):
            language = "zh" if parts["speaker"] <= "0010" else "en"
            if self.part != "both" and language != LANGUAGES[self.part]:
                continue
            emotion, split = _folders_of(file, folder)
            rows.append(
                {
                    "id": utterance_id(file),
                    "file": file,
                    "speaker": parts["speaker"],
                    "gender": "male" if parts["speaker"] in MALE else "female",
                    "script": f"{language}{(int(parts['number']) - 1) % NUM_SENTENCES + 1:03}",
                    "language": language,
                    "split": split,
                    "transcript": transcripts.get(Path(file).stem),
                    "emotion": emotion,
                }
            )
        if not rows:
            raise EmotoneError(f"{folder}: holds no audio of the {self.part} part")
        if transcripts:
            notes += compare_with_rows(audio, transcripts, folder / "*/*.txt", incomplete=True)
        return Corpus("esd", folder, pd.DataFrame(rows), meta=meta_of(self, notes))


def _folders_of(file: str, folder: Path) -> tuple[str, str | None]:
    """Emotion and split by the folders that a file lies in."""
    places = Path(file).parts[:-1]
    emotions = [EMOTIONS[place] for place in places if place in EMOTIONS]
    splits = [SPLITS[place] for place in places if place in SPLITS]
    if len(emotions) != 1 or len(splits) > 1:
        raise EmotoneError(f"{folder}: {file} lies in no folder of one emotion ({', '.join(EMOTIONS)}) and one split")
    return emotions[0], splits[0] if splits else None


def _read_transcripts(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Stem -> text of every `0011.txt` below the folder, whose lines are stem, text and emotion; notes on oddities."""
    transcripts: dict[str, str] = {}
    notes = []
    for path in sorted(path for path in folder.rglob("*.txt") if SPEAKER.fullmatch(path.stem)):
        text, encoding = _decode(path, ENCODINGS["zh" if path.stem <= "0010" else "en"])
        if encoding != UTF_8:
            notes.append(f"{path}: is not UTF-8, read as {encoding}")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        matches = [LINE.fullmatch(line) for line in lines]
        transcripts |= {match[1]: match[2] for match in matches if match}
        if None in matches:
            wrong = lines[matches.index(None)]
            notes.append(f"{path}: {matches.count(None)} of {len(lines)} lines are no transcripts, e.g. {wrong!r}")
    return transcripts, notes


def _decode(path: Path, encodings: tuple[str, ...]) -> tuple[str, str]:
    """The text of a file by the first encoding that it is, and that encoding."""
    data = path.read_bytes()
    encodings = ("utf-16", *encodings) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else encodings
    for encoding in encodings:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise EmotoneError(f"{path}: is text of none of the encodings {', '.join(encodings)}")
