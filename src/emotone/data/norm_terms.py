"""Normalisation terms as the published programs keep them: `NormTerm/*.mat`, in and out.

A term is a MATLAB file with `normal_para`: `feat_norm_means` and `feat_norm_stds` [1, D] of the features,
`act_norm_means`, `act_norm_stds` [1, 1] of arousal's labels, and so `dom` and `val`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.base.files import replace_file, sha256_of
from emotone.bundle.view.view import Normaliser
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from emotone.bundle.bundle import Bundle

KEY = "normal_para"
SHORT = {"arousal": "act", "dominance": "dom", "valence": "val"}
"""Attributes as the files call them; others keep their name."""
WHICH = ("means", "stds")
SMALLEST_STD = 1e-10
"""In place of a deviation of 0: a constant feature is 0 where it has its mean, and at the clip elsewhere."""


def term_name(of: str, which: str) -> str:
    """The file of one term.

    >>> term_name("feat", "means")
    'feat_norm_means.mat'
    """
    return f"{of}_norm_{which}.mat"


def read_norm(path: Path) -> NDArray[np.float64]:
    """One term: float64 [D]; raises EmotoneError for a file that is missing or none."""
    from scipy.io import loadmat

    if not path.is_file():
        raise EmotoneError(f"{path} is missing")
    try:
        values = np.asarray(loadmat(path)[KEY], np.float64).reshape(-1)
    except Exception as error:  # scipy raises many kinds at what is no MATLAB file
        raise EmotoneError(f"{path}: no normalisation term, a MATLAB file with {KEY} ({error})") from None
    if not len(values) or not np.isfinite(values).all():
        raise EmotoneError(f"{path}: holds values that are no finite numbers")
    return values


def read_normaliser(folder: Path, num_features: int, clip: float | None) -> Normaliser:
    """The normaliser of `feat_norm_means.mat` and `feat_norm_stds.mat`; raises EmotoneError for those of others."""
    mean, std = (read_norm(folder / term_name("feat", which)) for which in WHICH)
    if not len(mean) == len(std) == num_features:
        raise EmotoneError(
            f"{folder}: its terms are of {len(mean)} and {len(std)} features, not of the recipe's {num_features}"
        )
    if (std < 0).any():
        raise EmotoneError(f"{folder / term_name('feat', 'stds')}: holds negative deviations")
    return Normaliser(mean, np.where(std > 0, std, SMALLEST_STD), clip)


def terms_read(folder: Path) -> dict[str, str]:
    """Identities of the files that `read_normaliser` reads, as far as they are there."""
    paths = [folder / term_name("feat", which) for which in WHICH]
    return {f"file of {path.name}": sha256_of(path)[:16] for path in paths if path.is_file()}


def write_terms(bundle: Bundle, folder: Path) -> list[Path]:
    """Write the terms of a bundle's features and attributes, those of text in `text/`; returns the files.

    Raises EmotoneError for a bundle that normalises by speaker, which has no terms of its own.
    """
    if bundle.normalises_by_speaker:
        raise EmotoneError(f"bundle {bundle.name} normalises by each speaker's own utterances, so it has no terms")
    normalisers = bundle.stream_normalisers
    written = _write(folder, "feat", normalisers.speech.mean, normalisers.speech.std)
    if bundle.takes_text:
        written += _write(folder / "text", "feat", normalisers.text.mean, normalisers.text.std)
    for target in bundle.targets:
        if target.kind == "attribute" and not target.is_relative:
            written += _write(folder, SHORT.get(target.name, target.name), target.mean, target.std)
    return written


def _write(folder: Path, of: str, mean: ArrayLike, std: ArrayLike) -> list[Path]:
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / term_name(of, which) for which in WHICH]
    for path, values in zip(paths, (mean, std), strict=True):
        with replace_file(path) as temporary, open(temporary, "wb") as file:
            savemat(file, {KEY: np.asarray(values, np.float64).reshape(1, -1)})
    return paths
