"""Predicting many files over processes, into a result file or onto stdout; a bad file never stops the rest."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from emotone.audio.read import AudioError, count_channels
from emotone.audio.turns import Turn, read_turns, turns_of
from emotone.audio.words.transcripts import TranscriptLike, is_text_file, read_text_file
from emotone.base.files import sha256_of
from emotone.base.processes import DIED, map_ordered
from emotone.base.progress import track
from emotone.base.result_table import UNCHECKED, ResultFile
from emotone.base.table_format import Row
from emotone.errors import EmotoneError, unknown
from emotone.predict.cuts import Parts
from emotone.predict.formats.output import Timed, form_of, format_of
from emotone.predict.prediction import Prediction, failed
from emotone.predict.predictor import Predictor
from emotone.predict.settings import AUTO, NONE, PredictSettings
from emotone.predict.table import Table, name_width
from emotone.predict.windows import NO_SPEECH

if TYPE_CHECKING:
    from emotone.audio.words.whisper import Transcriber


NOT_SCORES = ("start_s", "end_s", "speech_share")
"""Numbers of a row that are no scores."""


class Input(NamedTuple):
    """A file and its transcript; None where none is given, or Whisper is to recognise it.

    name: what rows call it, and by which its turns are found; None: its path. Of it the part from `start_s` to `end_s`
    (None: its end) is heard, and one channel in place of those of the settings where one is given. language: that
    Whisper recognises in it, where the settings name none.
    """

    file: str
    transcript: TranscriptLike | None = None
    name: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None
    language: str | None = None

    @property
    def shown(self) -> str:
        """What rows call it."""
        return self.file if self.name is None else self.name


def predict_to_file(
    files: Sequence[str],
    output: Path,
    settings: PredictSettings,
    overwrite: bool = False,
    form_name: str | None = None,
    kept: list[Row] | None = None,
) -> int:
    """Predict into a file or folder; goes on where an interrupted run stopped. Returns the number of files that failed.

    form_name: a format of `emotone.predict.formats.output.SUFFIXES`; None: the output's suffix says it. Files that have
    changed since are predicted again. `kept` is given all rows, of earlier runs, too. Raises EmotoneError as
    `format_of` and `ResultFile` do.
    """
    name = format_of(output, form_name, files)
    predictor, table, inputs = _prepare(files, settings)
    identity = identify(predictor, settings)
    form = form_of(output, name, table, predictor.bundle.name)
    with ResultFile(output, table.columns, identity, overwrite, texts=table.choices, form=form) as results:
        left = set(results.remaining(files))
        remaining = [given for given in inputs if given.file in left]
        if results.differs:
            _say(settings, f"{results.partial} differs in {', '.join(results.differs)}; all files are predicted anew")
        if results.unchecked:
            _say(settings, f"{len(results.unchecked)} files were predicted by an earlier version, {UNCHECKED}")
        predictions = predict_files(remaining, settings)
        notes = _Notes(len(files))
        done = len(files) - len(remaining)
        for heard in track(predictions, len(files), "predict", quiet=settings.quiet, done=done):
            for prediction in heard:
                notes.add(prediction)
            rows = [row for prediction in heard for row in table.rows(prediction)]
            results.add(heard[0].file, rows, max(prediction.end_s or 0.0 for prediction in heard))
        if kept is not None:
            kept.extend(row for file in files for row in results.done(file).rows)
        num_failed = results.finish(files, lambda rows: not any(map(_has_scores, rows)))
    notes.say(settings)
    if isinstance(form, Timed):
        _say_lost(form, output, settings)
    return num_failed


def _say_lost(form: Timed, output: Path, settings: PredictSettings) -> None:
    """What an output does not hold that a table would."""
    if form.num_left_out:
        rows = "1 row without scores is" if form.num_left_out == 1 else f"{form.num_left_out} rows without scores are"
        _say(settings, f"{rows} not in {output}; a table has their errors")
    for recording in form.lost:
        print(f"emotone: {recording.file}: {recording.error}", file=sys.stderr)


def predict_to_stdout(
    files: Sequence[str], settings: PredictSettings, as_json: bool = False, kept: list[Row] | None = None
) -> int:
    """Predict onto stdout, as a table or as JSON lines. Returns the number of files that failed.

    `kept` is given all rows.
    """
    _, table, inputs = _prepare(files, settings)
    width = name_width(files)
    if not as_json:
        print(table.header(width))
    num_failed, notes = 0, _Notes(len(files))
    # A bar would mix with the table on a terminal, so it shows only where the table goes elsewhere.
    quiet = settings.quiet or sys.stdout.isatty()
    for heard in track(predict_files(inputs, settings), len(files), "predict", quiet=quiet):
        num_failed += all(prediction.error for prediction in heard)
        for prediction in heard:
            notes.add(prediction)
            for row in table.rows(prediction):
                if kept is not None:
                    kept.append(row)
                print(json.dumps(row) if as_json else table.line(row, width), flush=True)
    notes.say(settings)
    return num_failed


def predict_files(inputs: Iterable[Input], settings: PredictSettings) -> Iterator[list[Prediction]]:
    """Predictions of all inputs, as `predict_file` gives them, in their order, over `settings.jobs` processes."""
    return map_ordered(functools.partial(predict_file, settings), inputs, settings.jobs, died=_died)


def predict_file(settings: PredictSettings, given: Input) -> list[Prediction]:
    """The prediction of one file, or of each of its channels that is asked for; the bundle is loaded once a process.

    A file that cannot be used is a prediction with an `error`.

    Raises EmotoneError where the settings cannot be used.
    """
    file, transcript, _, start_s, end_s, channel, language = given
    if settings.transcript == AUTO and not is_text_file(file):
        from emotone.audio.words.whisper import transcribe_words

        try:
            transcript = transcribe_words(file, _transcriber(settings), start_s, end_s, language)
        except AudioError as error:
            return [failed(given.shown, error.reason)]
    predictor = settings.predictor
    try:
        parts = _parts(settings, given.shown)
        channels = _channels(settings, file) if channel is None else [channel]
    except AudioError as error:
        return [failed(given.shown, error.reason)]
    found = []
    for channel in channels:
        prediction = predictor.try_predict(
            file, settings.window_s, settings.hop_s, transcript, parts, channel, start_s, end_s
        )
        prediction.file, prediction.channel = given.shown, channel
        found.append(prediction)
    return found


def _parts(settings: PredictSettings, file: str) -> Parts | None:
    """What a file is cut into; raises AudioError where no turn is given for it."""
    if settings.speakers is None:
        return settings.utterances
    try:
        return turns_of(_turns(settings.speakers), file, settings.speakers)
    except EmotoneError as error:
        raise AudioError(file, str(error)) from None


def _channels(settings: PredictSettings, file: str) -> Sequence[int | None]:
    """The channels of a file that are heard; None is the mean of all."""
    if settings.channels is None or is_text_file(file):
        return [None]
    return settings.channels or range(1, count_channels(file) + 1)


@functools.lru_cache(maxsize=1)
def _turns(path: str) -> dict[str, list[Turn]]:
    """Read once a process."""
    return read_turns(Path(path))


def _transcriber(settings: PredictSettings) -> Transcriber:
    return _load_transcriber(settings.language, settings.device, settings.threads)


@functools.lru_cache(maxsize=1)
def _load_transcriber(language: str | None, device: Any, threads: int) -> Transcriber:
    """Loaded once a process, as the bundle is."""
    from emotone.audio.words.whisper import Transcriber

    return Transcriber(language=language, device=device, threads=threads)


def _died(given: Input) -> list[Prediction]:
    return [failed(given.shown, DIED)]


# ---- before any work starts -------------------------------------------------------------------------------------


def _prepare(files: Sequence[str], settings: PredictSettings) -> tuple[Predictor, Table, list[Input]]:
    """Predictor, table and inputs; raises EmotoneError for settings that cannot be used."""
    predictor = settings.predictor
    settings.check(predictor)
    if predictor.relative:
        note = "are relative: of two of the same attribute the higher has more of it, their size says nothing"
        _say(settings, f"scores of {predictor.bundle.name} {note}")
    for caution in predictor.cautions:
        _say(settings, f"{predictor.bundle.name}: {caution}")
    if settings.speakers is not None:
        _turns(settings.speakers)
    return predictor, settings.table, _find_transcripts(files, predictor, settings)


def _find_transcripts(files: Sequence[str], predictor: Predictor, settings: PredictSettings) -> list[Input]:
    """The files, each with its transcript of `settings.transcript_file`."""
    audio_files = [file for file in files if not is_text_file(file)]
    source = settings.transcript_file
    found = {} if source is None else _read_transcripts(source, audio_files, settings)
    if predictor.bundle.takes_text:
        if found or settings.transcript == AUTO or len(audio_files) < len(files):
            predictor.load_encoder()
        if settings.transcript is None and audio_files and predictor.takes_speech:
            _say(settings, f"{predictor.bundle.name} also takes transcripts: --transcript auto")
    return [Input(file, found.get(file)) for file in files]


def _read_transcripts(source: str, files: Sequence[str], settings: PredictSettings) -> dict[str, TranscriptLike]:
    """Transcripts of the files, from a table or one .txt; notes files without one, and transcripts without a file."""
    from emotone.audio.words.transcript_table import FORMATS, match_files, read_transcripts

    path = Path(source)
    if not path.suffix:
        raise unknown("transcript", source, (AUTO, NONE, *(f"FILE{suffix}" for suffix in FORMATS)))
    if is_text_file(path):
        if len(files) != 1:
            raise EmotoneError(f"{path}: is the transcript of one recording, and {len(files)} are given")
        return {files[0]: read_text_file(path)}
    transcripts = read_transcripts(path)
    names = match_files(transcripts, files)
    lost, unused = [file for file in files if file not in names], sorted(transcripts.keys() - names.values())
    if lost:
        _say(settings, f"{len(lost)} of {len(files)} files have no transcript, e.g. {lost[0]} ({path})")
    if unused:
        _say(settings, f"{len(unused)} of {len(transcripts)} transcripts are of no input, e.g. {unused[0]} ({path})")
    return {file: transcripts[name] for file, name in names.items()}


def identify(predictor: Predictor, settings: PredictSettings) -> dict[str, Any]:
    """Everything that decides the scores, as JSON has it: an interrupted run goes on only where it is the same."""
    transcript = None
    if settings.transcript == AUTO:
        transcript = f"{AUTO} {_transcriber(settings).identity}"
    elif settings.transcript_file is not None:
        transcript = sha256_of(Path(settings.transcript_file))
    return {
        "bundle": predictor.bundle.fingerprint,
        "window_s": settings.window_s,
        "hop_s": settings.hop_s,
        "over": settings.over,
        "transcript": transcript,
        **_identify_parts(settings),
    }


def _identify_parts(settings: PredictSettings) -> dict[str, Any]:
    """What not every prediction has; nothing where it has none, as in tables written before there was any."""
    found: dict[str, Any] = {} if settings.lld is None else {"lld": settings.lld}
    if settings.utterances is not None:
        found["utterances"] = asdict(settings.utterances)
    if settings.speakers is not None:
        found["speakers"] = sha256_of(Path(settings.speakers))
    if settings.channels is not None:
        found["channels"] = list(settings.channels)
    return found | ({"summary": True} if settings.summary else {})


# ---- results ----------------------------------------------------------------------------------------------------


def _has_scores(row: Row) -> bool:
    return any(isinstance(value, float) for name, value in row.items() if name not in NOT_SCORES)


@dataclass
class _Notes:
    """Notes of predictions, counted by what they are about: no speech, or the inputs that were scored."""

    num_files: int
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, prediction: Prediction) -> None:
        if prediction.note and not prediction.error:
            scored_by = f", scored by {prediction.inputs}" if prediction.inputs else ""
            about = ", whose scores mean nothing" if NO_SPEECH in prediction.note else scored_by
            self.counts[about] = self.counts.get(about, 0) + 1
            self.first.setdefault(about, f"{prediction.file}: {prediction.note}")

    def say(self, settings: PredictSettings) -> None:
        for about, count in self.counts.items():
            _say(settings, f"{count} of {self.num_files} files{about}, e.g. {self.first[about]}")


def _say(settings: PredictSettings, note: str) -> None:
    if not settings.quiet:
        print(f"note: {note}", file=sys.stderr)
