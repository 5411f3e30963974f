"""The page of a comparison: all that the text has, and pictures that are the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages import HOSTILE, Page
from written_runs import predict, write_run

from emotone.evaluate.compare.page import comparison_page, plot_ranks, plot_values
from emotone.evaluate.compare.runs import Comparison, compare_runs


@pytest.fixture
def four(tmp_path: Path) -> Comparison:
    return compare_runs([write_run(tmp_path / str(k), predict(k, 0.5 + k), k) for k in range(4)])


def test_all_systems_are_there(four: Comparison) -> None:
    html = comparison_page(four)
    page = Page(html)
    assert html == comparison_page(four) and html.count("<svg") == 4
    assert list(page.sections) == [
        "Systems",
        "arousal: ccc",
        "arousal: ccc, ranks",
        "emotion: uar",
        "emotion: uar, ranks",
    ]
    assert all(f"size={k}" in page.sections["Systems"] for k in range(4)) and "mean rank over speakers (RMSE" in html
    assert "4 systems, one seed each, on the same test utterances." in page.text
    assert "NaN" not in json.dumps(four.to_json())


def test_pairs_are_those_of_the_tests(four: Comparison) -> None:
    cells = Page(comparison_page(four)).cells
    (pair, *_) = four.results[0].pairs
    place = cells.index("A - B")
    assert cells[place + 1 : place + 4] == ["made size=0", "made size=1", str(pair.difference)]
    assert cells[place + 5].endswith(" *") == (pair.p_holm <= 0.05)


def test_warnings_and_hostile_names_are_text(tmp_path: Path) -> None:
    tables = [predict(size, 0.5 + size, 4) for size in range(2)]
    folders = [write_run(tmp_path / str(k), table, k, warnings=[HOSTILE]) for k, table in enumerate(tables)]
    for folder in folders:
        recipe = (folder / "recipe.yaml").read_text().replace("name: made", f"name: {json.dumps(HOSTILE + ' US$')}")
        (folder / "recipe.yaml").write_text(recipe)
    page = Page(comparison_page(compare_runs(folders)))
    assert "script" not in page.tags and page.text.count(HOSTILE) > 8
    assert page.sections["arousal: ccc"].count("4 speakers are too few") == 1


def test_bars_join_what_does_not_differ(four: Comparison) -> None:
    result = four.results[0]
    assert result.ranks is not None
    ranks = result.ranks.mean_ranks
    names = {label: letter for letter, label in zip("ABCD", result.values, strict=True)}
    svg = plot_ranks(result.ranks, names)
    assert all(f"{names[label]}  ({rank:.2f})" in svg for label, rank in ranks.items())
    assert svg.count("stroke: #d1495b") == len(result.ranks.cliques)
    values = plot_values(result, names)
    assert all(f"{value.value:.3f}</text>" in values for value in result.values.values())


def test_families_and_nulls_stand_on_the_page(four: Comparison) -> None:
    page = Page(comparison_page(four))
    family = (
        "Holm's correction is for the 6 pairs of one target and metric; the 2 targets and metrics here are families of "
        "their own: for a claim over all of them, multiply p (Holm) by 2."
    )
    for title in ("arousal: ccc", "emotion: uar"):
        assert family in page.sections[title] and "may exchange all predictions for any speaker" in page.sections[title]
        ranks = page.sections[f"{title}, ranks"]
        assert "Ranks, tests and bars are all of this one score" in ranks and "signed-rank" in ranks
