"""A corpus in numbers: for machines as JSON types, for people as text."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd

from emotone.base.text_table import align
from emotone.corpora.agreement import Level, alpha_of_votes
from emotone.corpora.corpus import ATTRIBUTES, SPLITS, Corpus

LABELS = ("speaker", "gender", "language", "transcript", "emotion", *ATTRIBUTES)
"""Columns of which the missing labels are counted."""
UNKNOWN = "unknown"
LINE_LENGTH = 100


def corpus_info(corpus: Corpus, scan: pd.DataFrame | None = None) -> dict[str, Any]:
    """Counts, lengths, labels and agreement of a corpus, as JSON types; unknown is None.

    `scan` (`emotone.corpora.scan.scan`) gives the lengths; without it they are None. `agreement` is Krippendorff's
    alpha over the rater table: of attributes (interval) and categories (nominal).

    >>> table = pd.DataFrame({"id": ["a", "b"], "file": ["a.wav", "b.wav"], "emotion": ["anger", None]})
    >>> about = corpus_info(Corpus("mine", "audio", table))
    >>> about["utterances"], about["emotions"], about["missing"]["emotion"]
    (2, {'anger': 1}, 1)
    """
    table = corpus.utterances
    return {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "utterances": len(table),
        "duration": None if scan is None else _durations(scan),
        "unreadable": None if scan is None else int((scan["error"] != "").sum()),
        "speakers": _speakers(table),
        "sessions": int(table["session"].nunique()),
        "scripts": int(table["script"].nunique()),
        "languages": counts_of(table["language"]),
        "splits": counts_of(table["split"], (*SPLITS, *sorted(set(table.loc[corpus.further_tests, "split"])))),
        "emotions": counts_of(table["emotion"]),
        "attributes": {
            name: _distribution(table[name]) | {"native_range": corpus.meta.get("ranges", {}).get(name)}
            for name in ATTRIBUTES
            if table[name].notna().any()
        },
        "missing": {column: int(table[column].isna().sum()) for column in LABELS},
        "raters": None if corpus.raters is None else _raters(corpus.raters),
        "licence": corpus.meta.get("licence"),
        "citation": corpus.meta.get("citation"),
        "notes": list(corpus.meta.get("notes", [])),
    }


def print_info(info: dict[str, Any]) -> None:
    """`corpus_info` as text for people, on stdout."""
    print("\n\n".join(_text(info)))


# ---- numbers ----------------------------------------------------------------------------------------------------


def counts_of(column: pd.Series[Any], order: tuple[str, ...] | None = None) -> dict[str, int]:
    """How often each value of a column occurs: in the given order, or the most frequent first."""
    counts = {str(name): int(count) for name, count in column.value_counts().items()}
    if order is None:
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return {name: counts[name] for name in order if name in counts}


def _extent(values: pd.Series[Any]) -> dict[str, float | None]:
    """Least, median and greatest value; None where there are none."""
    return {name: float(getattr(values, name)()) if len(values) else None for name in ("min", "median", "max")}


def _durations(scan: pd.DataFrame) -> dict[str, Any]:
    """Hours in all; least, median and greatest duration of an utterance in seconds."""
    seconds = scan["duration_s"].dropna()
    spread = {f"{name}_s": value for name, value in _extent(seconds).items()}
    return {"hours": float(seconds.sum() / 3600), **spread}


def _speakers(table: pd.DataFrame) -> dict[str, Any]:
    """Number of speakers, by gender too, and how many utterances they have."""
    genders = table.loc[table["speaker"].notna()].drop_duplicates("speaker")["gender"].fillna(UNKNOWN)
    counts = table["speaker"].value_counts()
    return {"count": len(counts), "by_gender": counts_of(genders), "utterances_each": _extent(counts)}


def _distribution(values: pd.Series[Any]) -> dict[str, Any]:
    """Moments (population), range and deciles of the known values."""
    known = values.dropna().to_numpy()
    return {
        "count": len(known),
        "mean": float(known.mean()),
        "std": float(known.std()),
        "min": float(known.min()),
        "max": float(known.max()),
        "deciles": [float(value) for value in np.quantile(known, np.arange(1, 10) / 10)],
    }


def _raters(raters: pd.DataFrame) -> dict[str, Any]:
    """Number of raters and votes, how many votes utterances have, and how far raters agree."""
    votes = raters.groupby("id").size()
    levels: dict[str, Level] = {"emotion": "nominal", **dict.fromkeys(ATTRIBUTES, "interval")}
    alphas = {
        name: alpha_of_votes(raters["id"], raters[name], level)
        for name, level in levels.items()
        if raters[name].notna().any()
    }
    return {
        "count": int(raters["rater"].nunique()),
        "votes": len(raters),
        "votes_each": _extent(votes),
        "agreement": {name: None if np.isnan(alpha) else alpha for name, alpha in alphas.items()},
    }


# ---- text -------------------------------------------------------------------------------------------------------


def _text(info: dict[str, Any]) -> list[str]:
    """The paragraphs of `print_info`."""
    parts = [_summary(info)]
    total = info["utterances"]
    if info["emotions"]:
        rows = [{"emotion": name, "utterances": n, "share": _share(n, total)} for name, n in info["emotions"].items()]
        parts.append(align(rows))
    if info["attributes"]:
        parts.append(align([_attribute_row(name, about) for name, about in info["attributes"].items()]))
    if info["splits"]:
        rows = [{"split": name, "utterances": n, "share": _share(n, total)} for name, n in info["splits"].items()]
        parts.append(align(rows))
    if info["raters"]:
        agreement = info["raters"]["agreement"].items()
        parts.append(align([{"agreement of raters": name, "Krippendorff's alpha": alpha} for name, alpha in agreement]))
    missing = [
        f"{name} {'(all)' if count == total else f'{count:,}'}" for name, count in info["missing"].items() if count
    ]
    about = [("missing", ", ".join(missing) or "nothing"), ("licence", info["licence"]), ("citation", info["citation"])]
    about += [("note", note) for note in info["notes"]]
    return [*parts, _named([(name, text) for name, text in about if text])]


def _summary(info: dict[str, Any]) -> str:
    speakers, duration, raters = info["speakers"], info["duration"], info["raters"]
    lines = [
        ("corpus", f"{info['name']} (fingerprint {info['fingerprint']})"),
        ("utterances", f"{info['utterances']:,}"),
    ]
    if duration:
        lines.append(("hours", f"{duration['hours']:.2f}"))
        if duration["median_s"] is not None:
            lines.append(("length", _spread([duration[name] for name in ("min_s", "median_s", "max_s")], " s")))
    if info["unreadable"]:
        lines.append(("unreadable", f"{info['unreadable']:,} utterances; see: emotone check {info['name']}"))
    if speakers["count"]:
        genders = ", ".join(
            f"{count:,} {'of unknown gender' if name == UNKNOWN else name}"
            for name, count in speakers["by_gender"].items()
        )
        lines.append(("speakers", f"{speakers['count']:,} ({genders})"))
        lines.append(("per speaker", _spread(list(speakers["utterances_each"].values()), " utterances")))
    lines += [(name, f"{info[name]:,}") for name in ("sessions", "scripts") if info[name]]
    if info["languages"]:
        lines.append(("languages", ", ".join(f"{name} {count:,}" for name, count in info["languages"].items())))
    if raters:
        each = _spread(list(raters["votes_each"].values()), " votes per utterance")
        lines.append(("raters", f"{raters['count']:,}, {each}"))
    return _named(lines)


def _attribute_row(name: str, about: dict[str, Any]) -> dict[str, Any]:
    low_high = about["native_range"]
    row = {"attribute": name, "range": f"{low_high[0]:g} to {low_high[1]:g}" if low_high else None}
    deciles = {f"{tenth}0%": about["deciles"][tenth - 1] for tenth in (1, 5, 9)}
    return row | {"utterances": about["count"], "mean": about["mean"], "std": about["std"]} | deciles


def _named(lines: list[tuple[str, str]]) -> str:
    """Names on the left, texts beside them, long ones over several lines."""
    indent = max(len(name) for name, _ in lines) + 2
    return "\n".join(
        textwrap.fill(text, LINE_LENGTH, initial_indent=name.ljust(indent), subsequent_indent=" " * indent)
        for name, text in lines
    )


def _spread(values: list[float], unit: str) -> str:
    """Least, median and greatest, or the one value that they all are.

    >>> _spread([1.0, 2.5, 4.0], " s")
    '1 to 4 s (median 2.5)'
    """
    low, median, high = (f"{value:.4g}" for value in values)
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit} (median {median})"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}%"
