"""A corpus to train with: sixteen pieces of one recording by four speakers, whose labels mean nothing."""

import csv
from pathlib import Path

import soundfile
from running import SPEECH, emotone

SAID = "ask not what your country can do for you ask what you can do for your country"


def prepare() -> None:
    """The corpus `calls`, prepared."""
    words = SAID.split()
    samples, rate_hz = soundfile.read(SPEECH)
    Path("calls").mkdir()
    with open("calls/labels.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "speaker", "emotion", "arousal", "transcript"])
        length = len(samples) // 16
        for index in range(16):
            soundfile.write(f"calls/{index:02d}.wav", samples[index * length :][:length], rate_hz)
            row = [
                f"{index:02d}.wav",
                f"s{index % 4}",
                ("anger", "neutral")[index // 4 % 2],
                1 + index % 5,
                words[index],
            ]
            table.writerow(row)
    emotone("prepare", "table", "calls", "--name", "calls", "language=en", "ranges={arousal: [1, 5]}")
