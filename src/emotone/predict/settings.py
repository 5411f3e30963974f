"""Settings of the prediction of files, for the command line and for whatever else predicts files."""

from __future__ import annotations

from dataclasses import dataclass

from emotone.bundle.folder import available, read_about
from emotone.errors import EmotoneError
from emotone.predict.prediction import Over
from emotone.predict.predictor import Predictor
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

    Raises EmotoneError for impossible windows, and for a language without "auto".

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

    def __post_init__(self) -> None:
        check_window(self.window_s, self.hop_s)
        if self.language is not None and self.transcript != AUTO:
            raise EmotoneError("--language is what Whisper is to hear; it needs --transcript auto")

    @property
    def over(self) -> Over:
        """What the table has rows for."""
        if self.curve:
            return "curve"
        return "recording" if self.window_s is None else "windows"

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
        if self.transcript not in (None, NONE) and not bundle.takes_text:
            raise EmotoneError(f"bundle {bundle.name} takes no transcripts; it scores audio, without --transcript")
        if self.curve and not predictor.has_curves:
            others = [name for name, folder in available().items() if read_about(folder).curves]
            with_curves = f"--model {' or '.join(others)}" if others else "emotone pull emotion-seq2seq"
            raise EmotoneError(
                f"bundle {bundle.name} has no curves; take one that has ({with_curves}), or a row per window "
                "(--window S)"
            )
