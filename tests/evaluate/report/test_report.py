"""Reports: everything that was measured, as JSON and as a page that shows it, whatever names are in it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import TARGETS, make_run, measured_curves, predictions
from pages import HOSTILE, Page

from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.report import report
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.report.report import SECTIONS, build_report
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import score_predictions

KEYS = [
    "name",
    "result",
    "warnings",
    "published_folds",
    "groups",
    "gender_differences",
    "classes",
    "confusion",
    "calibration",
    "robustness",
    "missing",
    "worst",
    "clusters",
    "deep_mi",
    "recipe",
]
TITLES = [
    "Overview",
    "Categories",
    "Where it comes from",
    "True and predicted",
    "Confusion",
    "Classes",
    "Genders",
    "Differences between genders",
    "Durations",
    "Speakers",
    "Calibration",
    "Robustness",
    "Worst errors",
    "Arousal",
    "Valence",
    "Emotion",
    "Recipe",
]


def test_json_has_everything_in_its_order_and_no_nan() -> None:
    about, _ = build_report(make_run(predictions()), measured_curves())
    again = json.loads(json.dumps(about, allow_nan=False))
    assert again == about and list(about) == KEYS
    assert set(about["groups"]["arousal"]) == {"speaker", "gender", "language", "corpus", "duration"}
    assert about["groups"]["arousal"]["speaker"][0]["ccc"]["low"] is None  # one speaker has no interval
    assert about["robustness"]["curves"]["noise"]["points"][0]["is_clean"]
    assert about["result"]["metrics"]["arousal"]["ccc"]["low"] < about["result"]["metrics"]["arousal"]["ccc"]["value"]


def test_the_page_shows_what_the_json_has() -> None:
    run = make_run(predictions(), warnings=["LEAKAGE ALLOWED: 2 speakers"])
    about, html = build_report(run, measured_curves())
    page = Page(html)
    assert list(page.sections) == TITLES
    assert html.index("LEAKAGE ALLOWED: 2 speakers") < html.index("<nav>")
    value = about["result"]["metrics"]["arousal"]["ccc"]["value"]
    assert f"{value:.3f}".lstrip("0") in page.sections["Overview"]
    assert "pink noise, not recorded" in page.sections["Robustness"]
    assert about["worst"]["arousal"][0]["utterance"] in page.sections["Arousal"]
    assert page.tags.count("figure") == 7


def test_every_section_has_keys_of_its_own_that_are_always_there() -> None:
    parts = [section(Evaluated(make_run(predictions()))) for section in SECTIONS]
    keys = [key for part in parts for key in part.json]
    assert sorted(keys) == sorted(KEYS) and set(report.FIRST_KEYS) <= set(keys)


def test_hostile_names_are_text_everywhere() -> None:
    test = predictions(name=HOSTILE).replace({"male": HOSTILE, "da": HOSTILE})
    test["true_emotion"] = test["true_emotion"].replace("fear", HOSTILE)
    test = test.rename(columns={"p_fear": f"p_{HOSTILE}"})
    targets = [*TARGETS[:2], Target("emotion", "category", labels=("anger", "calm", HOSTILE))]
    run = make_run(test, targets, warnings=[HOSTILE], protocol=HOSTILE, corpora={HOSTILE: HOSTILE}, notes=[HOSTILE])
    run.recipe["name"] = HOSTILE
    run.validation = test
    page = Page(build_report(run)[1])
    assert "script" not in page.tags and page.text.count(HOSTILE) > 50


@pytest.mark.parametrize("targets", [TARGETS[:1], TARGETS[2:]])
def test_one_target_alone(targets: list[Target]) -> None:
    about, html = build_report(make_run(predictions(), targets))
    sections = Page(html).sections
    assert ("Confusion" in sections) == (targets[0].kind == "category") == bool(about["classes"])
    assert ("True and predicted" in sections) == (targets[0].kind == "attribute")
    assert "Robustness" not in sections and about["robustness"] is None


def test_a_bundle_on_a_corpus_has_no_recipe_hash_nor_validation() -> None:
    test = predictions().drop(columns=["repeat", "fold"])
    result = {"model": "tiny", "protocol": "tiny on all of mine", **score_predictions(test, TARGETS)}
    about, html = build_report(Run(Path("tiny"), {"name": "tiny"}, result, TARGETS, test, pd.DataFrame()))
    assert about["calibration"]["emotion"]["temperatures"] == []
    sections = Page(html).sections
    assert "No temperature was fitted" in sections["Calibration"] and "Recipe" not in sections


def test_small_and_odd_tables_still_make_a_report() -> None:
    test = predictions(6, 1)
    test["gender"], test["language"], test["predicted_arousal"] = None, None, 4.0
    test.loc[0, "duration_s"] = np.nan
    about, html = build_report(make_run(test))
    assert about["calibration"]["arousal"]["slope"] is None and "unknown" in Page(html).text


def test_many_predictions_make_a_small_page() -> None:
    about, html = build_report(make_run(predictions(30_000, 120)))
    assert len(html.encode()) < 2_000_000 and len(about["groups"]["arousal"]["speaker"]) == 120


def test_clusters_and_deep_mi_are_in_the_report_of_a_run_that_has_them(tmp_path: Path) -> None:
    run = make_run(predictions(), TARGETS[:1])
    run.folder = tmp_path
    without, _ = build_report(run)
    assert without["clusters"] is None and without["deep_mi"] is None
    random = np.random.default_rng(0)
    table = run.test.assign(
        network="",
        part="train",
        cluster=np.arange(120) % 4,
        arousal=run.test["true_arousal"],
        embedding=list(random.normal(size=(120, 4))),
        file="a.wav",
        start_s=np.nan,
        end_s=np.nan,
        target="arousal",
        label=run.test["true_arousal"],
        level=3,
        predicted=4.0,
        predicted_level=3,
        deep_mi=random.normal(size=120),
    )
    (tmp_path / "semi-supervised").mkdir()
    table.to_parquet(tmp_path / "semi-supervised/clusters.parquet")
    table.to_parquet(tmp_path / "deep_mi.parquet")
    pd.DataFrame({"epoch": [0, 1], "nmi_labelled": [None, 0.5]}).to_csv(tmp_path / "semi-supervised/metrics.csv")
    for name in ("recipe.yaml", "done.json"):
        (tmp_path / name).write_text("{}")
    about, html = build_report(run)
    json.dumps(about, allow_nan=False)
    assert list(Page(html).sections)[-8:] == [
        "Clusters",
        "Labels in each cluster",
        "Agreement over epochs",
        "DeepMI: arousal",
        "Clusters and levels",
        "Most informative utterances",
        "Least informative utterances",
        "Recipe",
    ]
    assert len(about["clusters"]["networks"][0]["clusters"]) == 4
    assert about["deep_mi"]["targets"]["arousal"]["most"][0]["deep_mi"] == pytest.approx(table["deep_mi"].max())


def test_a_run_without_any_label_is_one_line() -> None:
    run = make_run(predictions())
    run.result["metrics"] = {}
    with pytest.raises(EmotoneError, match="no target has a label in its test part, so there is nothing to report"):
        build_report(run)
