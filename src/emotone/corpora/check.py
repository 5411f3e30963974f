"""What is wrong or unusual in a corpus: audio that cannot be read or is silent, duplicates, labels that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.corpora.files import BEYOND_S
from emotone.corpora.opened import MOST_NAMED
from emotone.corpora.scan import with_equal_audio
from emotone.errors import name_some


@dataclass(frozen=True)
class Finding:
    """Something wrong or unusual in a corpus: its kind, a line about it, the utterances, whether it must be mended."""

    kind: str
    line: str
    ids: tuple[str, ...]
    is_problem: bool


def check_corpus(corpus: Corpus, scan: pd.DataFrame) -> list[Finding]:
    """Findings about a corpus, problems first; `scan` is as of `emotone.corpora.scan.scan`.

    Problems: files that cannot be read, utterances that end after their audio, silent ones, one recording under two
    speakers or categories. Notes: other
    duplicates and copies, clipped audio, utterances without speaker, label or split, speakers with one utterance. Leaks
    of the owner's split are found by `emotone.data.leakage.split_leaks`.

    >>> corpus = Corpus("mine", "audio", pd.DataFrame({"id": ["a"], "file": ["a.wav"], "speaker": ["1"]}))
    >>> scan = pd.DataFrame({"content": None, "is_silent": None, "clipped_share": None, "error": "a.wav: is empty"},
    ...                     index=["a"])
    >>> print(*(finding.line for finding in check_corpus(corpus, scan)), sep="\\n")
    1 of 1 utterances cannot be read: a.wav: is empty
    1 of 1 speakers have a single utterance: a
    """
    table = with_equal_audio(corpus.utterances, scan)
    found = [*_audio_findings(table, scan), *_duplicate_findings(table), *_label_findings(corpus)]
    return sorted(found, key=lambda finding: not finding.is_problem)


def ends_late(table: pd.DataFrame, duration_s: pd.Series) -> pd.Series:
    """Which utterances have `BEYOND_S` less audio than from `start_s` to `end_s`; `duration_s` is what they have.

    >>> table = pd.DataFrame({"start_s": [1.0, None, 0.0], "end_s": [3.0, None, 2.0]})
    >>> ends_late(table, pd.Series([1.0, 9.0, 1.95])).tolist()
    [True, False, False]
    """
    return table["end_s"] - table["start_s"].fillna(0.0) - duration_s > BEYOND_S


def _audio_findings(table: pd.DataFrame, scan: pd.DataFrame) -> Iterator[Finding]:
    of = f"of {len(table)} utterances"
    errors = scan.loc[scan["error"] != "", "error"]
    if len(errors):
        yield Finding(
            "unreadable",
            f"{len(errors)} {of} cannot be read: {name_some(list(errors), MOST_NAMED)}",
            tuple(errors.index),
            True,
        )
    late = tuple(table.loc[ends_late(table, table["id"].map(scan["duration_s"])), "id"]) if "duration_s" in scan else ()
    if late:
        yield Finding("beyond", f"{len(late)} {of} end after their audio: {name_some(late)}", late, True)
    for kind, column, words, is_problem in (
        ("silent", "is_silent", "are silent (nothing above -80 dB)", True),
        ("clipped", "clipped_share", "are clipped", False),
    ):
        ids = tuple(scan.index[scan[column].astype(float) > 0])
        if ids:
            yield Finding(kind, f"{len(ids)} {of} {words}: {name_some(ids)}", ids, is_problem)


def _duplicate_findings(table: pd.DataFrame) -> Iterator[Finding]:
    """Recordings that are there more than once; a problem where their labels disagree."""
    for kind, column, words in (
        ("duplicate", "content", "have the audio of another"),
        ("near-duplicate", "copy_of", "are copies of one recording"),
    ):
        if column not in table:
            continue
        repeated = table[table[column].notna() & table[column].duplicated(keep=False)]
        disagrees = repeated.groupby(column)[["speaker", "emotion"]].transform("nunique").gt(1).any(axis=1)
        for is_problem, rows in repeated.groupby(disagrees):
            ids = tuple(rows["id"])
            under = ", under different speakers or categories" if is_problem else ""
            line = f"{len(ids)} of {len(table)} utterances {words}{under}: {name_some(ids)}"
            yield Finding(kind, line, ids, bool(is_problem))


def _label_findings(corpus: Corpus) -> Iterator[Finding]:
    """Labels that some utterances have and others lack, and speakers with a single utterance."""
    table = corpus.utterances
    for column in ("speaker", "split", "emotion", *ATTRIBUTES):
        ids = tuple(table.loc[table[column].isna() & (table["split"] != "unlabelled"), "id"])
        if ids and (len(ids) < len(table) or column == "speaker"):
            yield Finding(
                "missing", f"{len(ids)} of {len(table)} utterances have no {column}: {name_some(ids)}", ids, False
            )
    counts = table["speaker"].value_counts()
    alone = tuple(table.loc[table["speaker"].map(counts) == 1, "id"])
    if alone:
        line = f"{len(alone)} of {len(counts)} speakers have a single utterance: {name_some(alone)}"
        yield Finding("single", line, alone, False)
