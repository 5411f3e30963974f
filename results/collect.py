"""Results to commit: python results/collect.py RUN [RUN ...] writes RECIPE/HASH.json here and the tables of README.md.

With --compare also RECIPE/comparison.json, the paired tests of these runs; with --curves NAME.json also
RECIPE/NAME.json and NAME.md, what `emotone compare RUN ... --missing --json > NAME.json` or --robustness found. Without
a run it only writes the tables anew.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import yaml

from emotone.evaluate.compare.naming import system_labels
from emotone.evaluate.compare.runs import compare_runs
from emotone.evaluate.degraded.scoring import ALL_CURVES

RESULTS = Path(__file__).resolve().parent
COMPARISON = "comparison"
MAIN = ("uar", "ccc", "spearman")
SETTINGS = (
    "feature",
    "text_feature",
    "alignment",
    "normalise",
    "split",
    "unlabelled",
    "curriculum",
    "system",
    "training",
)
ABOUT = {
    "emodb-spectrogram": (
        "AlexNet-GAP from a random start, on pictures with a short side of 64 pixels (published: ImageNet's weights, "
        "256 pixels, 100 epochs). Stability training hears five classes of ESC-10 and babble of LibriSpeech; curves "
        "are of its other five classes and of babble of EmoDB's speakers."
    ),
    "emodb-speaker-functionals-svm": "Every sentence in turn; intervals over utterances.",
    "emodb-speaker-chunk-attention": "Two of ten sentences at a time; intervals over utterances.",
    "ravdess-speaker-functionals-svm": (
        "Trained on one of two sentences, tested on the other; intervals over utterances; C fixed beforehand, as there "
        "is no third sentence to choose it by."
    ),
    "ravdess-speaker-chunk-attention": (
        "Trained on one of two sentences, tested on the other; intervals over utterances."
    ),
    "esc10-functionals-svm": (
        "Nine of ten sounds, five clips each: those of the tenth, helicopter, are all of one recording here. The "
        '"speakers" are recordings; C fixed beforehand.'
    ),
    "esc10-chunk-attention": 'Nine of ten sounds, as esc10-functionals-svm; "speakers" are recordings.',
    "ravdess-spectrogram": (
        "Batches of 64 segments, learning rate 0.0004, from a random start, on pictures with a short side of 64 pixels "
        "(published: ImageNet's weights, 256 pixels, 100 epochs)."
    ),
}
"""What tables cannot say."""
FIXED = "{} is as set, not chosen here."
HEAD = """# Results

Made by `python results/collect.py RUN ...` from the JSON files beside this page; do not edit. Every value comes with
the 95% interval of a percentile bootstrap over speakers, as these runs were scored; what Emotone gives now is by t,
wider where speakers are few ([coverage.md](coverage.md)). "folds" is mean and deviation of the metric over folds, as
published tables have it. Speaker-independent unless a protocol says otherwise. Iterations, rate and sizes of training
were fixed beforehand to fit a budget of CPU time; what was chosen on which speakers stands above each table. How fast
it is stands in [benchmarks.md](benchmarks.md).
"""


def collect(run: Path) -> None:
    """Write one run's result."""
    result = json.loads((run / "test.json").read_text())
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    about = {
        **result,
        "cpu_hours": round(result["cpu_s"] / 3600, 2),
        "date": str(datetime.date.today()),
        **{key: recipe[key] for key in SETTINGS},
    }
    path = RESULTS / result["recipe"] / f"{result['hash']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about, indent=1) + "\n")


def interval(numbers: dict[str, float]) -> str:
    """A value with its interval."""
    return f"{numbers['value']:.3f} [{numbers['low']:.3f}, {numbers['high']:.3f}]"


