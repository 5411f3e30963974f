"""Comparisons of run folders: who is one system, what is refused, and the numbers against the functions beneath."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from emotone.errors import EmotoneError
from emotone.evaluate.compare.page import comparison_page
from emotone.evaluate.compare.runs import Comparison, compare_runs
from emotone.evaluate.compare.text import print_comparison
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.significance import sign_flip_test

LABELS = ["anger", "calm", "fear"]
TARGETS = [
    {"name": "arousal", "kind": "attribute", "range": [1, 7], "mean": 4.0, "std": 1.0},
    {"name": "emotion", "kind": "category", "labels": LABELS},
]
DESCRIBED = {
    "format": 1,
    "normalise": {"clip": 3.0},
    "name": "made",
    "max_utterance_s": 10.0,
    "feature": {"name": "mel", "settings": {}},
    "view": {"name": "whole"},
}


def predict(seed: int, noise: float, num_speakers: int = 8) -> pd.DataFrame:
    """Predictions of 6 utterances per speaker; the labels are the same for all seeds."""
    truth, random = np.random.default_rng(99), np.random.default_rng(seed)
    num = 6 * num_speakers
    arousal = truth.uniform(1, 7, num)
    probabilities = np.eye(3)[(arousal / 2.4).astype(int)] + random.random((num, 3)) * noise
    table = pd.DataFrame({
        "id": [f"u{number:03d}" for number in range(num)], "corpus": "made", "repeat": 0,
        "speaker": [f"s{number % num_speakers}" for number in range(num)],
        "true_arousal": arousal, "predicted_arousal": arousal + random.normal(0, noise, num),
        "true_emotion": np.array(LABELS)[(arousal / 2.4).astype(int)],
    })  # fmt: skip
    table[[f"p_{label}" for label in LABELS]] = probabilities / probabilities.sum(axis=1, keepdims=True)
    return table


def write_run(
    folder: Path, table: pd.DataFrame, size: int = 1, seed: int = 0, targets: Any = None, **result: Any
) -> Path:
    """A finished run folder with these predictions; `size` is what systems differ in."""
    (folder / "bundle").mkdir(parents=True)
    recipe = {"name": "made", "system": {"name": "net", "size": size}, "split": {"name": "official"}, "seed": seed}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    about = {"hash": f"{size}-{seed}", "recipe": "made", "seed": seed, "splits": ["x"], **result}
    (folder / "test.json").write_text(json.dumps(about))
    (folder / "done.json").write_text("{}")
    (folder / "bundle" / "bundle.json").write_text(json.dumps(DESCRIBED | {"targets": targets or TARGETS}))
    table.to_parquet(folder / "predictions.parquet", index=False)
    return folder


def two_systems(tmp_path: Path, table: pd.DataFrame | None = None, **settings: Any) -> list[Path]:
    first = write_run(tmp_path / "a", predict(1, 0.5), 1)
    other = predict(2, 2.0) if table is None else table
    return [first, write_run(tmp_path / "b", other, 2, **settings)]


def test_numbers_are_those_of_the_tests_beneath(tmp_path: Path) -> None:
    folders = two_systems(tmp_path, predict(2, 2.0).sample(frac=1, random_state=0))  # rows in any order
    comparison = compare_runs(folders)
    assert [system.label for system in comparison.systems] == ["made size=1", "made size=2"]
    assert [(result.target, result.metric) for result in comparison.results] == [("arousal", "ccc"), ("emotion", "uar")]
    a, b = predict(1, 0.5), predict(2, 2.0)
    expected = sign_flip_test(
        metrics.ccc, a["predicted_arousal"], b["predicted_arousal"], a["true_arousal"], a["speaker"]
    )
    (pair,) = comparison.results[0].pairs
    assert pair.difference == pytest.approx(expected.difference)
    assert (pair.p, pair.effect_size) == pytest.approx((expected.p, expected.effect_size))
    assert pair.p_holm == pair.p and pair.is_exact and comparison.results[0].ranks is None
    predicted = [np.array(LABELS)[table[[f"p_{x}" for x in LABELS]].to_numpy().argmax(axis=1)] for table in (a, b)]
    assert comparison.results[1].values["made size=2"].value == pytest.approx(
        metrics.uar(predicted[1], a["true_emotion"])
    )
    assert compare_runs(folders) == comparison


def test_seeds_and_repeats_are_averaged(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", predict(seed, 0.5), 1, seed)
    repeats = [predict(seed + 5, 2.0).assign(repeat=seed) for seed in (0, 1)]
    write_run(tmp_path / "b", pd.concat(repeats), 2)
    comparison = compare_runs([tmp_path / "b", tmp_path / "a1", tmp_path / "a0"], ["rmse", "accuracy"])
    assert [(system.label, system.seeds) for system in comparison.systems] == [
        ("made size=2", [0, 1]), ("made size=1", [0, 1]),
    ]  # fmt: skip
    each = [metrics.rmse(table["predicted_arousal"], table["true_arousal"]) for table in repeats]
    result = comparison.results[0]
    assert result.values["made size=2"].value == pytest.approx(np.mean(each)) and result.num_utterances == 48
    assert [found.metric for found in comparison.results] == ["rmse", "accuracy"]


def test_ranks_of_three_systems(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / str(k), predict(k, noise), k) for k, noise in enumerate((0.1, 3.0, 3.2))]
    result = compare_runs(folders).results[0]
    assert len(result.pairs) == 3 and result.ranks is not None
    ranks = result.ranks.mean_ranks
    assert ranks["made size=0"] == 1 and sum(ranks.values()) == pytest.approx(6) and result.ranks.p < 0.01
    order = sorted(ranks, key=lambda label: ranks[label])
    assert result.ranks.cliques == [order[1:]]  # the two poor ones


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[:-2], "2 utterances are in one only, 46 in both, e.g. 'u046', 'u047'"),
        (lambda t: t.assign(id=t["id"] + "x"), "96 utterances are in one only, 0 in both"),
        (lambda t: t.assign(true_arousal=t["true_arousal"].where(t.index > 2, 1)), "in the arousal of 3 of 48"),
        (lambda t: t.assign(true_emotion=t["true_emotion"].where(t.index > 0)), "in the emotion of 1 of 48"),
        (lambda t: t.assign(speaker="s0"), "in the speaker of 42 of 48"),
        (lambda t: pd.concat([t, t.iloc[:3]]), "3 utterances are in several test parts, e.g. 'u000'"),
        (lambda t: pd.concat([t, t.assign(repeat=1)]), "same number of seeds: made size=1 has 1; made size=2 has 2"),
    ],
)
def test_refuses_what_is_not_comparable(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(EmotoneError, match=message) as caught:
        compare_runs(two_systems(tmp_path, change(predict(2, 2.0))))
    assert "\n" not in str(caught.value)


def test_refuses_other_targets_metrics_and_lone_systems(tmp_path: Path) -> None:
    first, second = two_systems(tmp_path, targets=TARGETS[:1])
    with pytest.raises(EmotoneError, match="differ in their targets"):
        compare_runs([first, second])
    with pytest.raises(EmotoneError, match="needs two systems; there is one run"):
        compare_runs([first])
    with pytest.raises(EmotoneError, match="are the same recipe with the same seed 0"):
        compare_runs([first, second, first])
    third = write_run(tmp_path / "c", predict(3, 1.0), 3)
    with pytest.raises(EmotoneError, match="unknown metric 'uarr'; did you mean 'uar'"):
        compare_runs([first, third], ["uarr"])
    fourth = write_run(tmp_path / "d", predict(3, 1.0), 4, targets=TARGETS[:1])
    with pytest.raises(EmotoneError, match="none of the metrics uar is for the targets"):
        compare_runs([second, fourth], ["uar"])


def test_warnings_and_few_speakers_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = [predict(1, 0.1, 4), predict(2, 3.0, 4)]
    tables = [table.assign(speaker=table["speaker"].where(table["id"] != "u003")) for table in tables]
    folders = [
        write_run(tmp_path / str(k), table, k, warnings=["groups leak"], splits=[k]) for k, table in enumerate(tables)
    ]
    comparison = compare_runs(folders)
    assert comparison.warnings[:2] == ["made size=0: groups leak", "made size=1: groups leak"]
    assert "splits differ" in comparison.warnings[2]
    assert comparison.results[0].notes[0].startswith("1 utterances have no known speaker")
    assert (
        comparison.results[0]
        .notes[1]
        .startswith("5 speakers are too few: the smallest p that any difference could reach is 0.0625,")
    )
    print_comparison(comparison)
    printed = capsys.readouterr().out
    assert "WARNING made size=0: groups leak" in printed and "NOTE 5 speakers are too few" in printed
    print_comparison(comparison, as_json=True)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == comparison.to_json() and "groups leak" in captured.err
    page = comparison_page(comparison)
    assert "groups leak" in page and "5 speakers are too few" in page


def test_text_and_page_hold_all_systems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [write_run(tmp_path / str(k), predict(k, 0.5 + k), k) for k in range(4)]
    comparison = compare_runs(folders)
    print_comparison(comparison)
    printed = capsys.readouterr().out
    assert printed.startswith("4 systems, one seed each\n") and "A - D" in printed and "mean rank" in printed
    page = comparison_page(comparison)
    assert page == comparison_page(comparison) and page.count("<svg") == 4
    assert all(f"size={k}" in page for k in range(4)) and "mean rank over speakers (RMSE" in page
    assert "NaN" not in json.dumps(comparison.to_json())


def test_one_speaker_is_null_in_json(tmp_path: Path) -> None:
    tables = [predict(k, 1.0 + k).assign(speaker="s0") for k in range(2)]
    comparison: Comparison = compare_runs([write_run(tmp_path / str(k), table, k) for k, table in enumerate(tables)])
    (pair,) = comparison.to_json()["results"][0]["pairs"]
    assert pair["p"] == 1 and pair["effect_size"] is None and pair["difference"]["low"] is None
    assert comparison_page(comparison).count("<svg") == 2


# ---- relative scores ------------------------------------------------------------------------------------------------

RELATIVE = [{"name": "arousal", "kind": "attribute", "range": None, "mean": 0.0, "std": 1.0}]
AROUSAL = TARGETS[:1]


def rank(seed: int, noise: float, num_folds: int = 2) -> pd.DataFrame:
    """Margins of five chunks that follow the label, on a scale of each fold's own; the score is their mean."""
    table = predict(seed, noise)
    fold = np.arange(len(table)) % num_folds
    chunks = table["predicted_arousal"].to_numpy()[:, None] + np.random.default_rng(seed).normal(0, 1, (len(table), 5))
    margins = chunks * 10.0 ** fold[:, None] - 9 * fold[:, None]
    return table.assign(fold=fold, predicted_arousal=margins.mean(axis=1), curve_arousal=list(margins))


