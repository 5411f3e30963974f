"""Verbs that listen to files: predict, retrieve, transcribe."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.cli.options import (
    AddVerb,
    add_device,
    add_inputs,
    add_jobs,
    add_lld,
    add_model,
    add_overwrite,
    add_quiet,
    add_rows,
    add_utterance_rules,
    count,
    number,
    positive,
    row_settings,
    say,
)
from emotone.errors import EmotoneError, counted

if TYPE_CHECKING:
    from emotone.predict.retrieve.findings import Findings, Search


def _find_files(options: Namespace) -> list[str]:
    """The files that were named, and a note on what folders hold beside them."""
    from emotone.audio.folder import find_inputs

    notes: list[str] = []
    files = find_inputs(options.inputs, notes)
    for note in notes:
        say(options, f"note: {note}")
    return files


def add_predict(add_verb: AddVerb) -> None:
    parser = add_verb(
        "predict", predict, "Emotion in files, folders or globs: one row per file, per window, or over time."
    )
    add_inputs(parser)
    add_model(parser)
    add = parser.add_argument
    text = "write a table (.csv .json .jsonl .parquet .xlsx), or of one file .srt .vtt .TextGrid .eaf .txt"
    add("--output", type=Path, metavar="FILE|FOLDER", help=text)
    text = "format of --output, where its suffix does not say it; srt, vtt, textgrid, eaf, audacity fill a FOLDER"
    add("--as", dest="form_name", metavar="label-studio|audformat|srt|..", help=text)
    add(
        "--page",
        type=Path,
        metavar="FILE",
        help="write .html, too: waveform, player and table, by utterances unless said",
    )
    add("--picture", type=Path, metavar="FILE", help="write .svg or .png of the same, too, of up to 10 recordings")
    add_overwrite(parser)
    add_rows(parser)
    add(
        "--speakers",
        metavar="FILE",
        help="one row per speaker's turn, from RTTM or CSV (start_s, end_s, speaker; file)",
    )
    text = "what is said, for bundles that take text: heard by Whisper, or a table (file, text) or .txt (default: none)"
    add("--transcript", metavar="auto|FILE|none", help=text)
    add("--language", metavar="CODE", help="that Whisper hears, e.g. da (default: what it finds)")
    add_pcm(parser)
    add_jobs(parser)
    add_device(parser)
    add_lld(parser)
    add_quiet(parser)
    add("--json", action="store_true", help="JSON lines on stdout instead of a table")


def predict(options: Namespace) -> int:
    """Emotion in files: rows on stdout or in a file."""
    from emotone.predict.files import predict_to_file, predict_to_stdout
    from emotone.predict.settings import PredictSettings

    shows = options.page is not None or options.picture is not None
    if "-" in options.inputs:
        return _predict_stream(options)
    if options.rate is not None:
        raise EmotoneError("--rate is of samples without a header, from stdin: emotone predict - --rate 16000")
    if options.form_name is not None and options.output is None:
        raise EmotoneError("--as is the format of --output; give that, too")
    if shows:
        _choose_parts(options)
    files = _find_files(options)
    settings = PredictSettings(
        **row_settings(options),
        speakers=options.speakers,
        jobs=options.jobs,
        device=options.device,
        quiet=options.quiet,
    )
    kept: list[dict[str, Any]] | None = None
    if shows:  # what cannot be written is said before any work
        from emotone.predict.page.outputs import Outputs

        outputs, kept = Outputs(options.page, options.picture), []
        outputs.check(len(files), options.overwrite)
    if options.output is None:
        num_failed = predict_to_stdout(files, settings, options.json, kept)
    else:
        num_failed = predict_to_file(files, options.output, settings, options.overwrite, options.form_name, kept)
        written = options.output if options.output.exists() else "nothing written"
        say(options, f"{counted(len(files), 'file')}, {num_failed} failed: {written}")
    if kept is not None:
        outputs.write(kept, settings)
    return 1 if num_failed else 0


def _choose_parts(options: Namespace) -> None:
    """A page and a picture are of parts of recordings: of utterances, unless others are asked for."""
    if options.summary:
        raise EmotoneError("--summary is of whole recordings; --page and --picture show their parts")
    options.utterances |= not (options.window or options.curve or options.speakers)


def _predict_stream(options: Namespace) -> int:
    """Rows of utterances from stdin as they end; raises EmotoneError for options that need all of a recording."""
    others = ["output", "page", "picture", "curve", "window", "hop", "speakers", "transcript", "language", "summary"]
    others += ["overwrite"]
    given = [f"--{name}" for name in others if getattr(options, name)] + ["--as"] * (options.form_name is not None)
    given += ["--channels"] * (options.channels != "mix") + ["another input"] * (len(options.inputs) > 1)
    if given:
        raise EmotoneError(f"stdin (-) is a stream, a row per utterance as it ends; {given[0]} does not go with it")
    if options.rate is None:
        raise EmotoneError("samples from stdin have no header; give their --rate in Hz")
    options.input, options.num_channels = "-", 1
    return listen(options)


def add_pcm(parser: ArgumentParser) -> None:
    """What is to be known of samples without a header."""
    add = parser.add_argument
    text = "of samples from stdin or a pipe (-), which have no header (listen: default 16000)"
    add("--rate", type=count, metavar="HZ", help=text)
    add("--pcm", default="s16", metavar="s16|s32|f32", help="format of these samples (default s16)")


def add_listen(add_verb: AddVerb) -> None:
    parser = add_verb("listen", listen, "Emotion in samples from a microphone or pipe, a row as each utterance ends.")
    add = parser.add_argument
    add("input", nargs="?", default="-", metavar="-|PIPE", help="stdin, or a named pipe, of bare samples (PCM)")
    add_pcm(parser)
    add("--num-channels", type=count, default=1, metavar="N", help="side by side in each sample (default 1)")
    add_model(parser)
    add_utterance_rules(parser)
    add_device(parser)
    add_lld(parser)
    add_quiet(parser)
    add("--json", action="store_true", help="JSON lines instead of a table")


def listen(options: Namespace) -> int:
    """Rows on stdout as utterances end, until the stream does."""
    from emotone.predict.listen import listen_to
    from emotone.predict.settings import utterance_rules

    return listen_to(
        options.input,
        options.model,
        rate_hz=options.rate or 16_000,
        form=options.pcm,
        num_channels=options.num_channels,
        rules=utterance_rules(True, options.pause, options.longest),
        device=options.device,
        lld=options.lld,
        as_json=options.json,
        quiet=options.quiet,
    )


def add_retrieve(add_verb: AddVerb) -> None:
    parser = add_verb(
        "retrieve", retrieve, "The moments of recordings with the most or least of an attribute or a category."
    )
    text = "recordings, folders of them, patterns; or the folder of one archive"
    parser.add_argument("inputs", nargs="+", metavar="FILE|FOLDER|GLOB|ARCHIVE", help=text)
    add = parser.add_argument
    add("--attribute", required=True, metavar="NAME", help="arousal, dominance, valence, or a category, e.g. anger")
    ends = parser.add_mutually_exclusive_group(required=True)
    ends.add_argument("--highest", type=positive, metavar="N", help="the N moments that score highest")
    ends.add_argument("--lowest", type=positive, metavar="N", help="the N moments that score lowest")
    add("--length", dest="length_s", type=number, metavar="S", help="seconds of a moment (default 3)")
    text = "from one window's start to the next (default: a third of the length)"
    add("--hop", dest="hop_s", type=number, metavar="S", help=text)
    text = "least time between moments of one recording (default 0)"
    add("--min-gap", dest="min_gap_s", type=number, metavar="S", help=text)
    text = "least share of speech, 0..1 (default 0.4)"
    add("--speech", dest="min_speech", type=float, metavar="SHARE", help=text)
    add_model(parser)
    text = "what to write (default table)"
    add("--output", default="table", metavar="table|clips|textgrid|audacity|json", help=text)
    add("--to", type=Path, metavar="FILE|FOLDER", help="where (default: stdout for table and json)")
    add("--page", type=Path, metavar="FILE", help="write .html with waveforms, curves and a player, too")
    add_overwrite(parser)
    add_jobs(parser)
    add_device(parser)
    add_lld(parser)
    add_quiet(parser)


def retrieve(options: Namespace) -> int:
    """The moments with the most or least of an attribute or a category: a table, clips, labels, a page."""
    from emotone.archive.folder import is_archive
    from emotone.predict.retrieve.findings import Search
    from emotone.predict.retrieve.moments import find_moments
    from emotone.predict.retrieve.output import check_output, write_findings

    settings = ("length_s", "hop_s", "min_gap_s", "min_speech", "model", "device", "lld")
    given = {name: getattr(options, name) for name in settings if getattr(options, name) is not None}
    is_lowest = options.lowest is not None
    search = Search(options.attribute, options.lowest if is_lowest else options.highest, is_lowest, **given)
    check_output(options.output, options.to)
    if options.page:
        from emotone.predict.page.outputs import check_page, write_page

        check_page(options.page, options.overwrite)
    if any(map(is_archive, map(Path, options.inputs))):
        findings = _find_in_archive(options, search)
    else:
        findings = find_moments(_find_files(options), search, options.jobs, options.quiet)
    write_findings(findings, options.output, options.to)
    if options.page:
        from emotone.predict.retrieve.page import render_page

        write_page(options.page, render_page(findings))
    if findings.caution:
        say(options, f"note: {findings.caution}")
    for line in findings.notes:
        say(options, line)
    if options.to:
        for recording in findings.failed:
            print(f"emotone: {recording.file}: {recording.error}", file=sys.stderr)
        counts = f"{counted(findings.num_recordings, 'file')}, {findings.num_failed} failed"
        written = options.to if options.to.exists() else "nothing written"
        say(options, f"{counts}, {counted(len(findings.moments), 'moment')}: {written}")
    return 1 if findings.num_failed or not findings.moments else 0


def _find_in_archive(options: Namespace, search: Search) -> Findings:
    """Moments of an archive that was scored before, without its audio."""
    from emotone.archive.folder import Archive
    from emotone.archive.moments import find_in_archive

    if len(options.inputs) > 1:
        raise EmotoneError(f"an archive is searched alone, not together with {len(options.inputs) - 1} other inputs")
    if options.page or options.output in ("textgrid", "audacity"):
        asked = "--page" if options.page else f"--output {options.output}"
        raise EmotoneError(f"{asked} is of recordings, not of an archive; table, json and clips are")
    archive = Archive.read(Path(options.inputs[0]))
    return find_in_archive(archive, search, has_paths=options.output == "clips", quiet=options.quiet)


def add_transcribe(add_verb: AddVerb) -> None:
    parser = add_verb("transcribe", transcribe, "What is said in files, folders or globs, with words and times.")
    add_inputs(parser)
    add = parser.add_argument
    text = "a Whisper in CTranslate2's format (default: openai/whisper-base)"
    add("--model", default="openai/whisper-base", metavar="NAME|FOLDER", help=text)
    add("--language", metavar="CODE", help="e.g. da (default: what Whisper hears)")
    add("--words", action="store_true", help="one row per word, with its times")
    add("--output", type=Path, metavar="FILE", help="write .csv, .json, .jsonl, .parquet or .xlsx")
    add_overwrite(parser)
    add("--json", action="store_true", help="JSON lines on stdout")
    add_device(parser)
    add_quiet(parser)


def transcribe(options: Namespace) -> int:
    """Transcripts of files: a row per file, or per word with its times."""
    from emotone.audio.words.whisper import RowUnit, Transcriber, write_transcripts
    from emotone.audio.words.whisper import transcribe as transcripts_of

    files = _find_files(options)
    over: RowUnit = "words" if options.words else "recording"
    transcriber = Transcriber(options.model, options.language, options.device)
    transcriber.load()  # a fault of it is no file's, nor hidden by files in which nobody speaks
    if options.output is not None:
        num_failed = write_transcripts(files, transcriber, options.output, over, options.quiet, options.overwrite)
        say(options, f"{counted(len(files), 'file')}, {num_failed} failed: {options.output}")
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
