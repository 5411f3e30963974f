"""Makes the pages of the gallery: `python docs/gallery.py`; what is of corpora needs `shared/` and some minutes.

No speech of a corpus goes into it, only numbers and pictures of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
GALLERY = DOCS / "gallery"
sys.path.insert(0, str(DOCS.parent / "tools"))
OF_SPEECH = (
    ("predict", "talk.wav", "--page", "talk.html", "--picture", "talk.svg"),
    ("retrieve", "talk.wav", "--attribute", "arousal", "--highest", "3", "--min-gap", "1", "--page", "moments.html"),
)
OF_TUTORIALS = {"own-corpus": "calls.svg", "compare": "compared.html"}


def main() -> None:
    import tutorials

    GALLERY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(DOCS.parent / "examples" / "jfk.wav", Path(place) / "talk.wav")
        for arguments in OF_SPEECH:
            subprocess.run([sys.executable, "-m", "emotone.cli.main", *arguments], cwd=place, check=True)
        for name in ("talk.html", "talk.svg", "moments.html"):
            shutil.copy(Path(place) / name, GALLERY / name)
    for page, name in OF_TUTORIALS.items():
        with tempfile.TemporaryDirectory() as place:
            tutorials.run(page, Path(place))
            shutil.copy(Path(place) / name, GALLERY / name)


if __name__ == "__main__":
    main()
