"""Reports: everything that was measured, as JSON and as a page that shows it, whatever names are in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.bundle.target import Target
from emotone.evaluate.numbers.interval import Interval, to_json
from emotone.evaluate.report.report import build_report
from emotone.evaluate.report.worst import worst_errors
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import score_predictions

HOSTILE = "<script>alert('x')</script>"
LABELS = ("anger", "calm", "fear")
TARGETS = [
    Target("arousal", "attribute", (1, 7)),
    Target("valence", "attribute", (1, 7)),
    Target("emotion", "category", labels=LABELS),
]


def predictions(num: int = 120, num_speakers: int = 6, name: str = "s", seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    number = np.arange(num) % num_speakers
    label, truth = random.integers(3, size=num), random.normal(4, 1, (num, 2))
    logits = random.normal(size=(num, 3))
    logits[np.arange(num), label] += 1
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    noisy = truth * 0.7 + 1 + random.normal(size=(num, 2)) * 0.5
    return pd.DataFrame(
        {
            "id": [f"{name}{n}.wav" for n in range(num)], "corpus": name, "speaker": [f"{name}{n}" for n in number],
            "gender": np.where(number % 2, "female", "male"), "language": "da",
            "duration_s": random.uniform(0.5, 9, num), "repeat": 0, "fold": 0,
            "true_arousal": truth[:, 0], "predicted_arousal": noisy[:, 0],
            "true_valence": truth[:, 1], "predicted_valence": noisy[:, 1],
            "true_emotion": [LABELS[k] for k in label], **{f"p_{one}": p[:, k] for k, one in enumerate(LABELS)},
        }
    )  # fmt: skip


def make_run(test: pd.DataFrame, targets: list[Target] | None = None, **result: Any) -> Run:
    targets = TARGETS if targets is None else targets
    validation = predictions(60, seed=1)
    measured = {
        "protocol": "mine: leave-one-speaker-out by speaker", "hash": "0a1b2c", "seed": 3, "corpora": {"mine": "feed"},
        "splits": ["s1", "s2"], "versions": {"emotone": "1"}, "left_out": {"no label": 2}, "cpu_s": 90.0,
        **score_predictions(test, targets), **result,
    }  # fmt: skip
    return Run(Path("run"), {"name": "mine", "corpora": ["mine"], "seed": 3}, measured, targets, test, validation)


class Page(HTMLParser):
    """The elements of a page, the text of each section by its title, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sections: dict[str, str] = {}
        self.text, self._title, self._tag = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._tag = tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._tag in ("h2", "h3") and data.strip():
            self._title = data
            self.sections[data] = ""
        elif self._title:
            self.sections[self._title] += data + "\n"


def curves() -> dict[str, Any]:
    about = {"low": 0.4, "value": 0.5, "high": 0.6, "change": {"low": -0.2, "value": -0.1, "high": 0.0}}
    points = [
        {"severity": severity, "is_clean": severity == "clean", "num_failed": 0,
         "metrics": {"arousal": about, "valence": about, "emotion": about if severity != -5.0 else None}}
        for severity in ("clean", 10.0, -5.0)
    ]  # fmt: skip
    return {
        "num_utterances": 9, "num_speakers": 3,
        "notes": [], "metrics": {"arousal": "ccc", "valence": "ccc", "emotion": "uar"},
        "curves": {"noise": {"title": "Noise (pink noise, not recorded)", "axis": "SNR (dB)", "points": points}},
    }  # fmt: skip


def test_json_has_everything_and_no_nan() -> None:
    about, _ = build_report(make_run(predictions()), curves())
    again = json.loads(json.dumps(about, allow_nan=False))
    assert again == about
    assert set(about["groups"]["arousal"]) == {"speaker", "gender", "language", "corpus", "duration"}
    assert about["groups"]["arousal"]["speaker"][0]["ccc"]["low"] is None  # one speaker has no interval
    assert np.sum(about["confusion"]["counts"]) == 120 and about["confusion"]["labels"] == list(LABELS)
    assert about["calibration"]["emotion"]["after"]["ece"] >= 0 and 0 < about["calibration"]["arousal"]["slope"] < 2
    assert about["gender_differences"]["valence"][0]["pair"] == "female - male"
    assert about["robustness"]["curves"]["noise"]["points"][0]["is_clean"]
    assert about["result"]["metrics"]["arousal"]["ccc"]["low"] < about["result"]["metrics"]["arousal"]["ccc"]["value"]


