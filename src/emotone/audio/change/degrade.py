"""Degradations of an utterance at named severities: what a robustness curve is made of.

Pure functions of float32 samples [N] at 16 kHz: those of `emotone.audio.change.effects`, one at a time. Nothing is
clipped but where clipping is the point: what would leave [-1, 1] is made quieter as a whole, which keeps ratios.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from emotone.audio.change import effects
from emotone.audio.level import fit_full_scale, rms
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import Random
from emotone.errors import unknown

DIRECT_DB = 0.0
"""Of `reverberate`: the direct sound is as strong as all that follows it."""
CODECS: dict[str, tuple[str, str, float]] = {
    "Opus 60": ("OGG", "OPUS", 0.8),
    "Opus 22": ("OGG", "OPUS", 0.95),
    "Opus 12": ("OGG", "OPUS", 0.99),
    "MP3 42": ("MP3", "MPEG_LAYER_III", 0.5),
    "MP3 26": ("MP3", "MPEG_LAYER_III", 0.99),
}
"""Container, subtype and compression as `effects.recode` takes them, by codec and its kbit/s for speech at 16 kHz."""
TELEPHONE = "telephone"

Severity = float | str
"""A number in the unit of its curve, or a name (a codec, "clean", ..)."""


def severity_text(severity: Severity) -> str:
    """A severity as text, without its unit.

    >>> severity_text(20.0), severity_text("clean")
    ('20', 'clean')
    """
    return severity if isinstance(severity, str) else f"{severity:g}"


@dataclass(frozen=True)
class DegradationCurve:
    """One kind of degradation: its severities in the order of the picture, `clean` the one that changes nothing.

    `quantity`, `unit` ("" for none) and `remark` say what a severity is.

    >>> curve = DegradationCurve("Gain", "gain", (-20.0, 0.0), 0.0, "dB", ", clipped at full scale")
    >>> curve.axis
    'gain (dB), clipped at full scale'
    >>> curve.with_unit(-20.0), curve.on_axis(-20.0)
    ('-20 dB', 'gain (dB), clipped at full scale: -20')
    """

    title: str
    quantity: str
    severities: tuple[Severity, ...]
    clean: Severity = "clean"
    unit: str = ""
    remark: str = ""

    @property
    def axis(self) -> str:
        """The label of the severities' axis."""
        return self.quantity + (f" ({self.unit})" if self.unit else "") + self.remark

    def with_unit(self, severity: Severity) -> str:
        """A severity for a line that names the curve, e.g. "20 dB"; names have no unit."""
        unit = f" {self.unit}" if self.unit and not isinstance(severity, str) else ""
        return severity_text(severity) + unit

    def on_axis(self, severity: Severity) -> str:
        """A severity with the whole label of its axis, e.g. "SNR (dB): 20"; names stand alone."""
        return severity if isinstance(severity, str) else f"{self.axis}: {severity_text(severity)}"


SNR_DB: tuple[Severity, ...] = ("clean", 20.0, 10.0, 5.0, 0.0, -5.0)
CURVES: dict[str, DegradationCurve] = {
    "noise": DegradationCurve("Noise", "SNR", SNR_DB, unit="dB"),
    "babble": DegradationCurve("Babble of other speakers", "SNR", SNR_DB, unit="dB"),
    "reverberation": DegradationCurve("Reverberation", "decay by 60 dB", ("clean", 0.2, 0.5, 1.0, 2.0), unit="s"),
    "gain": DegradationCurve(
        "Gain", "gain", (-40.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0), 0.0, "dB", ", clipped at full scale"
    ),
    "bandwidth": DegradationCurve("Bandwidth", "highest frequency", (8.0, 4.0, 3.0, 2.0, 1.0), 8.0, "kHz"),
    "codec": DegradationCurve("Codec", "codec, about kbit/s", ("clean", *CODECS, TELEPHONE)),
    "clipping": DegradationCurve("Clipping", "samples clipped", (0.0, 1.0, 5.0, 10.0, 20.0, 50.0), 0.0, "%"),
    "shortening": DegradationCurve("Shortening", "only the first", ("all", 4.0, 2.0, 1.0, 0.5), "all", "s"),
}


def degrade(samples: Samples, curve: str, severity: Severity, random: Random, noise: Samples | None = None) -> Samples:
    """Samples [N] at one severity of a curve: [N'] in [-1, 1]; `noise` [N] is what "noise" and "babble" add.

    Raises EmotoneError for a curve that is not known.

    >>> tone = np.sin(np.arange(16_000, dtype=np.float32)) / 2
    >>> len(degrade(tone, "shortening", 0.5, np.random.default_rng(0)))
    8000
    """
    if curve not in CURVES:
        raise unknown("degradation", curve, CURVES)
    if severity == CURVES[curve].clean:
        return samples
    if curve == "codec":
        return fit_full_scale(_recode(samples, str(severity)))
    amount = float(severity)
    if curve == "shortening":
        return samples[: round(amount * RATE_HZ)]
    if curve == "bandwidth":
        return fit_full_scale(narrow(samples, amount * 1000))
    if curve == "clipping":
        limit = np.float32(np.quantile(np.abs(samples), 1 - amount / 100))
        return np.clip(samples, -limit, limit)
    if curve == "gain":
        return np.clip(samples * np.float32(10 ** (amount / 20)), -1, 1)
    if curve == "reverberation":
        return fit_full_scale(effects.reverberate(samples, amount, DIRECT_DB, random))
    assert noise is not None, "noise and babble need samples to add"
    return fit_full_scale(effects.add_noise(samples, noise, amount))


def narrow(samples: Samples, high_hz: float) -> Samples:
    """Samples as if recorded at the rate 2 * `high_hz`: nothing is left above it, [N] -> [N]."""
    back = soxr.resample(soxr.resample(samples, RATE_HZ, 2 * high_hz), 2 * high_hz, RATE_HZ)
    return np.pad(back, (0, max(0, len(samples) - len(back))))[: len(samples)]


def _recode(samples: Samples, codec: str) -> Samples:
    """Samples [N] through a codec and back to the level they had, as `effects` codes them at full scale: [N']."""
    coded = effects.telephone(samples) if codec == TELEPHONE else effects.recode(samples, *CODECS[codec])
    return coded * np.float32(rms(samples) / max(rms(coded), 1e-9))
