"""No extra: tables, windows, a page, subtitles, moments, a spreadsheet, the Python interface; no torch."""

import csv
import importlib.util
from pathlib import Path

from running import SPEECH, emotone

import emotone as package

assert "site-packages" in package.__file__, package.__file__
assert all(importlib.util.find_spec(name) is None for name in ("torch", "pandas", "scipy", "sklearn"))
prediction = package.load("default").predict(SPEECH)
assert prediction.emotion in prediction.probabilities and 1 < prediction.scores["arousal"] < 9, prediction

emotone("predict", SPEECH, "--output", "scores.csv", "--quiet")
with open("scores.csv", encoding="utf-8") as file:
    (row,) = csv.DictReader(file)
assert row["emotion"] == prediction.emotion and abs(float(row["arousal"]) - prediction.scores["arousal"]) < 1e-3, row
emotone("predict", SPEECH, "--window", 3, "--output", "windows.xlsx", "--page", "page.html")
emotone("predict", SPEECH, "--utterances", "--output", "said.srt")
assert "-->" in Path("said.srt").read_text(encoding="utf-8")
assert "rank" in emotone("retrieve", SPEECH, "--attribute", "arousal", "--highest", 2, "--output", "json")
emotone("list")
