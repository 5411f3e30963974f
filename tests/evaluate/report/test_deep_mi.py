"""DeepMI in a report: values and cells are those of independent counts, utterances play where there is audio."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from pages import HOSTILE, Page
from sklearn.metrics import mutual_info_score

from emotone.base.page import Section, render
from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emotale import EmoTale
from emotone.data.labels.deep_mi import cut_points, deep_mi, to_levels
from emotone.errors import EmotoneError
from emotone.evaluate.numbers.interval import to_json
from emotone.evaluate.report.deep_mi import ends_of, measure_deep_mi, read_deep_mi, section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run

AROUSAL = Target("arousal", "attribute", (1, 5))
EMOTION = Target("emotion", "category", labels=("anger", "calm"))


def values(num: int = 90, num_clusters: int = 4, target: str = "arousal", seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    cluster = np.arange(num) % num_clusters
    label = np.clip(1.4 + cluster * 0.9 + random.normal(0, 0.5, num), 1, 5)
    predicted = np.clip(label + random.normal(0, 0.5, num), 1, 5)
    cuts = cut_points(1, 5)
    return pd.DataFrame(
        {
            "id": [f"u{n}" for n in range(num)],
            "corpus": "mine",
            "file": [f"u{n}.wav" for n in range(num)],
            "start_s": np.nan,
            "end_s": np.nan,
            "speaker": "s",
            "gender": None,
            "duration_s": 2.0,
            "target": target,
            "cluster": cluster,
            "label": label,
            "level": to_levels(label, cuts),
            "predicted": predicted,
            "predicted_level": to_levels(predicted, cuts),
            "deep_mi": deep_mi(cluster, label, cuts=cuts),
        },
    )


def make_run(folder: Path, table: pd.DataFrame, folds: tuple[str, ...] = ("",)) -> Run:
    for fold in folds:
        (folder / fold).mkdir(parents=True, exist_ok=True)
        (folder / fold / "done.json").write_text("{}")
        table.to_parquet(folder / fold / "deep_mi.parquet")
    (folder / "recipe.yaml").write_text("name: mine\n")
    return Run(folder, {"name": "mine"}, {}, [AROUSAL, EMOTION], pd.DataFrame(), pd.DataFrame())


def report(run: Run) -> tuple[dict[str, Any] | None, list[Section]]:
    part = section(Evaluated(run))
    assert list(part.json) == ["deep_mi"]
    return part.json["deep_mi"], part.sections


@pytest.fixture
def emotale(shared: Path) -> Corpus:
    """The prepared corpus, in the test's own cache."""
    corpus = EmoTale().read(shared / "data/emotale-da")
    corpus.save()
    return corpus


def of_corpus(corpus: Corpus, num: int = 30) -> pd.DataFrame:
    chosen = corpus.utterances.head(num)
    columns = {column: chosen[column].to_numpy() for column in ("id", "file", "speaker", "gender")}
    return values(num).assign(corpus=corpus.name, **columns)


def test_cells_are_counted_anew() -> None:
    table = values()
    about = measure_deep_mi(table, AROUSAL)
    assert about["mutual_information"] == pytest.approx(mutual_info_score(table["cluster"], table["level"]), abs=1e-12)
    N, pairs = len(table), table.groupby(["cluster", "level"]).size()
    x, y = table["cluster"].value_counts(), table["level"].value_counts()
    assert len(about["cells"]) == len(pairs)
    for row in about["cells"]:
        cluster, level = row["cluster"], row["level"]
        count = pairs[cluster, level]
        assert row["num_utterances"] == count and row["share_of_cluster"] == pytest.approx(count / x[cluster])
        assert row["mi"] == pytest.approx(count / N * math.log(count * N / (x[cluster] * y[level])), abs=1e-12)
    assert [row["mi"] for row in about["cells"]] == sorted((row["mi"] for row in about["cells"]), reverse=True)


def test_levels_are_those_of_pandas() -> None:
    table = values()
    about = measure_deep_mi(table, AROUSAL)
    found = pd.DataFrame(about["levels"]).set_index("level")
    expected = table.groupby("level")["deep_mi"].agg(["count", "min", "median", "mean", "max"])
    assert np.allclose(found[["num_utterances", "least", "median", "mean", "most"]], expected)
    assert found.loc[1, "label"] == "1.67–2.33"
    assert about["num_distinct"] == table["deep_mi"].nunique()
    assert about["num_negative"] == int((table["deep_mi"] < 0).sum()) > 0


@pytest.mark.parametrize(("num", "sizes"), [(90, (10, 10)), (15, (8, 7)), (2, (1, 1)), (1, (1, 0))])
def test_the_ends_are_the_largest_and_smallest_and_never_both(num: int, sizes: tuple[int, int]) -> None:
    table = values(num)
    most, least = ends_of(table)
    assert (len(most), len(least)) == sizes and not set(most["id"]) & set(least["id"])
    ordered = table["deep_mi"].sort_values(ascending=False).to_numpy()
    assert most["deep_mi"].tolist() == ordered[: sizes[0]].tolist()
    assert least["deep_mi"].tolist() == ordered[::-1][: sizes[1]].tolist()
    assert ends_of(table)[0].equals(most)