def table(results: list[dict[str, Any]]) -> str:
    """One recipe's results, a row per setting and seed."""
    targets = [
        (target, next(name for name in MAIN if name in numbers)) for target, numbers in results[0]["metrics"].items()
    ]
    shown = list(targets)
    if any(target != "emotion" for target, _ in targets):
        shown += [(target, "accuracy") for target, metric in targets if metric == "uar"]
    notes: list[str] = []
    titles = [f"{target} {'accuracy' if metric == 'accuracy' else metric.upper()}" for target, metric in shown]
    head = ["setting", "seed", *titles, "folds", "CPU h"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    given = [key for key in SETTINGS if all(key in one for one in results)]  # first results did not have all
    recipes = [{"name": one["recipe"], **{key: one[key] for key in given}} for one in results]
    rows = sorted(zip(system_labels(recipes), results, strict=True), key=lambda row: (row[0], row[1]["seed"]))
    for label, result in rows:
        values = [interval(result["metrics"][target][metric]) for target, metric in shown]
        setting = label.removeprefix(result["recipe"]).strip() or "as it is"
        kinds = [warning.split(":")[0] for warning in result.get("warnings", [])]
        setting += "".join(f" ({kind})" for kind in kinds if kind not in result["corpora"])
        cells = [setting, result["seed"], *values, folds(result, targets), result["cpu_hours"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
        notes += [
            f"{setting}: {text}."
            for kind, text in zip(kinds, result.get("warnings", []), strict=True)
            if kind in result["corpora"]
        ]
    return "\n\n".join(["\n".join(lines), *notes])


def folds(result: dict[str, Any], targets: list[tuple[str, str]]) -> str:
    """Mean and deviation over folds of each target's metric, where the run has them (a fold of one class has none)."""
    if "folds" not in result:
        return ""
    each = [result["folds"][target][metric] for target, metric in targets]
    return ", ".join(f"{one['mean']:.3f} ± {one['std']:.3f}" for one in each if one["mean"] == one["mean"])


def training(results: list[dict[str, Any]]) -> str:
    """How long the networks were trained; nothing for systems that are solved, and where it is among what differs."""
    settings = results[0]["training"]
    if "chosen" in results[0] or any(other["training"] != settings for other in results):
        return ""
    epochs = settings.get("epochs")
    length = f"{settings['iterations']} iterations" if epochs is None else f"{epochs} epochs in batches"
    unit = "segments" if results[0]["system"]["name"] == "spectrogram-image" else "utterances"
    return f" {length} of {settings['batch_size']} {unit}, learning rate {settings['learning_rate']:g}."


def chosen_where(results: list[dict[str, Any]]) -> str:
    """What was chosen on which speakers, of all runs of a recipe; never those that test."""
    found = []
    for result in results:
        of_target = [target for fold in result.get("chosen", []) for target in fold.values()]
        validates = result.get("split", {}).get("validate", True)
        if not of_target:
            where = "the validation speakers" if validates else "nothing: the last are taken"
            found.append(f"The best weights are chosen on {where}.")
        elif any(target.get("inner_folds") for target in of_target):
            num = max(len(target["inner_folds"]) for target in of_target)
            found.append("C is chosen on inner folds of the training speakers." if num > 1 else FIXED.format("C"))
        else:
            what = "C" if "c" in of_target[0] else "Each head's penalty"
            is_chosen = any(target.get("validation") for target in of_target)
            found.append(f"{what} is chosen on the validation speakers." if is_chosen else FIXED.format(what))
    return " ".join(dict.fromkeys(found))


def compare(runs: list[Path]) -> None:
    """Write the comparison of runs of one recipe."""
    recipe = json.loads((runs[0] / "test.json").read_text())["recipe"]
    about = compare_runs(runs).to_json()
    for system in about["systems"]:
        del system["folders"]  # where they lay does not matter
    (RESULTS / recipe / f"{COMPARISON}.json").write_text(json.dumps(about, indent=1) + "\n")


def pairs(about: dict[str, Any], recipe: str) -> str:
    """Paired differences of all systems of a comparison, per target."""
    lines = ["| target | first | second | difference | p | p (Holm) | d_z |", "|---|---|---|---|---|---|---|"]
    for result in about["results"]:
        for pair in result["pairs"]:
            names = [pair[side].removeprefix(recipe).strip() or "as it is" for side in ("first", "second")]
            chances = ["< 0.001" if pair[key] < 0.0005 else f"{pair[key]:.3f}" for key in ("p", "p_holm")]
            numbers = [*chances, f"{pair['effect_size']:.3f}"]
            what = f"{result['target']} {result['metric'].upper()}"
            lines.append(f"| {' | '.join([what, *names, interval(pair['difference']), *numbers])} |")
    return "Paired over speakers, first minus second:\n\n" + "\n".join(lines)


def zero_shot(results: list[dict[str, Any]]) -> str:
    """Bundles on corpora they were not trained on."""
    lines = ["| protocol | target | values |", "|---|---|---|"]
    for result in results:
        size = f"{result['num_utterances']} utterances, {result['num_speakers']} speakers"
        for target, numbers in result["metrics"].items():
            shown = ("uar", "accuracy") if "uar" in numbers else ("pearson", "ccc")
            values = ", ".join(f"{name} {interval(numbers[name])}" for name in shown)
            lines.append(f"| {result['protocol']} ({size}) | {target} | {values} |")
    return "\n".join(lines)


def keep_curves(path: Path) -> None:
    """Write a comparison along degradation curves."""
    about = json.loads(path.read_text())
    for system in about["systems"]:
        del system["folders"]
    recipe = about["systems"][0]["label"].split()[0]
    (RESULTS / recipe / path.name).write_text(json.dumps(about) + "\n")


def curves_page(about: dict[str, Any], title: str, recipe: str) -> str:
    """Every system's metric in every condition, and the tests of what is lost that remain after Holm's correction."""
    names = {one["label"]: letter for one, letter in zip(about["systems"], "ABCDEFGHIJ", strict=False)}
    parts = [f"- {letter}: {label.removeprefix(recipe).strip()}" for label, letter in names.items()]
    for target, metric in about["metrics"].items():
        head = [f"{target} {metric.upper()}", *names.values()]
        lines = ["", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        curves = {curve: each for own in about["curves"].values() for curve, each in own.items()}
        for curve, each in curves.items():
            for place, point in enumerate(each["points"]):
                found = [_point(about["curves"][label].get(curve), place, target) for label in names]
                severity = ALL_CURVES[curve].with_unit(point["severity"])
                where = f"{each['title'].lower()}: {severity} (n = {each['num_utterances']})"
                lines.append(f"| {' | '.join([where, *found])} |")
        parts += lines
    clear = [
        f"- {pair['target']}, {pair['curve']} {pair['severity']}: {names[pair['first']]} loses "
        f"{pair['drops'][0]:.3f}, {names[pair['second']]} {pair['drops'][1]:.3f} (p_Holm {pair['p_holm']:.3f})"
        for pair in about["pairs"]
        if pair["p_holm"] <= 0.05
    ]
    text = f"{len(about['pairs'])} tests of the drop from clean between two systems; clear after Holm's correction:"
    better = [
        f"- {pair['target']}, {pair['curve']} {pair['severity']}: {names[pair['first']]} less {names[pair['second']]} "
        f"{interval(pair['there'])} (p_Holm {pair['p_there_holm']:.3f})"
        for pair in about["pairs"]
        if pair["p_there_holm"] <= 0.05
    ]
    there = "Tests of the metric itself in each of these conditions; clear after Holm's correction:"
    notes = dict.fromkeys(about["notes"])
    for label, letter in names.items():
        notes = dict.fromkeys(note.replace(f"{label}: ", f"{letter}: ") for note in notes)
    head = f"# {recipe}: {title}\n\nMade by `python results/collect.py`; do not edit."
    found = [text, "", *(clear or ["- none"]), "", there, "", *(better or ["- none"])]
    return "\n".join([head, "", *parts, "", *found, "", *(f"{note}.  " for note in notes)]) + "\n"


def _point(curve: dict[str, Any] | None, place: int, target: str) -> str:
    """A system's value with its interval; nothing where it was not measured."""
    values = curve["points"][place]["metrics"].get(target) if curve else None
    return interval(values) if values else ""


def write_tables() -> None:
    """All tables, from all JSON files."""
    parts = [HEAD]
    for folder in sorted(path for path in RESULTS.iterdir() if path.is_dir() and path.name[0] not in "._"):
        found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
        comparison = found.pop(COMPARISON, None)
        curves = {name: about for name, about in found.items() if "curves" in about}
        results = [about for name, about in found.items() if name not in curves]
        if not results:
            continue
        parts.append(f"## {folder.name}\n")
        if "results" in results[0]:
            parts += [zero_shot(one["results"]) + f"\n\nTraining: {one['cpu_hours']} CPU hours.\n" for one in results]
        else:
            protocol = min((one["protocol"] for one in results), key=len)  # that of the plainest setting
            parts.append(
                f"{protocol}; {results[0]['num_utterances']} utterances, {results[0]['num_speakers']} "
                f"speakers.{training(results)} {chosen_where(results)} {ABOUT.get(folder.name, '')}".rstrip()
                + f"\n\n{table(results)}\n"
            )
        if comparison:
            parts.append(pairs(comparison, folder.name) + "\n")
        for name, about in curves.items():
            (folder / f"{name}.md").write_text(curves_page(about, name.replace("-", " "), folder.name))
        if curves:
            pages = ", ".join(f"[{name.replace('-', ' ')}]({folder.name}/{name}.md)" for name in curves)
            parts.append(f"As audio gets worse or data go missing: {pages}.\n")
    (RESULTS / "README.md").write_text("\n".join(parts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--curves", type=Path, nargs="+", default=[], metavar="FILE")
    arguments = parser.parse_args()
    for run in arguments.runs:
        collect(run)
    if arguments.compare:
        compare(arguments.runs)
    for file in arguments.curves:
        keep_curves(file)
    write_tables()
