"""Comparisons of run folders: the numbers against the functions beneath, over seeds, repeats and folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from written_runs import AROUSAL, LABELS, RELATIVE, predict, two_systems, write_run

from emotone.errors import EmotoneError
from emotone.evaluate.compare.page import comparison_page
from emotone.evaluate.compare.runs import compare_runs
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.significance import sign_flip_test


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


def test_other_metrics_are_refused(tmp_path: Path) -> None:
    first, second = two_systems(tmp_path)
    with pytest.raises(EmotoneError, match="unknown metric 'uarr'; did you mean 'uar'"):
        compare_runs([first, second], ["uarr"])
    third, fourth = (write_run(tmp_path / str(size), predict(size, 1.0), size, targets=[AROUSAL]) for size in (3, 4))
    with pytest.raises(EmotoneError, match=r"none of the metrics uar is for the targets of these runs \(arousal\)"):
        compare_runs([third, fourth], ["uar"])


def test_one_speaker_is_null_in_json(tmp_path: Path) -> None:
    tables = [predict(size, 1.0 + size).assign(speaker="s0") for size in range(2)]
    found = compare_runs([write_run(tmp_path / str(size), table, size) for size, table in enumerate(tables)])
    (pair,) = found.to_json()["results"][0]["pairs"]
    assert pair["p"] == 1 and pair["effect_size"] is None and pair["difference"]["low"] is None
    assert comparison_page(found).count("<svg") == 2


def test_seeds_and_repeats_are_averaged(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", predict(seed, 0.5), 1, seed)
    repeats = [predict(seed + 5, 2.0).assign(repeat=seed) for seed in (0, 1)]
    write_run(tmp_path / "b", pd.concat(repeats), 2)
    comparison = compare_runs([tmp_path / "b", tmp_path / "a1", tmp_path / "a0"], ["rmse", "accuracy"])
    systems = [(system.label, system.seeds) for system in comparison.systems]
    assert systems == [("made size=2", [0, 1]), ("made size=1", [0, 1])]
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
    errors = {
        label: ((table["predicted_arousal"] - table["true_arousal"]) ** 2).groupby(table["speaker"]).mean() ** 0.5
        for label, table in zip(ranks, (predict(k, noise) for k, noise in enumerate((0.1, 3.0, 3.2))), strict=True)
    }
    for first, second, p, p_holm in result.ranks.pairs:  # of the score that ranks, not of the CCC above
        oracle = scipy.stats.wilcoxon(errors[first], errors[second], method="exact").pvalue
        assert p == pytest.approx(oracle) and p_holm >= p
    assert len(result.ranks.pairs) == 3


# ---- relative scores ------------------------------------------------------------------------------------------------


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
    folders = [write_run(tmp_path / str(size), table, size, targets=[RELATIVE]) for size, table in enumerate((a, b))]
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
        write_run(tmp_path / f"{size}-{seed}", table, size, seed, [RELATIVE])
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
    runs = [(ranker, [RELATIVE]), (other, [AROUSAL])][:: 1 if is_first else -1]
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
    folders = [write_run(tmp_path / str(size), table, size, targets=[RELATIVE]) for size, table in enumerate(tables)]
    (result,) = compare_runs(folders).results
    assert result.ranks is not None and result.ranks.score == "RMSE of ranks"
    errors = []
    for table in tables:
        distance = shares(table).rank() - table["true_arousal"].rank()
        errors.append((distance**2).groupby(table["speaker"]).mean() ** 0.5)
    expected = pd.DataFrame(errors).rank().mean(axis=1)
    assert list(result.ranks.mean_ranks.values()) == pytest.approx(expected.tolist())
    assert "RMSE of ranks" in comparison_page(compare_runs(folders))
