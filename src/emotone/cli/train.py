"""Verbs that make bundles: pull published weights, train a recipe, export one; and the normalisation terms of one."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from emotone.cli.options import (
    TABLES,
    AddVerb,
    add_device,
    add_engine,
    add_jobs,
    add_quiet,
    add_settings,
    as_typed,
    engine,
    need,
    say,
)


def add_pull(add_verb: AddVerb) -> None:
    parser = add_verb("pull", pull, "Published weights as a bundle: downloaded, or from a folder, and checked.")
    add = parser.add_argument
    add("name", metavar="NAME", help="see: emotone list bundles")
    add("--from", dest="source", type=Path, metavar="FOLDER", help="folder with the repositories' files")
    add("--to", type=Path, metavar="FOLDER", help="where to write the bundle (default: the cache)")
    add_quiet(parser)


def pull(options: Namespace) -> int:
    """Published weights as a bundle."""
    need("torch", "onnx", "scipy")
    from emotone.models.pull import pull as pull_bundle

    folder = pull_bundle(options.name, options.source, options.to)
    say(options, f"{options.name}: {folder}; try: emotone predict FILE --model {options.to or options.name}")
    return 0


def add_export_bundle(add_verb: AddVerb) -> None:
    parser = add_verb("export-bundle", export_bundle, "Write a bundle for the Hugging Face hub, or as ONNX for others.")
    parser.add_argument("model", metavar="BUNDLE", help="a bundle's name or folder, or a run")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder; --model FOLDER reads it again")
    forms = ("hugging-face", "onnx")
    parser.add_argument("--to", required=True, choices=forms, metavar="|".join(forms), help="with weights, or without")
    add_quiet(parser)


def export_bundle(options: Namespace) -> int:
    """A bundle as others take it."""
    need("onnx", "yaml")
    from emotone.bundle.exported import export_bundle as write

    folder = write(options.model, options.folder, options.to)
    say(options, f"{options.model}: {folder}; try: {as_typed(['emotone', 'predict', 'FILE', '--model', str(folder)])}")
    return 0


def add_norms(add_verb: AddVerb) -> None:
    parser = add_verb("norms", norms, "Write a bundle's normalisation terms as MATLAB files, as published ones are.")
    parser.add_argument("model", metavar="BUNDLE", help="a bundle's name or folder, or a run")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="e.g. NormTerm")
    add_quiet(parser)


def norms(options: Namespace) -> int:
    """Means and deviations of features and labels, as files."""
    need("scipy")
    from emotone.bundle.bundle import Bundle
    from emotone.data.norm_terms import write_terms

    paths = write_terms(Bundle.load(options.model), options.to)
    say(options, f"{options.to}: {len(paths)} files; a recipe reads them by: normalise.terms={options.to}")
    return 0


def add_train(add_verb: AddVerb) -> None:
    parser = add_verb("train", train, "Train a recipe: a run folder with bundle and test result; resumes.")
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name or YAML file")
    add_settings(parser, "e.g. seed=1 training.learning_rate=1e-3")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="run folder (default: runs/RECIPE/HASH)")
    add_engine(parser)
    add_jobs(parser)
    add_device(parser)
    add_quiet(parser)


def train(options: Namespace) -> int:
    """A recipe, from features to test result, which is printed as `evaluate` does."""
    need(*TABLES, "torch", "lightning_fabric", "onnx", "tensorboard")
    from emotone.data.recipe_yaml import load_recipe

    recipe = load_recipe(options.recipe, options.settings)
    from emotone.training.ranks import is_follower
    from emotone.training.run import train_recipe  # after the recipe, of which a misspelt name need not wait for torch

    with engine(options):
        folder = train_recipe(recipe, options.to, device=options.device, jobs=options.jobs, quiet=options.quiet)
    if is_follower():
        return 0
    result = json.loads((folder / "test.json").read_text(encoding="utf-8"))
    for reason, count in result["left_out"].items():
        say(options, f"left out: {count} utterances ({reason})")
    is_tested = "num_utterances" in result
    if is_tested:
        from emotone.evaluate.result_text import print_result
        from emotone.evaluate.run_folder import load_run

        print_result(load_run(folder))
    next_verb = f"evaluate {folder} --report report.html" if is_tested else f"predict FILE --model {folder}"
    say(options, f"run: {folder}; try: emotone {next_verb}")
    return 0
