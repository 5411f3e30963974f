"""A folder by the model that by_hand.py kept: python predict_by_hand.py MODEL FOLDER FEATURE_SET"""

import csv
import sys
from pathlib import Path

import joblib
import opensmile

model = joblib.load(sys.argv[1])
files = sorted(path for path in Path(sys.argv[2]).rglob("*") if path.suffix in (".wav", ".flac"))
smile = opensmile.Smile(opensmile.FeatureSet[sys.argv[3]], opensmile.FeatureLevel.Functionals)
with open("scores.csv", "w", newline="", encoding="utf-8") as table:
    rows = csv.writer(table)
    rows.writerow(["file", "emotion"])
    for file in files:
        rows.writerow([file.name, model.predict(smile.process_file(str(file)).to_numpy())[0]])