def shares(table: pd.DataFrame, has_curves: bool = True) -> pd.Series:
    """Shares of wins within the folds by loops over pairs."""
    found = {}
    for _, own in table.groupby("fold"):
        chunks = np.stack(own["curve_arousal" if has_curves else "predicted_arousal"].to_numpy()).reshape(len(own), -1)
        wins = [sum((one > other).mean() > 0.5 for other in chunks) for one in chunks]
        found |= dict(zip(own.index, np.array(wins) / (len(own) - 1), strict=True))
    return pd.Series(found).sort_index()


def test_rankers_are_compared_by_their_order_within_folds(tmp_path: Path) -> None:
    a, b = rank(1, 0.5), rank(2, 2.0)
    folders = [write_run(tmp_path / str(size), table, size, targets=RELATIVE) for size, table in enumerate((a, b))]
    (result,) = compare_runs(folders).results
    assert (result.target, result.metric) == ("arousal", "spearman")
    expected = sign_flip_test(metrics.spearman, shares(a), shares(b), a["true_arousal"], a["speaker"])
    (pair,) = result.pairs
    assert (pair.difference, pair.p) == (pytest.approx(expected.difference), expected.p)
    assert result.notes[-1].startswith("by order: an utterance counts by the share") and ";" not in result.notes[-1]
    (result,) = compare_runs(folders, ["kendall"]).results
    assert result.values["made size=0"].value == pytest.approx(metrics.kendall(shares(a), a["true_arousal"]))
    with pytest.raises(EmotoneError, match="none of the metrics ccc is for the targets"):
        compare_runs(folders, ["ccc"])


