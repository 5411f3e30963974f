"""LibriSpeech: the real excerpt, the official nested layout, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotone.corpora.readers.librispeech import LibriSpeech
from emotone.errors import EmotoneError

Plant = Callable[..., Path]
SPEAKERS = (
    ";ID  |SEX| SUBSET           |MINUTES| NAME\n"
    "2609 | M | test-other       |  8.02 | Norvan\n"
    "32   | F | train-clean-100  | 24.01 | Betsie | Bush\n"
)


def test_real_excerpt(shared: Path) -> None:
    corpus = LibriSpeech().read(shared / "data/librispeech")
    table = corpus.utterances
    assert len(table) == 154 and table["speaker"].nunique() == 94
    assert set(table["split"]) == {"unlabelled"} and table["emotion"].isna().all()
    flat = table[table["file"].str.startswith("train-clean-100/")]
    assert len(flat) == flat["speaker"].nunique() == 84 and flat["file"].str.endswith(".opus").all()
    row = table.set_index("id").loc["test-other/2609/2609-156975-0000"]
    assert row[["speaker", "session", "language"]].tolist() == ["2609", "156975", "en"]


def test_official_layout(plant: Plant) -> None:
    names = ("test-other/2609/156975/2609-156975-0000.flac", "test-other/2609/156975/2609-156975-0001.flac")
    root = plant(*names)
    (root / "SPEAKERS.TXT").write_text(SPEAKERS)
    (root / names[0]).with_name("2609-156975.trans.txt").write_text("2609-156975-0000 THEN MOSES WAS AFRAID\n")
    for folder in (root, root / "test-other"):  # the whole corpus, or only one subset of it
        corpus = LibriSpeech().read(folder)
        table = corpus.utterances
        assert len(corpus.meta["notes"]) == 1 and "1 of 2 audio files have no row" in corpus.meta["notes"][0]
        assert table["gender"].tolist() == ["male", "male"]
        assert table["transcript"].tolist() == ["THEN MOSES WAS AFRAID", None]
        assert table["session"].tolist() == ["156975", "156975"]


def test_strange_files_are_refused(plant: Plant) -> None:
    folder = plant("2609-156975-0000.flac")
    (folder / "SPEAKERS.TXT").write_text(SPEAKERS.replace("| M |", "| X |"))
    with pytest.raises(EmotoneError, match="SPEAKERS.TXT, line 2: expected 'ID | M or F"):
        LibriSpeech().read(folder)
    plant("intro.flac")
    (folder / "SPEAKERS.TXT").unlink()
    with pytest.raises(EmotoneError, match="intro.flac is not named like a file of this corpus"):
        LibriSpeech().read(folder)
