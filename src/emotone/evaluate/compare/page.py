"""A comparison as one HTML page: tables, intervals and critical-difference plots."""

from __future__ import annotations

import textwrap
from typing import Any

from emotone.base import figure
from emotone.base.page import Section, render
from emotone.evaluate.compare.runs import Comparison, MetricComparison, Ranks
from emotone.evaluate.compare.systems import LEVEL, families_text, letters_of
from emotone.evaluate.compare.text import corrected_p_text, p_text, value_text

LABEL_WIDTH = 34


def comparison_page(comparison: Comparison) -> str:
    """The page of a comparison, self-contained HTML; pictures need matplotlib."""
    names = _picture_names(comparison)
    sections = [Section("Systems", _describe(comparison), _system_rows(comparison))]
    for result in comparison.results:
        title = f"{result.target}: {result.metric}"
        text = f"{result.num_utterances} test utterances of {result.num_speakers} speakers."
        families = families_text(len(result.pairs), len(comparison.results))
        note = " ".join([*(f"{note}." for note in result.notes), METHOD, f"{families}."])
        sections.append(Section(title, text, _pair_rows(comparison, result), plot_values(result, names), note))
        if result.ranks:
            ranks = result.ranks
            text = (
                f"Friedman's test that all systems rank alike: chi-squared {ranks.statistic:.2f}, p {p_text(ranks.p)}. "
                f"Systems are ranked within each speaker by {ranks.score}; bars join systems of which no two differ "
                f"significantly by the same score."
            )
            table = _rank_rows(comparison, ranks)
            sections.append(Section(f"{title}, ranks", text, table, plot_ranks(ranks, names), RANKS_METHOD))
    return render("Comparison", sections, comparison.warnings)


METHOD = (
    "p: paired sign-flip test over speakers, two-sided, on the metric of all utterances; its null is that two systems "
    f"may exchange all predictions for any speaker. p (Holm): corrected, significant (*) up to {LEVEL}. Intervals: "
    "95%, t on the jackknife over speakers, not corrected. d_z: difference in standard deviations of the speakers' "
    "shares in it. Where interval and test disagree, the test is the one to quote."
)
RANKS_METHOD = (
    "After Demsar (2006) with speakers for data sets; pairs by Wilcoxon's signed-rank test over speakers, by sign "
    "flips (Benavoli et al., 2016), and Holm's correction for these pairs, a family of its own. Ranks, tests and bars "
    "are all of this one score, which a speaker alone has; of the metric above, for which a speaker may lack classes "
    "or hardly vary, they say nothing."
)


def _describe(comparison: Comparison) -> str:
    num_seeds = len(comparison.systems[0].seeds)
    seeds = (
        f"{num_seeds} seeds each, whose metrics are averaged (± their deviation, n - 1)"
        if num_seeds > 1
        else "one seed each"
    )
    return f"{len(comparison.systems)} systems, {seeds}, on the same test utterances."


def _system_rows(comparison: Comparison) -> list[dict[str, Any]]:
    letters = letters_of(comparison.systems)
    return [
        {
            "": letters[system.label],
            "system": system.label,
            **{f"{result.target} {result.metric}": value_text(result, system.label) for result in comparison.results},
            "seeds": ", ".join(map(str, system.seeds)),
            "runs": ", ".join(system.folders),
        }
        for system in comparison.systems
    ]


def _pair_rows(comparison: Comparison, result: MetricComparison) -> list[dict[str, Any]]:
    letters = letters_of(comparison.systems)
    return [
        {
            "pair": f"{letters[pair.first]} - {letters[pair.second]}",
            "first": pair.first,
            "second": pair.second,
            f"difference in {result.metric}": str(pair.difference),
            "p": p_text(pair.p),
            "p (Holm)": corrected_p_text(pair.p_holm),
            "d_z": pair.effect_size,
        }
        for pair in result.pairs
    ]


