"""The names of the 65 descriptors and their deltas, as openSMILE has them, in its order."""

from __future__ import annotations

NUM_RASTA_BANDS = 26
NUM_MFCC = 14
VOICE = ("F0final", "voicingFinalUnclipped", "jitterLocal", "jitterDDP", "shimmerLocal", "logHNR")
ENERGY = ("audspec_lengthL1norm", "audspecRasta_lengthL1norm", "pcm_RMSenergy", "pcm_zcr")
SPECTRAL = (
    "fband250-650",
    "fband1000-4000",
    "spectralRollOff25.0",
    "spectralRollOff50.0",
    "spectralRollOff75.0",
    "spectralRollOff90.0",
    "spectralFlux",
    "spectralCentroid",
    "spectralEntropy",
    "spectralVariance",
    "spectralSkewness",
    "spectralKurtosis",
    "spectralSlope",
    "psySharpness",
    "spectralHarmonicity",
)


def column_names() -> list[str]:
    """All 130 columns.

    >>> names = column_names()
    >>> len(names), names[0], names[10], names[-1]
    (130, 'F0final_sma', 'audSpec_Rfilt_sma[0]', 'mfcc_sma_de[14]')
    """
    return [name for kind in ("sma", "sma_de") for name in _names(kind)]


def _names(kind: str) -> list[str]:
    return [
        *(f"{name}_{kind}" for name in (*VOICE, *ENERGY)),
        *(f"audSpec_Rfilt_{kind}[{band}]" for band in range(NUM_RASTA_BANDS)),
        *(f"pcm_fftMag_{name}_{kind}" for name in SPECTRAL),
        *(f"mfcc_{kind}[{number}]" for number in range(1, NUM_MFCC + 1)),
    ]
