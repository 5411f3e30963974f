"""The pages and pictures of the gallery; no speech of a corpus goes into it, only numbers and pictures of them.

`make_pages` makes the pages of speech whenever the site is built, so that they are never those of an earlier version.
`python tools/gallery.py` makes what is committed in `docs/gallery`: what is of tutorials needs `shared/` and minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
GALLERY = CHECKOUT / "docs" / "gallery"
PICTURE = "talk.svg"
PAGES = ("talk.html", "moments.html")
OF_SPEECH = (
    ("predict", "talk.wav", "--page", "talk.html", "--picture", PICTURE),
    ("retrieve", "talk.wav", "--attribute", "arousal", "--highest", "3", "--min-gap", "1", "--page", "moments.html"),
)
OF_TUTORIALS = {"own-corpus": "calls.svg", "compare": "compared.html"}


def make_pages() -> dict[str, bytes]:
    """The pages and the picture of the speech in `examples/`, by name."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(CHECKOUT / "examples" / "jfk.wav", Path(place) / "talk.wav")
        for arguments in OF_SPEECH:
            command = [sys.executable, "-m", "emotone.cli.main", *arguments]
            subprocess.run(command, cwd=place, check=True, capture_output=True)
        return {name: (Path(place) / name).read_bytes() for name in (*PAGES, PICTURE)}


def main() -> None:
    import tutorials

    GALLERY.mkdir(exist_ok=True)
    (GALLERY / PICTURE).write_bytes(make_pages()[PICTURE])
    for page, name in OF_TUTORIALS.items():
        with tempfile.TemporaryDirectory() as place:
            tutorials.run(page, Path(place))
            shutil.copy(Path(place) / name, GALLERY / name)


if __name__ == "__main__":
    main()
