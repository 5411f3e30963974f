"""What a corpus holds: numbers for people and machines, and one picture of its labels and lengths."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from emotone.base.figure import COLOURS, new, svg
from emotone.base.text_table import align
from emotone.corpora.agreement import Level, alpha_of_votes
from emotone.corpora.corpus import ATTRIBUTES, SPLITS, Corpus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = ("speaker", "gender", "language", "transcript", "emotion", *ATTRIBUTES)
"""Columns of which the missing labels are counted."""
LINE_LENGTH = 100
LINE_COLOUR = "#1d2327"
LONGEST_SHARE = 0.99
"""The picture's axis of durations ends at this quantile; the last bar holds what is longer."""


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
        "languages": _counts(table["language"]),
        "splits": _counts(table["split"], SPLITS),
        "emotions": _counts(table["emotion"]),
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


def picture(corpus: Corpus, scan: pd.DataFrame) -> str:
    """Bars of the categories, histograms of the attributes and of the durations, as SVG text."""
    return svg(draw(corpus, scan))


def draw(corpus: Corpus, scan: pd.DataFrame) -> Figure:
    """The figure of `picture`: categories and durations above, the attributes below, where there are any."""
    table, ranges = corpus.utterances, corpus.meta.get("ranges", {})
    attributes = [name for name in ATTRIBUTES if table[name].notna().any()]
    above = ["duration"] if table["emotion"].isna().all() else ["emotion", "duration"]
    rows = [above, attributes] if attributes else [above]
    figure, whole = new(9.6, 3.1 * len(rows))
    whole.remove()
    figure.suptitle(f"{corpus.name}: {len(table):,} utterances, {table['speaker'].nunique():,} speakers")
    for part, names in zip(figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        for axes, name in zip(part.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(length=0, labelsize=8.5)
            axes.set_axisbelow(True)
            if name == "emotion":
                _draw_counts(axes, table[name])
            elif name == "duration":
                _draw_durations(axes, scan["duration_s"].dropna().to_numpy())
            else:
                colour = COLOURS[1 + ATTRIBUTES.index(name)]
                _draw_attribute(axes, name, table[name].dropna().to_numpy(), ranges.get(name), colour)
    return figure


# ---- numbers ----------------------------------------------------------------------------------------------------


def _counts(column: pd.Series[Any], order: tuple[str, ...] | None = None) -> dict[str, int]:
    """How often each value is there: in the given order, or the most frequent first."""
    counts = {str(name): int(count) for name, count in column.value_counts().items()}
    if order is None:
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return {name: counts[name] for name in order if name in counts}


def _extent(values: pd.Series[Any]) -> dict[str, float | None]:
    """Least, median and greatest value; None where there are none."""
    return {name: float(getattr(values, name)()) if len(values) else None for name in ("min", "median", "max")}


def _durations(scan: pd.DataFrame) -> dict[str, Any]:
    """Hours in all, seconds of an utterance."""
    seconds = scan["duration_s"].dropna()
    spread = {f"{name}_s": value for name, value in _extent(seconds).items()}
    return {"hours": float(seconds.sum() / 3600), **spread}


def _speakers(table: pd.DataFrame) -> dict[str, Any]:
    """How many, per gender, and the utterances of one."""
    genders = table.loc[table["speaker"].notna()].drop_duplicates("speaker")["gender"].fillna("unknown")
    counts = table["speaker"].value_counts()
    return {"count": len(counts), "by_gender": _counts(genders), "utterances_each": _extent(counts)}


def _distribution(values: pd.Series[Any]) -> dict[str, Any]:
    """Moments (population), range and deciles of the known values."""
    known = values.dropna().to_numpy()
    return {
        "count": len(known), "mean": float(known.mean()), "std": float(known.std()), "min": float(known.min()),
        "max": float(known.max()), "deciles": [float(value) for value in np.quantile(known, np.arange(1, 10) / 10)],
    }  # fmt: skip


def _raters(raters: pd.DataFrame) -> dict[str, Any]:
    """How many there are, the votes of an utterance, and their agreement."""
    votes = raters.groupby("id").size()
    levels: dict[str, Level] = {"emotion": "nominal", **dict.fromkeys(ATTRIBUTES, "interval")}
    alphas = {
        name: alpha_of_votes(raters["id"], raters[name], level)
        for name, level in levels.items()
        if raters[name].notna().any()
    }
    return {
        "count": int(raters["rater"].nunique()), "votes": len(raters),
        "votes_each": _extent(votes),
        "agreement": {name: None if np.isnan(alpha) else alpha for name, alpha in alphas.items()},
    }  # fmt: skip


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
        genders = ", ".join(f"{count:,} {name}" for name, count in speakers["by_gender"].items())
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


# ---- picture ----------------------------------------------------------------------------------------------------


def _draw_counts(axes: Axes, column: pd.Series[Any]) -> None:
    """One bar for each category, the most frequent on top, its count beside it."""
    counts = _counts(column)
    names = list(counts)[::-1]
    bars = axes.barh(names, [counts[name] for name in names], color=COLOURS[0], height=0.72)
    axes.bar_label(bars, labels=[f"{counts[name]:,}" for name in names], padding=3, fontsize=8.5)
    axes.margins(x=0.18, y=0.03)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_title("categories", fontsize=10, loc="left")
    num_missing = int(column.isna().sum())
    if num_missing:
        axes.set_xlabel(f"{num_missing:,} without a category", fontsize=8.5)


def _draw_attribute(axes: Axes, name: str, values: Any, limits: list[float] | None, colour: str) -> None:
    """A histogram over the native range, with the mean."""
    low, high = limits or (float(values.min()), float(values.max()))
    # Means of a few raters lie on the borders of bins, where rounding must not part equal ones.
    _draw_histogram(axes, np.minimum(values + 1e-6, high), low, high, 12, colour)
    axes.axvline(values.mean(), color=LINE_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(f"{name}: mean {values.mean():.2f}, std {values.std():.2f}", fontsize=10, loc="left")


def _draw_durations(axes: Axes, seconds: Any) -> None:
    """A histogram of seconds; the last bar holds what is longer than 99 % of all."""
    if not len(seconds):
        axes.set_title("duration: nothing could be read", fontsize=10, loc="left")
        return
    longest = float(np.quantile(seconds, LONGEST_SHARE))
    _draw_histogram(axes, np.minimum(seconds, longest), float(seconds.min()), longest, 24, COLOURS[5])
    axes.axvline(np.median(seconds), color=LINE_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(f"duration: median {np.median(seconds):.2f} s", fontsize=10, loc="left")
    axes.set_xlabel("seconds", fontsize=8.5)


def _draw_histogram(axes: Axes, values: Any, low: float, high: float, num_bins: int, colour: str) -> None:
    axes.hist(values, bins=num_bins, range=(low, high), color=colour, edgecolor="white", linewidth=0.6)
    axes.set_xlim(low, high if high > low else low + 1)
    axes.grid(axis="y", alpha=0.25, linewidth=0.6)
