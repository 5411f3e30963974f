"""The task by openSMILE and scikit-learn alone, as one writes it by hand: EmoDB, leave one speaker out, a linear SVM.

python by_hand.py EMODB FEATURE_SET
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import opensmile
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

files = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.suffix in (".wav", ".flac"))
smile = opensmile.Smile(opensmile.FeatureSet[sys.argv[2]], opensmile.FeatureLevel.Functionals)
features = np.concatenate([smile.process_file(str(file)).to_numpy() for file in files])
emotions = np.array([file.stem[5] for file in files])
speakers = np.array([file.stem[:2] for file in files])
predicted = np.empty_like(emotions)
for train, test in LeaveOneGroupOut().split(features, emotions, speakers):
    pipeline = make_pipeline(StandardScaler(), SVC(kernel="linear"))
    grid = {"svc__C": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]}
    search = GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=GroupKFold(5))
    search.fit(features[train], emotions[train], groups=speakers[train])
    predicted[test] = search.predict(features[test])
print("uar", round(recall_score(emotions, predicted, average="macro"), 3))
joblib.dump(search.fit(features, emotions, groups=speakers).best_estimator_, "model.joblib")