def test_seeds_and_repeats_of_rankers_are_ranked_by_themselves(tmp_path: Path) -> None:
    tables = {size: [rank(10 * size + seed, 0.5 + size) for seed in range(2)] for size in range(2)}
    folders = [
        write_run(tmp_path / f"{size}-{seed}", table, size, seed, RELATIVE)
        for size, seeds in tables.items()
        for seed, table in enumerate(seeds)
    ]
    (result,) = compare_runs(folders).results
    for size, seeds in tables.items():
        each = [metrics.spearman(shares(table), table["true_arousal"]) for table in seeds]
        assert result.values[f"made size={size}"].value == pytest.approx(np.mean(each))


@pytest.mark.parametrize("is_first", [True, False])
def test_a_ranker_and_scores_on_a_range_are_compared_by_order(tmp_path: Path, is_first: bool) -> None:
    ranker, other = rank(1, 0.5), rank(2, 2.0)
    runs = [(ranker, RELATIVE), (other, AROUSAL)][:: 1 if is_first else -1]
    folders = [
        write_run(tmp_path / str(size), table, size, targets=targets) for size, (table, targets) in enumerate(runs)
    ]
    (result,) = compare_runs(folders).results
    label = f"made size={int(is_first)}"
    by_score = metrics.spearman(shares(other, has_curves=False), other["true_arousal"])
    assert result.metric == "spearman" and result.values[label].value == pytest.approx(by_score)
    assert f"; of scores on a range ({label}) too, the order alone counts here" in result.notes[-1]


def test_speakers_rank_rankers_by_the_error_of_their_ranks(tmp_path: Path) -> None:
    tables = [rank(size, 0.5 + size) for size in range(3)]
    folders = [write_run(tmp_path / str(size), table, size, targets=RELATIVE) for size, table in enumerate(tables)]
    (result,) = compare_runs(folders).results
    assert result.ranks is not None and result.ranks.score == "RMSE of ranks"
    errors = []
    for table in tables:
        distance = shares(table).rank() - table["true_arousal"].rank()
        errors.append((distance**2).groupby(table["speaker"]).mean() ** 0.5)
    expected = pd.DataFrame(errors).rank().mean(axis=1)
    assert list(result.ranks.mean_ranks.values()) == pytest.approx(expected.tolist())
    assert "RMSE of ranks" in comparison_page(compare_runs(folders))