def test_the_page_shows_what_the_json_has() -> None:
    run = make_run(predictions(), warnings=["LEAKAGE ALLOWED: 2 speakers"], notes=["arousal mapped"])
    about, html = build_report(run, curves())
    page = Page(html)
    assert list(page.sections) == [
        "Overview", "Categories", "Where it comes from", "True and predicted", "Confusion", "Classes", "Genders",
        "Differences between genders", "Durations", "Speakers", "Calibration", "Robustness", "Worst errors", "Arousal",
        "Valence", "Emotion", "Recipe",
    ]  # fmt: skip
    assert html.index("LEAKAGE ALLOWED: 2 speakers") < html.index("<nav>")
    for words in ("120 utterances of 6 speakers", "language da, corpus s", "arousal mapped", "leave-one-speaker-out"):
        assert words in page.sections["Overview"], words
    for words in ("0a1b2c", "feed", "s1, s2", "no label (2)", "emotone 1", "1.5 minutes"):
        assert words in page.sections["Where it comes from"], words
    value = about["result"]["metrics"]["arousal"]["ccc"]["value"]
    assert f"{value:.3f}".lstrip("0") in page.sections["Overview"]
    assert "pink noise, not recorded" in page.sections["Robustness"]
    assert about["worst"]["arousal"][0]["utterance"] in page.sections["Arousal"]
    assert "name: mine" in page.sections["Recipe"] and page.tags.count("figure") == 7


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
    perfect = predictions()
    for label in LABELS:
        perfect[f"p_{label}"] = (perfect["true_emotion"] == label).astype(float)
    assert "There are none." in Page(build_report(make_run(perfect, TARGETS[2:]))[1]).sections["Worst errors"]


def test_worst_errors_are_the_largest() -> None:
    table = predictions()
    table.loc[7, "predicted_arousal"] = 99.0
    worst = worst_errors(table, TARGETS[0])
    assert worst[0]["utterance"] == "s7.wav" and worst[0]["error"] == pytest.approx(99 - table.loc[7, "true_arousal"])
    assert np.all(np.diff([abs(row["error"]) for row in worst]) <= 0) and len(worst) == 12
    least = worst_errors(pd.concat([table, table.assign(repeat=1)], ignore_index=True), TARGETS[2])
    assert all(row["truth"] != row["prediction"] and row["p(truth)"] < row["p(prediction)"] for row in least)
    assert len({row["utterance"] for row in least}) == len(least)


def test_many_predictions_make_a_small_page() -> None:
    about, html = build_report(make_run(predictions(30_000, 120)))
    assert len(html.encode()) < 2_000_000 and len(about["groups"]["arousal"]["speaker"]) == 120
    assert "Of 120 speakers" in html
    values = {row["group"]: row["ccc"]["value"] for row in about["groups"]["arousal"]["speaker"]}
    listed, ordered = Page(html).sections["Speakers"], sorted(values, key=lambda name: values[name])
    assert f"\n{ordered[0]}\n" in listed and f"\n{ordered[60]}\n" not in listed and f"\n{ordered[-1]}\n" in listed


def test_clusters_and_deep_mi_are_in_the_report_of_a_run_that_has_them(tmp_path: Path) -> None:
    run = make_run(predictions(), TARGETS[:1])
    run.folder = tmp_path
    without, _ = build_report(run)
    assert without["clusters"] is None and without["deep_mi"] is None
    random = np.random.default_rng(0)
    table = run.test.assign(
        network="", part="train", cluster=np.arange(120) % 4, arousal=run.test["true_arousal"],
        embedding=list(random.normal(size=(120, 4))), file="a.wav", start_s=np.nan, end_s=np.nan, target="arousal",
        label=run.test["true_arousal"], level=3, predicted=4.0, predicted_level=3, deep_mi=random.normal(size=120),
    )  # fmt: skip
    (tmp_path / "semi-supervised").mkdir()
    table.to_parquet(tmp_path / "semi-supervised/clusters.parquet")
    table.to_parquet(tmp_path / "deep_mi.parquet")
    pd.DataFrame({"epoch": [0, 1], "nmi_labelled": [None, 0.5]}).to_csv(tmp_path / "semi-supervised/metrics.csv")
    for name in ("recipe.yaml", "done.json"):
        (tmp_path / name).write_text("{}")
    about, html = build_report(run)
    json.dumps(about, allow_nan=False)
    assert list(Page(html).sections)[-8:] == [
        "Clusters", "Labels in each cluster", "Agreement over epochs", "DeepMI: arousal", "Clusters and levels",
        "Most informative utterances", "Least informative utterances", "Recipe",
    ]  # fmt: skip
    assert len(about["clusters"]["networks"][0]["clusters"]) == 4
    assert about["deep_mi"]["targets"]["arousal"]["most"][0]["deep_mi"] == pytest.approx(table["deep_mi"].max())


def test_json_values() -> None:
    values = {"a": Interval(np.float64(0.5), 1.0, float("inf")), "b": [np.int64(3), None, "x"], 4: True}
    assert to_json(values) == {"a": {"low": 0.5, "value": 1.0, "high": None}, "b": [3, None, "x"], "4": True}
