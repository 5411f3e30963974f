"""Settings of the prediction of files, for the command line and for whatever else predicts files."""

from __future__ import annotations

from dataclasses import dataclass

from emotone.audio.utterances import UtteranceRules
from emotone.bundle.folder import available, read_about
from emotone.errors import EmotoneError
from emotone.predict.prediction import Over
from emotone.predict.predictor import Predictor, load_once
from emotone.predict.table import Table
from emotone.predict.windows import check_window

AUTO, NONE = "auto", "none"
"""Values of `transcript` that are no file: recognised by Whisper, and no transcript at all."""


@dataclass(frozen=True)
class PredictSettings:
    """How files are predicted. It pickles: worker processes get it.

    model: a bundle's name or folder, or a run's folder. window_s: seconds of a window, 0.1 to 600, and a row for each;
    None: a row per recording, which is cut into windows only where it is longer than the bundle's longest utterance.
    hop_s: seconds from one window's start to the next, at most a window; None: half a window, at most 4. curve: a row
    per point of the curve. transcript: "auto" (Whisper's), "none", or a file: a table, or the .txt of a single
    recording; None: as "none", with a note where the bundle takes transcripts. language: code of the language that
    Whisper recognises, e.g. "da"; None: the one it detects. jobs: number of processes, at least 1. device: "cpu" or
    "cuda", for the network and Whisper. quiet: neither progress nor notes on stderr.

    utterances: a row per utterance, cut by these rules. speakers: an RTTM file or a table of turns, of which each is a
    row. channels: those that are heard one by one, from 1; () for all of them, None for their mean. summary: rows of
    recordings also have shares and spread (`emotone.predict.table.Table`). lld: what computes low-level descriptors,
    "own" or "opensmile"; None: what the bundle was made with.

    Raises EmotoneError for impossible windows, for what does not go together, and for a language without "auto".

    >>> PredictSettings(window_s=3.0, hop_s=1.0).over
    'windows'
    """

    model: str = "default"
    window_s: float | None = None
    hop_s: float | None = None
    curve: bool = False
    transcript: str | None = None
    language: str | None = None
    jobs: int = 1
    device: str = "cpu"
    quiet: bool = False
    utterances: UtteranceRules | None = None
    speakers: str | None = None
    channels: tuple[int, ...] | None = None
    summary: bool = False
    lld: str | None = None

    def __post_init__(self) -> None:
        check_window(self.window_s, self.hop_s)
        if self.hop_s is not None and self.window_s is None and not self.curve:
            raise EmotoneError("--hop is the way from one window's start to the next; give --window or --curve, too")
        if self.language is not None and self.transcript != AUTO:
            raise EmotoneError("--language is what Whisper is to hear; it needs --transcript auto")
        rows = {
            "--window": self.window_s is not None,
            "--curve": self.curve,
            "--utterances": self.utterances is not None,
            "--speakers": self.speakers is not None,
        }
        given = [name for name, is_given in rows.items() if is_given]
        if self.parts_given and len(given) > 1:
            raise EmotoneError(f"rows are of one kind: {given[0]} or {given[1]}")
        if self.summary and given:
            raise EmotoneError(f"--summary is of whole recordings; {given[0]} has rows for their parts")
        if self.channels is not None and self.transcript not in (None, NONE):
            raise EmotoneError("--transcript is of all channels together; it does not go with --channels")

    @property
    def over(self) -> Over:
        """What the table has rows for."""
        if self.curve:
            return "curve"
        if self.parts_given:
            return "utterances"
        return "recording" if self.window_s is None else "windows"

    @property
    def parts_given(self) -> bool:
        """Whether recordings are cut into utterances or turns."""
        return self.utterances is not None or self.speakers is not None

    @property
    def places(self) -> tuple[str, ...]:
        """Columns that say who is heard."""
        return ("channel",) * (self.channels is not None) + ("speaker",) * (self.speakers is not None)

    @property
    def predictor(self) -> Predictor:
        """What scores the files, loaded once a process; raises EmotoneError as `Predictor.load` does."""
        return load_once(self.model, self.threads, self.device, self.lld)

    @property
    def table(self) -> Table:
        """What makes rows of predictions."""
        return Table.of(self.predictor, self.over, self.places, self.summary)

    @property
    def threads(self) -> int:
        """Threads of each process: one where there are several; 0 is one per core."""
        return 1 if self.jobs > 1 else 0

    @property
    def transcript_file(self) -> str | None:
        """The file with transcripts, where one is given."""
        return None if self.transcript in (None, AUTO, NONE) else self.transcript

    def check(self, predictor: Predictor) -> None:
        """Raise EmotoneError for transcripts where the bundle takes none, and for a curve where it has none."""
        bundle = predictor.bundle
        taken = [name for name in self.places if name in (*predictor.columns, *predictor.choices)]
        if taken:
            raise EmotoneError(
                f"bundle {bundle.name} has a column {taken[0]} of its own; it does not go with --{taken[0]}s"
            )
        if self.transcript not in (None, NONE) and not bundle.takes_text:
            raise EmotoneError(f"bundle {bundle.name} takes no transcripts; it scores audio, without --transcript")
        if self.curve and not predictor.has_curves:
            others = [name for name, folder in available().items() if read_about(folder).curves]
            with_curves = f"--model {' or '.join(others)}" if others else "emotone pull emotion-seq2seq"
            raise EmotoneError(
                f"bundle {bundle.name} has no curves; take one that has ({with_curves}), or a row per window "
                "(--window S)"
            )


def utterance_rules(is_given: bool, pause_s: float | None, longest_s: float | None) -> UtteranceRules | None:
    """The rules of --utterances; raises EmotoneError where --pause or --longest stand alone.

    >>> utterance_rules(True, None, 8.0).longest_s, utterance_rules(False, None, None)
    (8.0, None)
    """
    given = {name: value for name, value in {"pause_s": pause_s, "longest_s": longest_s}.items() if value is not None}
    if is_given:
        return UtteranceRules(**given)
    if given:
        raise EmotoneError("--pause and --longest say how utterances are cut; give --utterances, too")
    return None


def channels_of(text: str) -> tuple[int, ...] | None:
    """The value of --channels: None for mix, () for each.

    >>> channels_of("mix"), channels_of("each"), channels_of("2,1")
    (None, (), (2, 1))
    """
    if text in ("mix", "each"):
        return None if text == "mix" else ()
    numbers = text.split(",")
    if not all(one.isdecimal() and 1 <= int(one) <= 256 for one in numbers) or len(set(numbers)) < len(numbers):
        raise EmotoneError(f"--channels is mix, each, or numbers from 1, each once, like 1,2; not {text!r}")
    return tuple(map(int, numbers))
