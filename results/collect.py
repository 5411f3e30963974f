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

from emotone.evaluate.compare.naming import system_labels
from emotone.evaluate.compare.runs import compare_runs
from emotone.evaluate.degraded.scoring import ALL_CURVES
from emotone.evaluate.numbers.speaker_intervals import DEFAULT_METHOD
from emotone.evaluate.run_folder import load_run
from emotone.evaluate.scores import score_predictions

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
    "emotale-seq2seq": (
        "The encoder's frames against low-level descriptors (curve_weight=0.5), paired over speakers on the first two "
        "repeats, for which both were run by one version: arousal .024 [-.024, .072] p .29, dominance .005 [-.045, "
        ".055] p .86, valence .316 [.078, .554] p .0043."
    ),
    "ravdess-spectrogram": (
        "Batches of 64 segments, learning rate 0.0004, from a random start, on pictures with a short side of 64 pixels "
        "(published: ImageNet's weights, 256 pixels, 100 epochs)."
    ),
}
"""What tables cannot say."""
METHODS = {"percentile": "bootstrap", "t": "t"}
"""What the tables call the method of an interval; results of before say none, which was the first."""
LOOKED_AT = ("emotale", "ravdess", "nemo", "urdu")
"""What the bundles that come along were measured on while their method was found."""
HEAD = """# Results

Made by `python results/collect.py RUN ...` from the JSON files beside this page; do not edit. Every value comes with a
95% interval over speakers (over utterances where speakers are what is predicted), and its row says which: `t` is
Student's t on the jackknife, `bootstrap` the percentile bootstrap of earlier runs, which says too little where speakers
are few ([coverage.md](coverage.md)); those runs were not kept, so that theirs cannot be made anew. "folds" is mean and
deviation of the metric over folds, as published tables have it. Speaker-independent unless a protocol says otherwise.
"chosen" is what was chosen for this row, and on what: never on the speakers that test it, but for the method of the
bundles `default`, `small` and `acted`, as their cards say. Iterations, rate and sizes of training were fixed beforehand
to fit a budget of CPU time. How fast it is stands in [benchmarks.md](benchmarks.md), how well calibrated in
[calibration.md](calibration.md).
"""


def collect(run: Path) -> None:
    """Write one run's result, scored now from its predictions, so that its intervals are of the method of now."""
    found = load_run(run)
    result, recipe = found.result, found.recipe
    about = {
        **result,
        **score_predictions(found.test, found.targets),
        "intervals": DEFAULT_METHOD,
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
    head = ["setting", "seed", *titles, "95%", "folds", "chosen", "CPU h"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    given = [key for key in SETTINGS if all(key in one for one in results)]  # first results did not have all
    recipes = [{"name": one["recipe"], **{key: one[key] for key in given}} for one in results]
    rows = sorted(zip(system_labels(recipes), results, strict=True), key=lambda row: (row[0], row[1]["seed"]))
    for label, result in rows:
        values = [interval(result["metrics"][target][metric]) for target, metric in shown]
        setting = label.removeprefix(result["recipe"]).strip() or "as it is"
        kinds = [warning.split(":")[0] for warning in result.get("warnings", [])]
        setting += "".join(f" ({kind})" for kind in kinds if kind not in result["corpora"])
        about = [method(result), folds(result, targets), chosen_where(result)]
        cells = [setting, result["seed"], *values, *about, result["cpu_hours"]]
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


def method(about: dict[str, Any]) -> str:
    """How the intervals of a result were made."""
    return METHODS[about.get("intervals", "percentile")]


def chosen_where(result: dict[str, Any]) -> str:
    """What was chosen for a run, and on what; never on what tests it."""
    split = result.get("split", {})
    group = {"speaker": "speakers", "script": "sentences"}.get(split.get("group", "speaker"), split.get("group"))
    of_target = [target for fold in result.get("chosen", []) for target in fold.values()]
    if not of_target:
        by = {"metric": "weights", "published-loss": "weights, by the published loss,", "last": ""}[
            result["training"].get("best", "metric")
        ]
        return f"{by} on validation {group}" if by and split.get("validate", True) else "nothing: last weights"
    what = "C" if "c" in of_target[0] else "penalties"
    for where, speech in (("inner_folds", f"inner folds of training {group}"), ("validation", f"validation {group}")):
        if any(len(target.get(where, ())) > 1 for target in of_target):
            return f"{what} on {speech}"
    return f"nothing: {what} as set"


def compare(runs: list[Path]) -> None:
    """Write the comparison of runs of one recipe."""
    recipe = json.loads((runs[0] / "test.json").read_text())["recipe"]
    about = compare_runs(runs).to_json() | {"intervals": DEFAULT_METHOD}
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
    family = "p (Holm) is of the pairs of one target: each target is a family of its own"
    head = f"Paired over speakers, first minus second; intervals: {method(about)}; {family}:"
    return f"{head}\n\n" + "\n".join(lines)


def zero_shot(results: list[dict[str, Any]]) -> str:
    """Bundles on corpora they were not trained on."""
    lines = ["| protocol | target | values | 95% | chosen |", "|---|---|---|---|---|"]
    for result in results:
        size = f"{result['num_utterances']} utterances, {result['num_speakers']} speakers"
        is_seen = any(name in result["protocol"].rpartition(" on all of ")[2].split() for name in LOOKED_AT)
        chosen = "method, also on this corpus (some 200 settings)" if is_seen else "method, on other corpora"
        for target, numbers in result["metrics"].items():
            shown = ("uar", "accuracy") if "uar" in numbers else ("pearson", "ccc")
            values = ", ".join(f"{name} {interval(numbers[name])}" for name in shown)
            lines.append(f"| {result['protocol']} ({size}) | {target} | {values} | {method(result)} | {chosen} |")
    return "\n".join(lines)


def keep_curves(path: Path) -> None:
    """Write a comparison along degradation curves."""
    about = json.loads(path.read_text()) | {"intervals": DEFAULT_METHOD}
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
    num = len(about["pairs"])
    text = (
        f"{num} tests of the drop from clean between two systems, one family of Holm's correction over all targets and "
        "conditions. Their null is that the two systems are alike in everything; one that is better clean has more to "
        "lose. Clear are:"
    )
    better = [
        f"- {pair['target']}, {pair['curve']} {pair['severity']}: {names[pair['first']]} less {names[pair['second']]} "
        f"{interval(pair['there'])} (p_Holm {pair['p_there_holm']:.3f})"
        for pair in about["pairs"]
        if pair["p_there_holm"] <= 0.05
    ]
    there = f"{num} tests of the metric itself in these conditions, a family of their own; clear are:"
    notes = dict.fromkeys(about["notes"])
    for label, letter in names.items():
        notes = dict.fromkeys(note.replace(f"{label}: ", f"{letter}: ") for note in notes)
    head = f"# {recipe}: {title}\n\nMade by `python results/collect.py`; do not edit. Intervals: {method(about)}."
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
                f"speakers.{training(results)} {ABOUT.get(folder.name, '')}".rstrip()
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
