"""Verbs of results: evaluate, compare; and the curves of degraded and missing data that both of them take."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.base.files import LEDGER, RUNS
from emotone.cli.options import (
    TABLES,
    AddVerb,
    add_device,
    add_jobs,
    add_json,
    add_lld,
    add_quiet,
    need,
    positive,
    say,
    write_text,
)
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from emotone.evaluate.degraded.measured import MeasuredCurves

PAGES, PAPERS = (".html", ".json"), (".csv", ".tex")
"""How the names of reports end, and of tables for a paper."""
REPORTS = ("matplotlib", "jinja2")
"""Packages of the [train] extra that a report needs."""


def add_evaluate(add_verb: AddVerb) -> None:
    parser = add_verb("evaluate", evaluate, "Test a run or a bundle: metrics with intervals over speakers.")
    add = parser.add_argument
    add("model", metavar="RUN|BUNDLE", help="a run's folder, or a bundle's name or folder")
    add("--corpus", help="a prepared corpus (default: the test split of the run)")
    add(
        "--part",
        help="of the corpus: test, test2, validation, train or all (default: test where there is one, else all)",
    )
    add("--classes", metavar="A,B,...", help="only utterances of these categories")
    add_json(parser)
    _add_report(parser)
    add("--robustness", action="store_true", help="score degraded copies of the test utterances too")
    add("--missing", action="store_true", help="score them with words or audio missing, too")
    _add_curves(parser)
    add_jobs(parser)
    add_device(parser)
    add_lld(parser)
    add_quiet(parser)


def evaluate(options: Namespace) -> int:
    """A run's test parts, or a bundle on a corpus: numbers, and a report where one is asked for."""
    need(*TABLES, *(REPORTS if options.report else ()))
    from emotone.evaluate.bundle_on_corpus import evaluate_model
    from emotone.evaluate.result_text import print_result

    asked = CurveOptions(options)
    _check_report(options)
    chosen = options.classes, options.part, options.lld
    run = evaluate_model(options.model, options.corpus, options.device, options.jobs, options.quiet, *chosen)
    curves = missing = None
    if asked.robustness:
        from emotone.evaluate.degraded.robustness import robustness

        curves = run.result["robustness"] = robustness(run, asked.noise, **asked.settings)
    if asked.missing:
        from emotone.evaluate.degraded.missing_data import missing_data

        missing = run.result["missing"] = missing_data(run, **asked.settings)
    if options.report:
        from emotone.evaluate.report.report import build_report

        _write_report(options, *build_report(run, curves, missing))
    print_result(run, as_json=options.json)
    if not options.json:
        _print_curves(run.result["num_utterances"], curves, missing)
    return 0


def _print_curves(num_utterances: int, *curves: MeasuredCurves | None) -> None:
    """A line per point of robustness and missing data, where there are any, and whose they are; notes on stderr."""
    from emotone.base.text_table import align
    from emotone.evaluate.report.degraded import degradation_rows

    for about in filter(None, curves):
        speakers = f"{about['num_speakers']} speakers, the same at every point"
        print(f"  on {about['num_utterances']} of {num_utterances} utterances of {speakers}:")
        print(align(degradation_rows(about), "  "))
        for note in about["notes"]:
            print(f"  {note}", file=sys.stderr)


def add_compare(add_verb: AddVerb) -> None:
    parser = add_verb("compare", compare, "Runs on the same utterances: paired tests over speakers; or all runs.")
    add = parser.add_argument
    add("runs", nargs="*", type=Path, metavar="RUN", help="run folders; seeds of one recipe are averaged")
    text = f"table of all runs (default: those in {RUNS}/)"
    add("--ledger", nargs="?", type=Path, const=RUNS / LEDGER, metavar="FILE", help=text)
    add("--metric", help="e.g. ccc, uar, spearman (default: the main one of each target)")
    _add_report(parser, "; .csv or .tex (booktabs) for a paper")
    add("--robustness", action="store_true", help="what each loses as audio gets worse")
    add("--missing", action="store_true", help="what each loses as words or audio go missing")
    _add_curves(parser)
    add_json(parser)
    add_jobs(parser)
    add_quiet(parser)


def compare(options: Namespace) -> int:
    """Runs against each other on the same utterances, or the table of all runs."""
    is_page = options.report and options.report.suffix not in PAPERS
    need(*TABLES, *(REPORTS if is_page else ()))
    if options.ledger is not None:
        return _print_ledger(options)
    from emotone.evaluate.compare.page import comparison_page
    from emotone.evaluate.compare.runs import compare_runs
    from emotone.evaluate.compare.text import print_comparison

    if len(options.runs) < 2:
        raise EmotoneError("compare needs two run folders or more, or --ledger for a table of all runs")
    asked = CurveOptions(options)
    if asked.robustness or asked.missing:
        _check_report(options)
        return _compare_degraded(options, asked)
    _check_report(options, (*PAGES, *PAPERS))
    compared = compare_runs(options.runs, [options.metric] if options.metric else [])
    if options.report and options.report.suffix in PAPERS:
        from emotone.evaluate.compare.paper import write_comparison

        write_comparison(compared, options.report)
        say(options, f"report: {options.report}")
    elif options.report:
        _write_report(options, compared.to_json(), comparison_page(compared))
    print_comparison(compared, options.json)
    return 0


