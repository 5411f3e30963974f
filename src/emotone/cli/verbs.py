"""What the verbs of the command line do. Each imports what it needs when it runs, so that `predict` starts at once."""

from __future__ import annotations

import importlib.util
import json
import sys
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from emotone.errors import EmotoneError, missing_extra, unknown

LISTED = ("bundles", "recipes", "corpora", "features", "systems", "models", "difficulties")
TABLES = ("pandas", "pyarrow", "yaml")


def predict(options: Namespace) -> int:
    """Emotion in files: rows on stdout or in a file."""
    from emotone.audio.folder import find_inputs
    from emotone.predict.files import predict_to_file, predict_to_stdout
    from emotone.predict.settings import PredictSettings

    files = find_inputs(options.inputs)
    settings = PredictSettings(
        model=options.model,
        window_s=options.window,
        hop_s=options.hop,
        curve=options.curve,
        transcript=options.transcript,
        language=options.language,
        jobs=options.jobs,
        device=options.device,
        quiet=options.quiet,
    )
    if options.output is None:
        failed = predict_to_stdout(files, settings, options.json)
    else:
        failed = predict_to_file(files, options.output, settings)
        say(options, f"{len(files)} files, {failed} failed: {options.output}")
    return 1 if failed else 0


def transcribe(options: Namespace) -> int:
    """What is said in files: a row per file, or per word with its times."""
    from emotone.audio.folder import find_inputs
    from emotone.audio.words.whisper import Over, Transcriber, write_transcripts
    from emotone.audio.words.whisper import transcribe as transcripts_of

    files = find_inputs(options.inputs)
    over: Over = "words" if options.words else "recording"
    transcriber = Transcriber(options.model, options.language, options.device)
    if options.output is not None:
        num_failed = write_transcripts(files, transcriber, options.output, over, options.quiet)
        say(options, f"{len(files)} files, {num_failed} failed: {options.output}")
        return 1 if num_failed else 0
    num_failed = 0
    for transcript in transcripts_of(files, transcriber):
        num_failed += bool(transcript.error)
        if transcript.error and not options.json:
            print(f"emotone: {transcript.file}: {transcript.error}", file=sys.stderr)
            continue
        for row in transcript.rows(over):
            print(json.dumps(row) if options.json else transcript_line(row), flush=True)
    return 1 if num_failed else 0


def transcript_line(row: dict[str, Any]) -> str:
    """A row of a transcript for people.

    >>> transcript_line({"file": "talk.wav", "start_s": 0.0, "end_s": 1.25, "text": "So good.", "error": ""})
    'talk.wav      0.00     1.25  So good.'
    """
    return f"{row['file']}  {row['start_s']:8.2f} {row['end_s']:8.2f}  {row['text']}"


def retrieve(options: Namespace) -> int:
    """The most or least aroused, dominant or pleasant moments: a table, clips, labels, a page."""
    from emotone.audio.folder import find_inputs
    from emotone.predict.retrieve.findings import Search
    from emotone.predict.retrieve.moments import find_moments
    from emotone.predict.retrieve.output import check_file, check_output, write_findings

    settings = ("length_s", "hop_s", "min_gap_s", "min_speech", "model", "device")
    given = {name: getattr(options, name) for name in settings if getattr(options, name) is not None}
    is_lowest = options.lowest is not None
    search = Search(options.attribute, options.lowest if is_lowest else options.highest, is_lowest, **given)
    check_output(options.output, options.to)
    if options.page:
        check_file(options.page, ".html")
    findings = find_moments(find_inputs(options.inputs), search, options.jobs, options.quiet)
    write_findings(findings, options.output, options.to)
    if options.page:
        from emotone.predict.retrieve.page import render_page

        _write(options.page, render_page(findings))
    for line in findings.notes:
        say(options, line)
    if options.to:
        for recording in findings.failed:
            print(f"emotone: {recording.file}: {recording.error}", file=sys.stderr)
        counts = f"{findings.num_recordings} files, {len(findings.failed)} failed, {len(findings.moments)} moments"
        say(options, f"{counts}: {options.to if options.to.exists() else 'nothing written'}")
    return 1 if findings.failed or not findings.moments else 0


def pull(options: Namespace) -> int:
    """Published weights as a bundle."""
    _need("torch", "onnx", "scipy")
    from emotone.models.pull import pull as pull_bundle

    folder = pull_bundle(options.name, options.source, options.to)
    say(options, f"{options.name}: {folder}; try: emotone predict FILE --model {options.to or options.name}")
    return 0


def list_all(options: Namespace) -> int:
    """What there is."""
    from emotone.cli.listing import print_listing

    print_listing([options.kind] if options.kind else list(LISTED), options.json)
    return 0