def _rank_rows(comparison: Comparison, ranks: Ranks) -> list[dict[str, Any]]:
    letters = letters_of(comparison.systems)
    return [
        {
            "pair": f"{letters[first]} - {letters[second]}",
            "mean rank, first": ranks.mean_ranks[first],
            "second": ranks.mean_ranks[second],
            "p": p_text(p),
            "p (Holm)": corrected_p_text(p_holm),
        }
        for first, second, p, p_holm in ranks.pairs
    ]


def _picture_names(comparison: Comparison) -> dict[str, str]:
    """Letter and label, without the recipe's name where all have the same, over several lines where it is long."""
    letters = letters_of(comparison.systems)
    first_words = {label.split(" ")[0] for label in letters}
    names = {}
    for label, letter in letters.items():
        text = label.split(" ", 1)[1] if len(first_words) == 1 and " " in label else label
        names[label] = figure.plain("\n".join(textwrap.wrap(f"{letter}  {text}", LABEL_WIDTH)))
    return names


def _num_lines(names: dict[str, str]) -> int:
    return max(name.count("\n") + 1 for name in names.values())


def plot_values(result: MetricComparison, names: dict[str, str]) -> str:
    """Values with their intervals, a line per system, as SVG."""
    picture, axes = figure.new(figure.WIDTH_IN, 0.9 + (0.17 + 0.17 * _num_lines(names)) * len(result.values))
    for place, value in enumerate(result.values.values()):
        axes.hlines(place, value.low, value.high, color=figure.COLOURS[0], linewidth=2.2)
        axes.plot(value.value, place, "o", color=figure.COLOURS[0], markersize=6)
        axes.annotate(
            f"{value.value:.3f}", (value.value, place), (0, 5), textcoords="offset points", ha="center", size=8
        )
    axes.set_yticks(range(len(result.values)), [names[label] for label in result.values])
    axes.set_ylim(len(result.values) - 0.5, -0.6)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel(f"{result.metric} of {result.target}, 95% interval over speakers")
    return figure.svg(picture)


def plot_ranks(ranks: Ranks, names: dict[str, str]) -> str:
    """The critical-difference plot of Demsar (JMLR 7, 2006, figure 1) as SVG: best systems on the left."""
    order = sorted(ranks.mean_ranks, key=lambda label: ranks.mean_ranks[label])
    num_left = (len(order) + 1) // 2
    bars_depth = 0.35 + 0.3 * len(ranks.cliques)
    row_depth = 0.1 + 0.3 * _num_lines(names)
    depth = bars_depth + row_depth * num_left
    picture, axes = figure.new(figure.WIDTH_IN, 0.5 + 0.55 * depth)
    axes.set_xlim(1, len(order))
    axes.set_ylim(depth, 0)
    axes.grid(visible=False)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(1, len(order) + 1))
    axes.set_xlabel(f"mean rank over speakers ({ranks.score}; 1 is best)")
    for place, label in enumerate(order):
        is_left = place < num_left
        row = place if is_left else len(order) - 1 - place
        y, rank = bars_depth + row_depth * (row + 0.5), ranks.mean_ranks[label]
        edge = 1 if is_left else len(order)
        axes.plot([rank, rank, edge], [0, y, y], color=figure.COLOURS[5], linewidth=1, clip_on=False)
        offset, side = ((-5, 0), "right") if is_left else ((5, 0), "left")
        text = f"{names[label]}  ({rank:.2f})"
        axes.annotate(text, (edge, y), offset, textcoords="offset points", ha=side, va="center", size=9)
    for number, clique in enumerate(ranks.cliques):
        ends = [ranks.mean_ranks[clique[0]] - 0.03, ranks.mean_ranks[clique[-1]] + 0.03]
        y = 0.3 + 0.3 * number
        axes.plot(ends, [y, y], color=figure.COLOURS[1], linewidth=4, solid_capstyle="butt", clip_on=False)
    return figure.svg(picture)
