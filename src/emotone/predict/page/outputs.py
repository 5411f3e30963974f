"""The page and the picture of `emotone predict`: what is asked of their files before any work, and writing them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotone.base.files import check_file, check_replaceable, replace_file
from emotone.base.table_format import Row
from emotone.errors import EmotoneError, missing_extra
from emotone.predict.page.html import GENERATOR, render_page
from emotone.predict.page.picture import MOST_RECORDINGS, PNG_MARK, SVG_MARK, write_picture
from emotone.predict.page.predicted import Scale, show_rows
from emotone.predict.predictor import Predictor
from emotone.predict.settings import PredictSettings


@dataclass(frozen=True)
class Outputs:
    """Files to show predictions in: a page (.html) and a picture (.svg or .png), each if it is asked for."""

    page: Path | None = None
    picture: Path | None = None

    def __bool__(self) -> bool:
        return self.page is not None or self.picture is not None

    def check(self, num_files: int, overwrite: bool) -> None:
        """Raise EmotoneError for files that cannot be written, or were not made by this unless `overwrite`."""
        if self.page is not None:
            check_page(self.page, overwrite)
        if self.picture is not None:
            check_file(self.picture, ".svg", ".png")
            mark = PNG_MARK if self.picture.suffix.lower() == ".png" else SVG_MARK
            check_replaceable(self.picture, mark, overwrite)
            if num_files > MOST_RECORDINGS:
                raise EmotoneError(f"--picture draws up to {MOST_RECORDINGS} recordings, not {num_files}; try --page")
            if importlib.util.find_spec("matplotlib") is None:
                raise missing_extra("matplotlib", "train", "a picture")

    def write(self, rows: Sequence[Row], settings: PredictSettings) -> None:
        """Write what is asked for, of all rows of a table."""
        content = show_rows(rows, scale_of(settings.predictor), settings.over, settings.jobs, settings.quiet)
        if self.page is not None:
            write_page(self.page, render_page(content))
        if self.picture is not None:
            write_picture(content, self.picture)


def scale_of(predictor: Predictor) -> Scale:
    """What a page is to know of a bundle.

    >>> scale_of(PredictSettings().predictor).labels[:2]
    ['anger', 'boredom']
    """
    cautions = predictor.cautions
    if predictor.relative:
        names = ", ".join(predictor.relative)
        cautions.append(f"{names}: of two scores the higher has more of it; their size says nothing")
    return Scale(predictor.bundle.name, predictor.attributes, predictor.choices, cautions)


def check_page(path: Path, overwrite: bool) -> None:
    """Raise EmotoneError for a page that cannot be written, or would replace what is none unless `overwrite`."""
    check_file(path, ".html")
    check_replaceable(path, GENERATOR.encode(), overwrite)


def write_page(path: Path, page: str) -> None:
    """A page, by atomic rename."""
    with replace_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
