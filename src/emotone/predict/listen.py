"""Rows of utterances from a stream of bare samples, on stdout, each as soon as its speech has ended."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from emotone.audio.pcm import PcmReader
from emotone.audio.utterances import UtteranceRules
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor
from emotone.predict.stream import Stream
from emotone.predict.table import name_width


def listen_to(
    source: str,
    model: str,
    *,
    rate_hz: int,
    form: str = "s16",
    num_channels: int = 1,
    rules: UtteranceRules | None = None,
    device: str = "cpu",
    lld: str | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Print the rows of a stream until it ends; "-" is stdin. Returns 0, or 1 where nobody has spoken.

    An interrupt ends the stream like its own end: what is being said is scored first. Raises EmotoneError for a pipe
    that cannot be read, and for a rate, format or number of channels that cannot be.
    """
    predictor = Predictor.load(model, 0, device, lld)
    stream = Stream(predictor, rate_hz, rules, source)
    table, width = stream.table, name_width([source])
    num_rows = 0
    with _open(source) as file:
        reader = PcmReader(file, rate_hz, form, num_channels)
        if not quiet:
            for caution in predictor.cautions:
                print(f"note: {predictor.bundle.name}: {caution}", file=sys.stderr)
        if not as_json:
            print(table.header(width), flush=True)
        for row in _rows(stream, reader):
            num_rows += 1
            print(json.dumps(row) if as_json else table.line(row, width), flush=True)
    if not quiet:
        notes = [reader.note, "" if num_rows else f"no speech found in {stream.duration_s:.1f} s"]
        for note in filter(None, notes):
            print(f"note: {source}: {note}", file=sys.stderr)
    return 0 if num_rows else 1


def _rows(stream: Stream, reader: PcmReader) -> Iterator[dict[str, object]]:
    with contextlib.suppress(KeyboardInterrupt):
        for samples in reader:
            yield from stream.feed(samples)
    yield from stream.close()


def _open(source: str) -> AbstractContextManager[BinaryIO]:
    if source == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise EmotoneError(
                "listen reads samples from stdin, as in: arecord -t raw -f S16_LE -r 16000 | emotone listen -"
            )
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return open(source, "rb")
    except OSError as error:
        raise EmotoneError(f"{source}: cannot be read ({error.strerror})") from None
