"""What of a recording is scored, piece by piece: windows, utterances between pauses, or turns of speakers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.speech import SpeechTrack
from emotone.audio.turns import Turn, cut_turns
from emotone.audio.utterances import Segmenter, UtteranceRules, cut_utterances
from emotone.errors import EmotoneError
from emotone.predict.windows import BATCH_S, HOP_S, NO_SPEECH, WINDOW_S, Cut, cut_windows

Parts = UtteranceRules | Sequence[Turn]
"""Utterances by rules, or turns of speakers."""


class Windows(NamedTuple):
    """Windows of `window_s` seconds every `hop_s`; None: a recording as a whole, or long ones in 8 s every 4 s."""

    window_s: float | None = None
    hop_s: float | None = None


@dataclass
class Cuts:
    """The pieces of a recording, in their order, and, once they are all taken, what is known of it.

    longest_s: of a piece. track: hears the speech in what is cut, where the bundle does not. batch_s: seconds that are
    scored together; 0 where a piece is scored as soon as it ends, whatever comes after it. nothing: what to say where
    there is no piece. speakers: of each piece, where there are turns. num_samples: of the recording.
    """

    pieces: Iterator[Cut] = field(default_factory=lambda: iter(()))
    longest_s: float = 0.0
    track: SpeechTrack | None = None
    batch_s: float = BATCH_S
    nothing: str = NO_SPEECH
    speakers: list[str] = field(default_factory=list)
    num_samples: int = 0

    def __iter__(self) -> Iterator[Cut]:
        return self.pieces

    @property
    def duration_s(self) -> float:
        """Seconds of the recording."""
        return self.num_samples / RATE_HZ

    def _count(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self.num_samples += len(block)
            yield block

    def _take_turns(self, turns: Iterable[tuple[int, Samples, str]]) -> Iterator[Cut]:
        for start, samples, speaker in turns:
            self.speakers.append(speaker)
            yield start, samples


def cut(blocks: Iterable[Samples], cutting: Windows | Parts, longest_s: float, is_heard: bool) -> Cuts:
    """The pieces of a stream of blocks [N] at 16 kHz, none longer than `longest_s` unless a window is.

    is_heard: the speech in them is to be heard by a detector.

    >>> import numpy as np
    >>> cuts = cut([np.ones(80_000, np.float32)], Windows(2.0, 2.0), 12.0, False)
    >>> [(start, len(samples)) for start, samples in cuts], cuts.duration_s
    ([(0, 32000), (32000, 32000), (64000, 16000)], 5.0)
    """
    cuts = Cuts(longest_s=longest_s)
    counted = cuts._count(blocks)
    if isinstance(cutting, UtteranceRules):
        segmenter = Segmenter(cutting.within(longest_s))
        cuts.pieces, cuts.batch_s = cut_utterances(counted, segmenter), 0.0
        cuts.track = segmenter.track if is_heard else None
        return cuts
    if is_heard:
        cuts.track = SpeechTrack()
        counted = cuts.track.listen(counted)
    if not isinstance(cutting, Windows):
        _check_turns(cutting)
        cuts.pieces, cuts.nothing = (
            cuts._take_turns(cut_turns(counted, cutting, longest_s)),
            "ends before the first turn",
        )
        return cuts
    limit_s = longest_s if cutting.window_s is None else 0.0
    window_s = cutting.window_s or min(WINDOW_S, longest_s)
    cuts.pieces = cut_windows(counted, window_s, cutting.hop_s or min(HOP_S, window_s / 2), limit_s)
    cuts.longest_s = max(limit_s, window_s)
    return cuts


def _check_turns(turns: object) -> None:
    if not isinstance(turns, Sequence) or not all(isinstance(turn, Turn) for turn in turns):
        raise EmotoneError(f"parts are utterances (UtteranceRules()) or a list of turns (Turn), not {turns!r}")