def prepare(options: Namespace) -> int:
    """An owner's folder as a corpus."""
    _need(*TABLES)
    from emotone.base import plugins
    from emotone.corpora.corpus import check_name
    from emotone.data.recipe_yaml import parse_overrides

    reader = plugins.create("corpora", options.corpus, parse_overrides(options.settings))
    name = check_name(options.name or options.corpus)
    if not options.folder.is_dir():
        raise EmotoneError(f"{options.folder}: not a folder")
    corpus = reader.read(options.folder)
    corpus.name = name
    folder = corpus.save()
    for note in corpus.meta.get("notes", []):
        say(options, f"note: {note}")
    speakers = corpus.utterances["speaker"].nunique()
    say(options, f"{corpus.name}: {len(corpus)} utterances, {speakers} speakers: {folder}")
    return 0


def info(options: Namespace) -> int:
    """What a corpus holds, as text or JSON, and as a picture."""
    _need(*TABLES, *(["matplotlib"] if options.picture else []))
    from emotone.corpora.corpus import Corpus
    from emotone.corpora.info import corpus_info, picture, print_info
    from emotone.corpora.scan import scan

    corpus = Corpus.load(options.corpus)
    scanned = scan(corpus, options.jobs, options.quiet)
    if options.picture:
        if options.picture.suffix != ".svg":
            raise EmotoneError(f"{options.picture}: the picture is SVG; name it .svg")
        _write(options.picture, picture(corpus, scanned))
        say(options, f"picture: {options.picture}")
    about = corpus_info(corpus, scanned)
    if options.json:
        print(json.dumps(about, indent=1))
    else:
        print_info(about)
    return 0


def check(options: Namespace) -> int:
    """What is wrong with a corpus, or with the splits of a recipe: 1 where something leaks or cannot be read."""
    _need(*TABLES)
    from emotone.corpora.corpus import prepared
    from emotone.data import recipe_yaml as recipes
    from emotone.data.check import check_prepared, check_recipe, print_check

    is_corpus = options.what in prepared() or (Path(options.what) / "corpus.json").is_file()
    if is_corpus and not options.overrides:
        found = check_prepared(options.what, options.jobs, options.quiet)
    elif options.what in recipes.available() or options.what.endswith((".yaml", ".yml")):
        found = check_recipe(recipes.load_recipe(options.what, options.overrides), options.jobs, options.quiet)
    else:
        raise unknown("recipe or prepared corpus", options.what, [*recipes.available(), *prepared()])
    print_check(found, options.json)
    return 1 if found["problems"] else 0


def export(options: Namespace) -> int:
    """A prepared corpus in the field's exchange format."""
    _need(*TABLES, "audformat")
    from emotone.corpora.audformat_export import write_audformat
    from emotone.corpora.corpus import Corpus

    write_audformat(Corpus.load(options.corpus), options.folder)
    say(options, f"{options.corpus}: {options.folder}")
    return 0


def extract(options: Namespace) -> int:
    """A feature of every utterance of a corpus."""
    _need(*TABLES)
    from emotone.base import plugins
    from emotone.corpora.corpus import Corpus
    from emotone.data import store
    from emotone.data.recipe_yaml import parse_overrides

    feature = plugins.create("features", options.feature, parse_overrides(options.settings))
    done = store.extract(Corpus.load(options.corpus), options.feature, feature, options.jobs, quiet=options.quiet)
    for utterance, error in sorted(done.failed.items()):
        print(f"emotone: {utterance}: {error}", file=sys.stderr)
    for note, count in done.notes.items():
        say(options, f"{count} of {len(done)} utterances are {note}")
    say(options, f"{len(done)} utterances, {len(done.failed)} failed: {done.folder}")
    return 1 if done.failed else 0


def train(options: Namespace) -> int:
    """A recipe, from features to test result."""
    _need(*TABLES, "torch", "lightning_fabric", "onnx", "tensorboard")
    from emotone.data.recipe_yaml import load_recipe
    from emotone.training.run import train_recipe

    recipe = load_recipe(options.recipe, options.overrides)
    folder = train_recipe(recipe, options.to, device=options.device, jobs=options.jobs, quiet=options.quiet)
    for reason, count in json.loads((folder / "test.json").read_text())["left_out"].items():
        say(options, f"left out: {count} utterances ({reason})")
    say(options, f"run: {folder}; try: emotone evaluate {folder} --report report.html")
    return 0


