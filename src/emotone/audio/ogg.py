"""Sound for pages, reports and notebooks: Ogg Opus, the smallest that browsers play, or Vorbis, a tenth of the work."""

from __future__ import annotations

import io
from typing import Literal

from emotone.audio.read import RATE_HZ, Samples

Codec = Literal["opus", "vorbis"]
ENCODER_RATES = (6_000, 256_000)
"""Bits per second of Opus at libsndfile's compression levels 1 and 0, between which it goes in a straight line."""


class OggEncoder:
    """Samples at 16 kHz, added block by block, to the bytes of an Ogg file.

    rate: bits per second of Opus, 6,000 to 256,000; None: what the encoder takes to be good.

    >>> import numpy as np
    >>> encoder = OggEncoder("opus", 24_000)
    >>> encoder.add(np.zeros(16_000, np.float32))
    >>> encoder.close()[:4]
    b'OggS'
    """

    def __init__(self, codec: Codec, rate: int | None = None) -> None:
        import soundfile

        low, high = ENCODER_RATES
        self._held = io.BytesIO()
        self._file = soundfile.SoundFile(
            self._held,
            "w",
            RATE_HZ,
            channels=1,
            subtype=codec.upper(),
            format="OGG",
            compression_level=None if rate is None else (high - rate) / (high - low),
        )

    def add(self, samples: Samples) -> None:
        """The next samples [N], a second at a time: minutes of Vorbis at once fail."""
        for start in range(0, len(samples), RATE_HZ):
            self._file.write(samples[start : start + RATE_HZ])

    def close(self) -> bytes:
        """The whole file."""
        self._file.close()
        return self._held.getvalue()


def encode_ogg(samples: Samples, codec: Codec, rate: int | None = None) -> bytes:
    """Samples [N] at 16 kHz as an Ogg file, at `rate` as of `OggEncoder`.

    >>> import numpy as np
    >>> encode_ogg(np.zeros(16_000, np.float32), "vorbis")[:4]
    b'OggS'
    """
    encoder = OggEncoder(codec, rate)
    encoder.add(samples)
    return encoder.close()
