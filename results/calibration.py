"""Calibration before and after temperature scaling: python results/calibration.py EMOTALE RUN ...

Writes calibration.json and calibration.md. RUN are finished runs of recipes with categories; EMOTALE is the Danish part
of EmoTale as its owners lay it out, which becomes the corpus `calls` of docs/own-corpus.md: both of the page's recipes
are trained on it as they stand there, in the working folder.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from emotone.cli.main import main as emotone
from emotone.corpora.readers.emotale import EmoTale
from emotone.data.recipe_yaml import load_recipe
from emotone.evaluate.report.calibration import category_calibration
from emotone.evaluate.run_folder import load_run
from emotone.training.run import train_recipe

RESULTS = Path(__file__).resolve().parent
TUTORIAL = RESULTS.parent / "docs" / "own-corpus.md"
WORDS = {"anger": "angry", "boredom": "bored", "happiness": "glad", "neutral": "plain", "sadness": "sad"}
COLUMNS = "{file: path, speaker: who, gender: sex, emotion: anger_or_what, arousal: excitement}"
HEAD = """# Calibration before and after

Made by `python results/calibration.py`; do not edit. Log loss and expected calibration error (ECE, 15 bins) on the test
parts of all folds. A temperature is fitted on each fold's validation speakers, by networks that do not know them, and
kept where it is better for sure on those of them to whom it was not fitted; else it is 1. Test parts decide nothing.
`calls` and `classical` are the recipes of the tutorials ([one](../docs/tutorials/own-corpus.md), [the
other](../docs/tutorials/compare.md)) on EmoTale (Danish, 450 utterances, 18 speakers, five enacted emotions). Where no
temperature is kept, log loss stays what it is. Of nine speakers a gain is seldom sure: without the check
`emodb-functionals-svm` would go from .542 to .545 on ComParE, from .864 to .843 on eGeMAPS. One validation speaker, as
in `emodb-light-heads`, can check none.

| run | log loss | after | ECE | after | temperature kept | of folds |
|---|---|---|---|---|---|---|
"""


def measure(folder: Path) -> list[dict[str, Any]]:
    """Every category of a run, before and after."""
    run, found = load_run(folder), []
    for target in run.targets:
        if target.kind != "category":
            continue
        about = category_calibration(run.test, run.validation, target)
        feature = run.recipe["feature"]
        scores = {
            stage: {key: about[stage][key] for key in ("log_loss", "ece", "brier")} if about[stage] else None
            for stage in ("before", "after")
        }
        found.append(
            {
                "recipe": run.recipe["name"],
                "feature": feature.get("feature_set") or feature["name"],
                "hash": run.result["hash"],
                "target": target.name,
                **scores,
                "temperatures": [one["temperature"] for one in about["temperatures"]],
                "note": about["note"],
            }
        )
    return found


def make_calls(emotale: Path) -> None:
    """The corpus of the tutorial, its table as the page has it."""
    table = EmoTale("danish").read(emotale).utterances
    folder = Path("calls")
    folder.mkdir(exist_ok=True)
    columns = {"who": table["speaker"], "sex": table["gender"].str[0], "excitement": table["arousal"].round(3)}
    labels = table.assign(path=table["file"], anger_or_what=table["emotion"].map(WORDS), **columns)
    labels[["path", "who", "sex", "anger_or_what", "excitement"]].to_csv(folder / "labels.csv", index=False)
    words = ", ".join(f"{word}: {emotion}" for emotion, word in WORDS.items())
    settings = [f"columns={COLUMNS}", "ranges={arousal: [1, 5]}", f"emotions={{{words}}}", f"audio={emotale.resolve()}"]
    run(["prepare", "table", "calls", "--name", "calls", *settings])


def train_tutorial() -> list[dict[str, Any]]:
    """Both recipes of the page, word for word."""
    found = []
    for name, block in re.findall(r"`(\w+\.yaml)`[^\n]*(?:\n[^\n]+)*\n\n((?:    .*\n)+)", TUTORIAL.read_text()):
        Path(name).write_text(re.sub(r"^    ", "", block, flags=re.MULTILINE))
        found += measure(train_recipe(load_recipe(name), quiet=True))
    return found


def run(arguments: list[str]) -> None:
    """A command that must end well."""
    if emotone(arguments):
        raise SystemExit(f"emotone {' '.join(arguments)} failed")


def row(one: dict[str, Any]) -> str:
    """A line of the table."""
    kept = [value for value in one["temperatures"] if value != 1]
    spread = f"{min(kept):.2f} to {max(kept):.2f}" if kept else "none"
    after = one["after"] or dict.fromkeys(("log_loss", "ece"))
    cells = [
        f"{value:.3f}" if value else "" for key in ("log_loss", "ece") for value in (one["before"][key], after[key])
    ]
    num = f"{len(kept)} of {len(one['temperatures'])}" if one["temperatures"] else one["note"]
    return f"| {one['recipe']} {one['feature']}, {one['target']} | {' | '.join([*cells, spread, num])} |"


if __name__ == "__main__":
    make_calls(Path(sys.argv[1]))
    found = train_tutorial() + [one for folder in sys.argv[2:] for one in measure(Path(folder))]
    (RESULTS / "calibration.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "calibration.md").write_text(HEAD + "\n".join(map(row, found)) + "\n")