def evaluate(options: Namespace) -> int:
    """A run's test parts, or a bundle on a corpus: numbers, and a report where one is asked for."""
    _need(*TABLES, *(["matplotlib", "jinja2"] if options.report else []))
    from emotone.evaluate.plain import to_json
    from emotone.evaluate.protocol import evaluate_model, print_result

    settings = _curve_settings(options)
    _check_report(options)
    run = evaluate_model(options.model, options.corpus, options.device, options.jobs, options.quiet, options.classes)
    curves = missing = None
    if options.robustness:
        from emotone.evaluate.degraded.robustness import robustness

        curves = run.result["robustness"] = robustness(run, options.noise, **settings)
    if options.missing:
        from emotone.evaluate.degraded.missing_data import missing_data

        missing = run.result["missing"] = missing_data(run, **settings)
    if options.report:
        from emotone.evaluate.report.report import build_report

        _write_report(options, *build_report(run, curves, missing))
    print_result(to_json(run.result) if options.json else run.result, as_json=options.json)
    if not options.json:
        _print_curves(curves, missing)
    return 0


def _print_curves(*curves: dict[str, Any] | None) -> None:
    """A line per point of robustness and missing data, where there are any; notes on stderr."""
    from emotone.base.text_table import align
    from emotone.evaluate.report.report import degradation_rows

    for about in filter(None, curves):
        print(align(degradation_rows(about), "  "))
        for note in about["notes"]:
            print(f"  {note}", file=sys.stderr)


def compare(options: Namespace) -> int:
    """Runs against each other on the same utterances, or the table of all runs."""
    _need(*TABLES, *(["matplotlib", "jinja2"] if options.report else []))
    if options.ledger is not None:
        from emotone.evaluate.ledger import tabulate

        print(tabulate(options.ledger))
        return 0
    from emotone.evaluate.compare.page import comparison_page
    from emotone.evaluate.compare.runs import compare_runs, print_comparison

    if len(options.runs) < 2:
        raise EmotoneError("compare needs two run folders or more, or --ledger for a table of all runs")
    settings = _curve_settings(options)
    _check_report(options)
    if options.robustness or options.missing:
        return _compare_degraded(options, settings)
    compared = compare_runs(options.runs, [options.metric] if options.metric else [])
    if options.report:
        _write_report(options, compared.to_json(), comparison_page(compared))
    print_comparison(compared, options.json)
    return 0


def _compare_degraded(options: Namespace, settings: dict[str, Any]) -> int:
    """Runs against each other in what they lose as audio gets worse, or as words or audio go missing."""
    from emotone.evaluate.compare.degraded import compare_degraded
    from emotone.evaluate.compare.degraded_page import degradation_page
    from emotone.evaluate.compare.degraded_text import print_degraded
    from emotone.evaluate.degraded.missing_data import score_missing
    from emotone.evaluate.degraded.robustness import score_robustness
    from emotone.evaluate.report.report import DEGRADED, MISSING

    if options.metric:
        raise EmotoneError("--robustness and --missing compare by the main metric of each target; leave out --metric")
    if options.robustness and options.missing:
        raise EmotoneError("compare takes one of --robustness and --missing at a time")
    heading, note = "Comparison under missing data", MISSING
    score: Any = partial(score_missing, **settings)
    if options.robustness:
        heading, note = "Comparison of robustness", DEGRADED
        score = partial(score_robustness, noise=options.noise, **settings)
    found = compare_degraded(options.runs, score)
    if options.report:
        _write_report(options, found.to_json(), degradation_page(found, heading, note))
    print_degraded(found, options.json)
    return 0


def _curve_settings(options: Namespace) -> dict[str, Any]:
    """What --robustness and --missing have in common; --noise asks for --robustness."""
    options.robustness = options.robustness or options.noise is not None
    settings: dict[str, Any] = {"jobs": options.jobs, "quiet": options.quiet}
    if options.num is not None:
        if not (options.robustness or options.missing):
            raise EmotoneError("--num is how many utterances --robustness or --missing takes; give one of them, too")
        settings["num_utterances"] = options.num
    if options.curves is not None:
        if options.robustness == options.missing:
            raise EmotoneError("--curves chooses among those of --robustness or of --missing; give one of them, too")
        settings["only"] = options.curves.split(",")
    return settings


def _check_report(options: Namespace) -> None:
    """Refuse a report that could not be written before anything is computed for it."""
    if options.report is None:
        return
    if options.report.suffix not in (".html", ".json"):
        raise EmotoneError(f"{options.report}: a report ends in .html or .json")
    if options.report.is_dir() or not options.report.absolute().parent.is_dir():
        raise EmotoneError(f"{options.report}: is a folder, or lies in none that exists")


def _write_report(options: Namespace, about: Any, page: str) -> None:
    """The report as a page, or the same as JSON, by the suffix of the file."""
    _write(options.report, page if options.report.suffix == ".html" else json.dumps(about, indent=1))
    say(options, f"report: {options.report}")


def say(options: Namespace, message: str) -> None:
    """A message for people, on stderr."""
    if not getattr(options, "quiet", False):
        print(message, file=sys.stderr)


def _write(path: Path, text: str) -> None:
    from emotone.base.files import replace_file

    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _need(*packages: str) -> None:
    """The verbs for researchers need the [train] extra; one line says so where a package of it is missing."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "train", "this verb")
