"""LibriSpeech, read English speech without emotion labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import compare_with_rows, find_audio, parse_stems
from emotone.errors import EmotoneError

NAME = re.compile(r"(?P<speaker>\d+)-(?P<chapter>\d+)-\d+")
GENDERS = {"M": "male", "F": "female"}


@dataclass(frozen=True)
class LibriSpeech:
    """LibriSpeech: read English, unlabelled: up to 1,000 hours, 2,484 speakers (Panayotov et al., ICASSP 2015).

    Layout: `test-other/2609/156975/2609-156975-0000.flac` (speaker, chapter, utterance) or the same names in any
    folders; `2609-156975.trans.txt` gives transcripts and `SPEAKERS.TXT` (in the folder or the one above it, as where
    only a subset is read) gives genders, both where present. Every utterance's split is `unlabelled`; `session` is the
    chapter. Licence: CC BY 4.0.
    """

    citation: ClassVar[str] = (
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur: Librispeech: An ASR corpus based on public domain audio books. "
        "ICASSP 2015, doi:10.1109/ICASSP.2015.7178964"
    )
    licence: ClassVar[str] = "CC BY 4.0"
    language: ClassVar[str] = "en"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = ()

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError for a missing folder or a strange file name."""
        audio = find_audio(folder)
        genders, transcripts = _read_genders(folder), _read_transcripts(folder)
        notes = compare_with_rows(audio, transcripts, folder / "*.trans.txt", incomplete=True) if transcripts else []
        rows = [
            {
                "id": utterance_id(file),
                "file": file,
                "speaker": parts["speaker"],
                "gender": genders.get(parts["speaker"]),
                "session": parts["chapter"],
                "language": self.language,
                "split": "unlabelled",
                "transcript": transcripts.get(Path(file).stem),
            }
            for file, parts in parse_stems(audio, NAME, "2609-156975-0000.flac", folder)
        ]
        return Corpus("librispeech", folder, pd.DataFrame(rows), meta=meta_of(self, notes))


def _read_genders(folder: Path) -> dict[str, str]:
    """Speaker -> gender from lines `14   | F | train-clean-360  | 25.03 | Kristin LeMoine`; `;` starts a comment."""
    places = [folder, folder.resolve().parent]
    path = next((place / "SPEAKERS.TXT" for place in places if (place / "SPEAKERS.TXT").is_file()), None)
    if path is None:
        return {}
    genders = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith(";"):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 2 or cells[1] not in GENDERS:
            raise EmotoneError(f"{path}, line {number}: expected 'ID | M or F | ..', not {line!r}")
        genders[cells[0]] = GENDERS[cells[1]]
    return genders


def _read_transcripts(folder: Path) -> dict[str, str]:
    """Stem -> text from every `*.trans.txt` below the folder."""
    transcripts = {}
    for path in sorted(folder.rglob("*.trans.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            stem, _, text = line.partition(" ")
            if stem:
                transcripts[stem] = text.strip()
    return transcripts
