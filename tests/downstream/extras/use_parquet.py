"""A table of scores as Parquet, with the numbers of the CSV."""

import csv

import pyarrow.parquet
from running import SPEECH, emotone

for name in ("scores.parquet", "scores.csv"):
    emotone("predict", SPEECH, "--window", 3, "--output", name, "--quiet")
found = pyarrow.parquet.read_table("scores.parquet").to_pylist()
with open("scores.csv", encoding="utf-8") as file:
    expected = list(csv.DictReader(file))
assert len(found) == len(expected) > 1
assert all(abs(one["arousal"] - float(other["arousal"])) < 1e-9 for one, other in zip(found, expected, strict=True))
