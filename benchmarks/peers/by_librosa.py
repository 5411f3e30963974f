"""The task by librosa and scikit-learn, by hand: mean and deviation of cepstra, EmoDB, leave one speaker out.

python by_librosa.py EMODB
"""

import sys
from pathlib import Path

import librosa
import numpy as np
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def vector(file):
    samples, rate_hz = librosa.load(file, sr=16_000)
    cepstra = librosa.feature.mfcc(y=samples, sr=rate_hz, n_mfcc=20)
    frames = np.concatenate([cepstra, librosa.feature.delta(cepstra), librosa.feature.rms(y=samples)])
    return np.concatenate([frames.mean(axis=1), frames.std(axis=1)])


files = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.suffix in (".wav", ".flac"))
features = np.stack([vector(file) for file in files])
emotions = np.array([file.stem[5] for file in files])
speakers = np.array([file.stem[:2] for file in files])
predicted = np.empty_like(emotions)
for train, test in LeaveOneGroupOut().split(features, emotions, speakers):
    pipeline = make_pipeline(StandardScaler(), SVC(kernel="linear"))
    grid = {"svc__C": [1e-4, 1e-3, 1e-2, 1e-1, 1]}
    search = GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=GroupKFold(5))
    search.fit(features[train], emotions[train], groups=speakers[train])
    predicted[test] = search.predict(features[test])
print("uar", round(recall_score(emotions, predicted, average="macro"), 3))
