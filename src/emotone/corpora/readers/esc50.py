"""ESC-50 and its subset ESC-10, environmental sounds: no speech, but the events that surround it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from emotone.audio.folder import list_audio
from emotone.corpora.corpus import Corpus, meta_of, utterance_id
from emotone.corpora.files import parse_stems
from emotone.corpora.tables import read_table, rows_by_stem
from emotone.errors import EmotoneError

NAME = re.compile(r"(?:.*/)?(?P<fold>[1-5])-(?P<source>\d+)-(?P<take>[A-Z]+)(?:-(?P<target>\d+))?")
FOLDERS = {
    "dog bark": "dog",
    "rain": "rain",
    "sea waves": "sea_waves",
    "baby cry": "crying_baby",
    "clock tick": "clock_tick",
    "person sneeze": "sneezing",
    "helicopter": "helicopter",
    "chainsaw": "chainsaw",
    "rooster": "rooster",
    "fire crackling": "crackling_fire",
}
"""Folders of ESC-10's own release, without their numbers, and the categories of ESC-50's table."""
NUMBER = re.compile(r"\d+[ _-]+")


@dataclass(frozen=True)
class Esc50:
    """ESC-50: 2,000 clips of 5 s, 50 classes of sounds; ESC-10: 400 of them, 10 classes (Piczak, ACM Multimedia 2015).

    Layout: `audio/1-100032-A-0.wav` (fold, recording at freesound.org, take, class) and `meta/esc50.csv` (filename,
    category, esc10, ..), or ESC-10 by itself, `001 - Dog bark/1-30226-A.ogg`, whose classes get the names of the table.
    Extra columns: `sound`, the class, and `take`. `speaker` is the recording that a clip was cut from: clips of one
    must not be on both sides of a split, and intervals are over recordings. `session` is the owner's fold, 1 to 5, by
    which results are compared (leave-one-session-out). Licence: CC BY-NC 3.0, ESC-10 CC BY 3.0.

    subset: esc10 keeps the clips of ESC-10.
    """

    subset: Literal["all", "esc10"] = "all"

    citation: ClassVar[str] = (
        "K. J. Piczak: ESC: Dataset for Environmental Sound Classification. ACM Multimedia 2015, "
        "doi:10.1145/2733373.2806390"
    )
    licence: ClassVar[str] = "CC BY-NC 3.0 (ESC-10: CC BY 3.0)"
    language: ClassVar[None] = None
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = ()

    def read(self, folder: Path) -> Corpus:
        """The clips of the folder; raises EmotoneError for strange names and for clips of no class."""
        audio = {utterance_id(file): file for file in list_audio(folder)}
        names = parse_stems(audio, NAME, "1-100032-A-0.wav", folder)
        path = folder / "meta" / "esc50.csv"
        sounds = _read_sounds(path, self.subset) if path.is_file() else None
        rows = [
            {
                "id": utterance_id(file),
                "file": file,
                "speaker": parts["source"],
                "session": parts["fold"],
                "sound": _sound_of_folder(file, folder) if sounds is None else sounds.get(Path(file).stem),
                "take": parts["take"],
            }
            for file, parts in names
        ]
        table = pd.DataFrame(rows)
        others, notes = table["sound"].isna(), []
        if others.all():
            raise EmotoneError(f"{path}: names none of the {len(table)} files, e.g. {table['file'].iloc[0]}")
        if others.any():
            left = "of other classes" if self.subset == "esc10" else "without a row"
            notes = [f"{path}: {int(others.sum())} files {left} are left out"]
        return Corpus("esc50", folder, table[~others], meta=meta_of(self, notes))


def _read_sounds(path: Path, subset: str) -> dict[str, str]:
    """{stem: class} of the owner's table."""
    rows = rows_by_stem(read_table(path, ["filename", "category", "esc10"]), "filename", path)
    return {
        stem: str(row["category"])
        for stem, row in rows.items()
        if subset == "all" or str(row["esc10"]).lower() == "true"
    }


def _sound_of_folder(file: str, folder: Path) -> str:
    """The class of a file of ESC-10's own release, by its folder."""
    name = NUMBER.sub("", Path(file).parent.name, count=1).replace("_", " ").lower()
    if name not in FOLDERS:
        missing = f"{folder / 'meta' / 'esc50.csv'} is missing"
        raise EmotoneError(f"{missing}, and the folder of {file} is none of ESC-10, e.g. 001 - Dog bark")
    return FOLDERS[name]