def _print_ledger(options: Namespace) -> int:
    """The table of all runs, and the same for a paper where a report is asked for."""
    from emotone.evaluate.ledger import tabulate, write_table

    _check_report(options, PAPERS)
    print(tabulate(options.ledger))
    if options.report:
        write_table(options.ledger, options.report)
        say(options, f"report: {options.report}")
    return 0


def _compare_degraded(options: Namespace, asked: CurveOptions) -> int:
    """Runs against each other in what they lose as audio gets worse, or as words or audio go missing."""
    from emotone.evaluate.compare.degraded import compare_degraded
    from emotone.evaluate.compare.degraded_page import degradation_page
    from emotone.evaluate.compare.degraded_text import print_degraded
    from emotone.evaluate.degraded.missing_data import score_missing
    from emotone.evaluate.degraded.robustness import score_robustness
    from emotone.evaluate.report.degraded import MISSING_NOTE, ROBUSTNESS_NOTE

    if options.metric:
        raise EmotoneError("--robustness and --missing compare by the main metric of each target; leave out --metric")
    if asked.robustness and asked.missing:
        raise EmotoneError("compare takes one of --robustness and --missing at a time")
    heading, note = "Comparison under missing data", MISSING_NOTE
    score: Any = partial(score_missing, **asked.settings)
    if asked.robustness:
        heading, note = "Comparison of robustness", ROBUSTNESS_NOTE
        score = partial(score_robustness, noise=asked.noise, **asked.settings)
    found = compare_degraded(options.runs, score)
    if options.report:
        _write_report(options, found.to_json(), degradation_page(found, heading, note))
    print_degraded(found, options.json)
    return 0


# ---- curves of degraded and missing data ------------------------------------------------------------------------


def _add_curves(parser: ArgumentParser) -> None:
    """What --robustness and --missing take; each verb says itself what they are to it."""
    add = parser.add_argument
    add("--curves", metavar="A,B,...", help="only these curves, e.g. noise,babble (default: all)")
    add("--noise", type=Path, metavar="FOLDER", help="recordings of noise for --robustness")
    text = "utterances whose audio is changed at most (default: 200 by --robustness, 100 by --missing)"
    add("--num", type=positive, metavar="N", help=text)


class CurveOptions:
    """Which curves are asked for; settings: the arguments that `score_robustness` and `score_missing` share.

    --noise asks for --robustness. Raises EmotoneError for options without a curve.
    """

    def __init__(self, options: Namespace) -> None:
        self.robustness: bool = options.robustness or options.noise is not None
        self.missing: bool = options.missing
        self.noise: Path | None = options.noise
        self.settings: dict[str, Any] = {"jobs": options.jobs, "quiet": options.quiet}
        if options.num is not None:
            if not (self.robustness or self.missing):
                raise EmotoneError(
                    "--num is how many utterances --robustness or --missing takes; give one of them, too"
                )
            self.settings["num_utterances"] = options.num
        if options.curves is not None:
            if self.robustness == self.missing:
                raise EmotoneError(
                    "--curves chooses among those of --robustness or of --missing; give one of them, too"
                )
            self.settings["only"] = options.curves.split(",")


# ---- reports ----------------------------------------------------------------------------------------------------


def _add_report(parser: ArgumentParser, more: str = "") -> None:
    text = f"write .html with pictures, or the same as .json{more}"
    parser.add_argument("--report", type=Path, metavar="FILE", help=text)


def _check_report(options: Namespace, suffixes: Sequence[str] = PAGES) -> None:
    """Refuse a report that could not be written before anything is computed for it."""
    if options.report is None:
        return
    if options.report.suffix not in suffixes:
        raise EmotoneError(f"{options.report}: this report ends in {' or '.join(suffixes)}")
    if options.report.is_dir() or not options.report.absolute().parent.is_dir():
        raise EmotoneError(f"{options.report}: is a folder, or lies in none that exists")


def _write_report(options: Namespace, about: Any, page: str) -> None:
    """The report as a page, or the same as JSON, by the suffix of the file."""
    write_text(options.report, page if options.report.suffix == ".html" else json.dumps(about, indent=1))
    say(options, f"report: {options.report}")