def test_utterances_play_and_nothing_is_loaded(tmp_path: Path, emotale: Corpus) -> None:
    about, sections = report(make_run(tmp_path, of_corpus(emotale)))
    assert about is not None and "audio/ogg" not in json.dumps(to_json(about), allow_nan=False)
    page = Page(render("One", sections))
    players, listed = (
        page.of("audio"),
        [row["id"] for end in ("most", "least") for row in about["targets"]["arousal"][end]],
    )
    assert len(players) == len(listed) == 20 and "script" not in page.tags
    files = dict(zip(emotale.utterances["id"], emotale.utterances["file"], strict=True))
    for attributes, name in zip(players, listed, strict=True):
        assert attributes["preload"] == "none" and "controls" in attributes
        kind, _, text = str(attributes["src"]).partition(",")
        clip, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(text)))
        truth = soundfile.info(emotale.path_of(files[name]))
        assert (kind, rate_hz) == ("data:audio/ogg;base64", 16_000)
        assert len(clip) / rate_hz == pytest.approx(truth.duration, abs=0.01)
    note = sections[-1].note
    assert "mind the licence" in note and f"emotale: {emotale.meta['licence']}" in note and "no player" not in note


def test_what_cannot_be_played_stays_and_is_said(tmp_path: Path, emotale: Corpus) -> None:
    table = of_corpus(emotale, 12)
    most, least = ends_of(table)
    table.loc[most.index[:2], "corpus"] = "elsewhere"
    table.loc[least.index[0], "file"] = "wav/missing.flac"
    table.loc[least.index[1], "file"] = "../outside.flac"
    _, sections = report(make_run(tmp_path, table))
    page = Page(render("One", sections))
    assert len(page.of("audio")) == 8 and set(table["id"]) <= set(page.cells)
    note = sections[-1].note
    assert "4 of 12 utterances have no player: 2 of elsewhere (corpus 'elsewhere' is not prepared; run: emotone" in note
    assert "2 of emotale (" in note and ("missing.flac: does not exist" in note or "leaves the corpus folder" in note)


def test_one_utterance_without_its_corpus_makes_a_page(tmp_path: Path) -> None:
    _, sections = report(make_run(tmp_path, values(1)))
    assert [section.title for section in sections] == [
        "DeepMI: arousal",
        "Clusters and levels",
        "Most informative utterances",
    ]
    assert "1 of 1 utterances have no player" in sections[-1].note and "licence" not in sections[-1].note
    render("One", sections)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    table = values().assign(speaker=HOSTILE, corpus=HOSTILE)
    table["id"] = HOSTILE + table["id"]
    page = Page(render("One", report(make_run(tmp_path, table))[1]))
    assert not page.of("script") and page.text.count(HOSTILE) > 40


def test_what_is_unknown_is_a_dash(tmp_path: Path) -> None:
    about, sections = report(make_run(tmp_path, values(6).assign(predicted=np.nan, speaker=None)))
    assert about is not None and to_json(about)["targets"]["arousal"]["most"][0]["predicted"] is None
    assert Page(render("One", sections)).cells.count("–") == 6 * 3  # speaker, prediction and player


def test_the_first_fold_is_named_and_targets_are_apart(tmp_path: Path) -> None:
    valence = Target("valence", "attribute", (1, 5))
    table = pd.concat([values(), values(40, 2, "valence", seed=3)], ignore_index=True)
    run = make_run(tmp_path, table, ("fold-0", "fold-1", "fold-2"))
    run.targets.insert(1, valence)
    about, sections = report(run)
    assert about is not None and (about["fold"], about["num_folds"]) == ("fold-0", 3)
    assert [section.title for section in sections if section.level == 2] == ["DeepMI: arousal", "DeepMI: valence"]
    assert {name: row["num_utterances"] for name, row in about["targets"].items()} == {"arousal": 90, "valence": 40}
    assert "fold-0, the first of 3 folds" in sections[0].text


def test_equal_values_are_said(tmp_path: Path) -> None:
    table = values(60, 1).assign(level=2, deep_mi=0.0)
    about, sections = report(make_run(tmp_path, table))
    assert about is not None and about["targets"]["arousal"]["mutual_information"] == pytest.approx(0)
    assert "60 utterances share the value 0.00000; those listed are drawn from them." in sections[2].text


def test_a_run_without_deep_mi_has_none(tmp_path: Path) -> None:
    assert report(Run(tmp_path, {}, {}, [AROUSAL], pd.DataFrame(), pd.DataFrame())) == (None, [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"level": 6}, "column level must hold whole numbers from 0 to 5, but 9 of 9 values do not, e.g. "),
        ({"cluster": [0.5] * 9}, "column cluster must hold whole numbers"),
        ({"deep_mi": np.nan}, "9 of 9 utterances have no DeepMI"),
        ({"deep_mi": np.inf}, "9 of 9 values of deep_mi are no finite numbers"),
        ({"label": "high"}, "9 of 9 values of label are no finite numbers, e.g. 'high'"),
        ({"target": "arousl"}, "attribute 'arousl'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "deep_mi.parquet"
    values(9).assign(**change).to_parquet(path)
    with pytest.raises(EmotoneError) as caught:
        read_deep_mi(path, [AROUSAL, EMOTION])
    assert str(path) in str(caught.value) and words in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_tables_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, values(9))
    path = tmp_path / "deep_mi.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(EmotoneError, match=r"deep_mi\.parquet: cannot be read"):
        report(run)
    values(9).head(0).to_parquet(path)
    with pytest.raises(EmotoneError, match=r"deep_mi\.parquet: has no rows"):
        report(run)
