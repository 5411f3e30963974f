"""What systems lose, compared: each drop against its definition, each test against one by hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.cli.main import main
from emotone.evaluate.compare.degraded import PooledDrop, compare_degraded
from emotone.evaluate.degraded.missing_data import score_missing
from emotone.evaluate.degraded.scoring import DegradedScores
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.significance import flip_test, sign_flip_test
from emotone.evaluate.run_folder import Run

Build = Callable[..., Path]


def drop_table(seed: int) -> tuple[pd.DataFrame, list[Any]]:
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"truth": random.normal(size=60), "speaker": np.repeat(list("abcdef"), 10)})
    noise = (0.3, 0.4, 1.5, 0.8)
    return table, [table["truth"].to_numpy() + random.normal(0, spread, 60) for spread in noise]


def test_a_drop_is_tested_as_it_is_defined() -> None:
    table, (a, b, less_a, less_b) = drop_table(0)
    truth, speakers = table["truth"].to_numpy(), table["speaker"].to_numpy()
    pooled = PooledDrop(metrics.ccc, [a, b], [less_a, less_b], truth, speakers)

    def drop(clean: Any, degraded: Any) -> float:
        return metrics.ccc(clean, truth) - metrics.ccc(degraded, truth)

    observed = drop(a, less_a) - drop(b, less_b)
    assert pooled.interval([1, -1]).value == pytest.approx(observed, abs=1e-12)
    count = 0
    for flips in itertools.product([False, True], repeat=6):
        flip = np.repeat(flips, 10)
        one = drop(np.where(flip, b, a), np.where(flip, less_b, less_a))
        other = drop(np.where(flip, a, b), np.where(flip, less_a, less_b))
        count += abs(one - other) >= abs(observed) - 1e-12
    assert flip_test(pooled) == count / 64
    nothing = np.zeros(60)  # a metric of nothing known is 0: then the drop is the metric
    alone = PooledDrop(metrics.ccc, [a, b], [nothing, nothing], truth, speakers)
    assert flip_test(alone) == sign_flip_test(metrics.ccc, a, b, truth, speakers).p


def test_systems_are_compared_in_what_they_lose(build_run: Build) -> None:
    measured: dict[str, DegradedScores] = {}

    def record(run: Run) -> DegradedScores:
        measured[run.folder.name] = score_missing(run, quiet=True)
        return measured[run.folder.name]

    names = [["one", "two"], ["three"]]  # two seeds, or two repeats
    folders = [build_run("one", 0), build_run("two", 1), build_run("three", 0, repeats=2, streams="speech")]
    found = compare_degraded(folders, record)
    assert [system.seeds for system in found.systems] == [[0, 1], [0, 1]] and found.num_speakers == 4
    assert {pair.curve for pair in found.pairs} == {"words", "transcript", "recognised", "frames", "bursts"}
    conditions = [(pair.curve, pair.severity) for pair in found.pairs]
    assert ("transcript", "absent") in conditions and ("words", 100.0) not in conditions  # the same, tested once
    assert any("nothing but speech" in note for note in found.notes) and any("too few" in note for note in found.notes)
    (pair,) = (one for one in found.pairs if (one.curve, one.severity, one.target) == ("frames", 75.0, "arousal"))
    drops, left = [], []
    for system in names:
        parts = [
            [part for name in system for _, part in measured[name].tables["frames"][severity].groupby("repeat")]
            for severity in (0.0, 75.0)
        ]
        means = [np.mean([metrics.ccc(t["predicted_arousal"], t["true_arousal"]) for t in each]) for each in parts]
        drops.append(means[0] - means[1])
        left.append(means[1])
    assert pair.drops == pytest.approx(drops) and pair.difference.value == pytest.approx(drops[0] - drops[1])
    assert all(one.p_holm >= one.p and one.p_there_holm >= one.p_there for one in found.pairs)
    assert pair.there.value == pytest.approx(left[0] - left[1])
    json.dumps(found.to_json(), allow_nan=False)


def test_the_command_line_shows_it(build_run: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders, page = [str(build_run("one")), str(build_run("two", streams="text"))], tmp_path / "page.html"
    assert main(["evaluate", folders[1], "--missing", "--num", "4", "--quiet", "--json"]) == 0
    assert "words" in json.loads(capsys.readouterr().out)["missing"]["curves"]
    assert main(["compare", *folders, "--missing", "--num", "4", "--quiet", "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert "Missing words: 25 %" in out and "A - B" in out and "NOTE" in out
    assert page.read_text().count("<svg") == 2 and "Missing bursts" in page.read_text()


def test_robustness_is_compared_in_the_same_way(
    build_run: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(build_run("one", repeats=2)), str(build_run("two", repeats=2, streams="speech"))]
    page = tmp_path / "page.html"
    chosen = ["--robustness", "--curves", "noise", "--num", "4"]
    assert main(["compare", *folders, *chosen, "--quiet", "--json", "--report", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["curves"][found["systems"][0]["label"]]) == ["noise"] and found["num_utterances"] == 4
    assert page.read_text().count("<svg") == 2 and "Noise (pink noise, not recorded): -5 dB" in page.read_text()
    (pair,) = (one for one in found["pairs"] if (one["severity"], one["target"]) == (-5.0, "arousal"))
    for place, folder in enumerate(folders):  # the drop is that of each system's own curve, its repeats averaged
        assert main(["evaluate", folder, *chosen, "--quiet", "--json"]) == 0
        clean, *_, worst = json.loads(capsys.readouterr().out)["robustness"]["curves"]["noise"]["points"]
        values = [point["metrics"]["arousal"]["value"] for point in (clean, worst)]
        assert pair["drops"][place] == pytest.approx(values[0] - values[1])


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("compare", ["--missing", "--metric", "uar"], "main metric"),
        ("compare", ["--missing", "--robustness"], "one of --robustness and --missing"),
        ("compare", ["--curves", "noise"], "give one of them"),
        ("compare", ["--num", "3"], "give one of them"),
        ("compare", ["--missing", "--curves", "word"], "did you mean 'words'"),
        ("evaluate", ["--robustness", "--curves", "nose"], "did you mean 'noise'"),
        ("evaluate", ["--robustness", "--missing", "--curves", "noise"], "give one of them"),
        ("evaluate", ["--robustness", "--report", "page.pdf"], "ends in .html or .json"),
        ("compare", ["--missing", "--report", "no/folder/page.html"], "lies in none that exists"),
        ("evaluate", ["--classes", "anger,fear"], "name it with --corpus"),
        ("evaluate", ["--robustness", "--curves", ""], "unknown curve ''"),
    ],
)
def test_options_that_do_not_go_together(
    build_run: Build, capsys: pytest.CaptureFixture[str], verb: str, options: list[str], message: str
) -> None:
    folders = [str(build_run("one")), *([str(build_run("two", streams="text"))] if verb == "compare" else [])]
    assert main([verb, *folders, *options, "--quiet"]) == 2
    assert message in capsys.readouterr().err
