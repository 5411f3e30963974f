"""Robustness on real speech and noise: the same whatever the order, honest about what was added and what failed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.audio.change.degrade import CURVES
from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.base.draws import generator
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emodb import EmoDB
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.degraded.measured import describe
from emotone.evaluate.degraded.robustness import (
    AudioPart,
    BundleScorer,
    Item,
    Noise,
    ScoreRow,
    choose_utterances,
    robustness,
    score_degraded,
    score_robustness,
)
from emotone.evaluate.numbers import metrics
from emotone.evaluate.run_folder import Run, load_run

LOUDNESS = Target("arousal", "attribute", (-60, 0))
DURATION = Target("valence", "attribute", (0, 10))


@pytest.fixture(scope="module")
def six_spoken(shared: Path) -> Corpus:
    """Two utterances each of three EmoDB speakers."""
    whole = EmoDB().read(shared / "data/emodb")
    few = whole.utterances.groupby("speaker").head(2)
    few = few[few["speaker"].isin(sorted(few["speaker"].unique())[:3])].reset_index(drop=True)
    random = np.random.default_rng(0)
    few = few.assign(arousal=random.uniform(1, 5, len(few)))
    return Corpus("emodb", whole.root, few, None, {"ranges": {"arousal": [1, 5]}})


@pytest.fixture
def corpus(six_spoken: Corpus) -> Corpus:
    """The same, prepared."""
    six_spoken.save()
    return six_spoken


def about(corpus: Corpus) -> tuple[list[Item], pd.DataFrame]:
    """Items and table of a corpus whose truth is its loudness and its length, which `hear` predicts exactly."""
    items = [Item(row.id, AudioPart(str(corpus.path_of(row.file)))) for row in corpus.utterances.itertuples()]
    voices = [item.audio for item in items]
    items = [replace(item, voices=(voices[(n + 2) % 6], voices[(n + 4) % 6])) for n, item in enumerate(items)]
    heard = pd.DataFrame([hear(item, [item.audio.load()])[0] for item in items]).rename(
        columns=lambda c: "true" + c[9:]
    )
    return items, heard.assign(id=corpus.utterances["id"], speaker=corpus.utterances["speaker"])


def hear(item: Item, copies: Sequence[Samples]) -> list[ScoreRow | None]:
    """Level in dB and length in seconds; nothing shorter than a second is heard."""
    found: list[ScoreRow | None] = []
    for copy in copies:
        level_db = 10 * float(np.log10(np.mean(copy.astype(float) ** 2)))
        heard = {"predicted_arousal": level_db, "predicted_valence": len(copy) / RATE_HZ}
        found.append(heard if len(copy) >= RATE_HZ else None)
    return found


@dataclass
class Recorder:
    """Keeps what is to be scored."""

    heard: dict[str, list[Samples]]

    def __call__(self, item: Item, copies: Sequence[Samples]) -> list[ScoreRow | None]:
        self.heard[item.id] = list(copies)
        return hear(item, copies)


@pytest.fixture(scope="module")
def curves(six_spoken: Corpus) -> dict[str, Any]:
    """All curves of the corpus."""
    return describe(score_degraded(*about(six_spoken), hear, quiet=True), [LOUDNESS, DURATION])


def test_curves_are_metrics_of_the_degraded_copies(curves: dict[str, Any], corpus: Corpus) -> None:
    assert list(curves) == list(CURVES) and {curve["num_utterances"] for curve in curves.values()} == {6}
    for name, curve in curves.items():
        assert [point["severity"] for point in curve["points"]] == list(CURVES[name].severities)
        (clean,) = (point for point in curve["points"] if point["is_clean"])
        for target in ("arousal", "valence"):
            assert clean["metrics"][target]["value"] == pytest.approx(1)
            assert clean["metrics"][target]["change"] == pytest.approx({"low": 0, "value": 0, "high": 0}, abs=1e-12)
    gain = {point["severity"]: point["metrics"]["arousal"] for point in curves["gain"]["points"]}
    _, table = about(corpus)
    quiet = table["true_arousal"]
    assert gain[-20.0]["value"] == pytest.approx(metrics.ccc(quiet - 20, quiet), abs=1e-6)
    assert gain[-20.0]["change"]["value"] == pytest.approx(gain[-20.0]["value"] - 1)
    noise = [point["metrics"]["arousal"]["value"] for point in curves["noise"]["points"]]
    assert noise[-1] < noise[-2] < noise[0]
    json.dumps(curves)


def test_what_is_too_short_is_counted(curves: dict[str, Any], corpus: Corpus) -> None:
    points = curves["shortening"]["points"]
    assert [point["num_failed"] for point in points] == [0, 0, 0, 0, 6]
    assert points[-1]["metrics"] == {"arousal": None, "valence": None}
    items, table = about(corpus)
    short = [replace(items[0], audio=replace(items[0].audio, end_s=0.5)), *items[1:3]]
    scores = score_degraded(short, table[:3], hear)
    assert scores.notes == ["1 more utterances are too short to be scored"] and len(scores.clean([LOUDNESS])) == 2
    assert [point["num_failed"] for point in describe(scores, [LOUDNESS])["shortening"]["points"]] == [0, 0, 0, 0, 2]
    with pytest.raises(EmotoneError, match="all are too short"):
        score_degraded(items[:1], table[:1], lambda item, copies: [None] * len(copies))


def test_neither_order_nor_processes_nor_company_matter(corpus: Corpus) -> None:
    items, table = about(corpus)
    items, table = items[:3], table[:3]
    whole, reverse, few = Recorder({}), Recorder({}), Recorder({})
    score_degraded(items, table, whole)
    score_degraded(items[::-1], table[::-1].reset_index(drop=True), reverse)
    score_degraded(items[1:2], table[1:2].reset_index(drop=True), few)
    for other in (reverse, few):
        for name, copies in other.heard.items():
            for one, two in zip(copies, whole.heard[name], strict=True):
                np.testing.assert_array_equal(one, two)


def test_processes_give_the_same(corpus: Corpus, tiny_bundle: Path) -> None:
    items, table = about(corpus)
    items = [replace(item, bundle=str(tiny_bundle)) for item in items[:2]]
    scorer = BundleScorer([target for target in Bundle.load(str(tiny_bundle)).targets if target.name == "arousal"])
    one, two = (score_degraded(items, table[:2], scorer, jobs=jobs) for jobs in (1, 2))
    for name, tables in one.tables.items():
        for severity, scores in tables.items():
            pd.testing.assert_frame_equal(scores, two.tables[name][severity], check_exact=True)


def test_curves_alone_are_those_of_all(corpus: Corpus) -> None:
    items, table = about(corpus)
    whole, alone = (score_degraded(items[:2], table[:2], hear, names=names) for names in (list(CURVES), ["codec"]))
    assert list(alone.tables) == ["codec"]
    for severity, scores in alone.tables["codec"].items():
        pd.testing.assert_frame_equal(scores, whole.tables["codec"][severity], check_exact=True)


@pytest.mark.parametrize("real", [True, False])
def test_noise_has_its_ratio_in_every_copy(corpus: Corpus, shared: Path, real: bool) -> None:
    items, table = about(corpus)
    files = tuple(map(str, sorted((shared / "data/esc10").rglob("*.flac"))[::5]))
    kept = Recorder({})
    found = score_degraded(items, table, kept, Noise(files, "esc") if real else Noise(), seed=3)
    words = f"{len(files)} recordings of esc" if real else "pink noise, not recorded"
    assert found.curves["noise"].title == f"Noise ({words})"
    for name, copies in kept.heard.items():
        noise = Noise(files if real else ()).samples(len(copies[0]), generator(3, name, "noise"))
        parts = np.stack([copies[0], noise], axis=1).astype(float)
        powers = np.mean(parts**2, axis=0)
        for snr_db, mixture in zip((20, 10, 5, 0, -5), copies[1:6], strict=True):
            gains = np.linalg.lstsq(parts, mixture.astype(float), rcond=None)[0]
            assert np.abs(parts @ gains - mixture).max() < 1e-5  # it is made of these two and nothing else
            assert 10 * np.log10(powers[0] * gains[0] ** 2 / (powers[1] * gains[1] ** 2)) == pytest.approx(
                snr_db, abs=0.05
            )


def test_without_other_speakers_there_is_no_babble(corpus: Corpus) -> None:
    items, table = about(corpus)
    found = score_degraded([replace(item, voices=()) for item in items], table, hear)
    assert "babble" not in found.tables and found.notes == ["no babble: the corpus names no other speakers"]


def test_who_has_no_other_speakers_is_left_out_of_babble_alone(corpus: Corpus) -> None:
    items, table = about(corpus)
    found = score_degraded([replace(items[0], voices=()), *items[1:]], table, hear, names=["babble", "codec"])
    assert found.notes == ["no babble of 1 utterances: the corpus names no other speakers"]
    points = describe(found, [LOUDNESS])
    assert points["babble"]["num_utterances"] == 5 and points["codec"]["num_utterances"] == 6
    assert {point["num_failed"] for point in points["babble"]["points"]} == {0}
    assert len(found.clean([LOUDNESS])) == 6


def test_voices_that_cannot_be_read_are_passed_over(corpus: Corpus, tmp_path: Path) -> None:
    items, table = about(corpus)
    broken = AudioPart(str(tmp_path / "gone.wav"))
    whole = score_degraded(items, table, hear, names=["babble"])
    found = score_degraded(
        [replace(item, voices=(broken, *item.voices)) for item in items], table, hear, names=["babble"]
    )
    for severity, scores in whole.tables["babble"].items():
        pd.testing.assert_frame_equal(found.tables["babble"][severity], scores, check_exact=True)


def test_rows_are_counted_once_over_curves_of_other_utterances(corpus: Corpus) -> None:
    items, table = about(corpus)
    found = score_degraded(items, table, hear, names=["codec", "gain"])
    codec = {level: scores[3:].reset_index(drop=True) for level, scores in found.tables["codec"].items()}
    clean = replace(found, tables={**found.tables, "codec": codec}).clean([LOUDNESS])
    assert sorted(clean["id"]) == sorted(table["id"])


def test_a_feature_that_cannot_run_is_not_called_too_short(
    corpus: Corpus, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(bundle: Bundle, samples: Samples) -> None:
        raise EmotoneError("the feature needs the package 'transformers'")

    run = on_corpus(corpus, tiny_bundle, wanted(tiny_bundle))
    monkeypatch.setattr(Bundle, "extract", fail)
    with pytest.raises(EmotoneError, match="needs the package"):
        robustness(run, quiet=True)


def test_nothing_that_can_be_measured_is_an_error(corpus: Corpus, tiny_bundle: Path) -> None:
    run = on_corpus(corpus, tiny_bundle, wanted(tiny_bundle))
    run = replace(run, test=run.test.assign(speaker=None))
    table = corpus.utterances.assign(speaker=None)
    Corpus(corpus.name, corpus.root, table, None, corpus.meta).save()
    run = replace(run, result={"corpora": {corpus.name: Corpus.load(corpus.name).fingerprint}})
    with pytest.raises(EmotoneError, match=r"nothing of it can be measured \(no babble: the corpus names no other"):
        robustness(run, quiet=True, only=["babble"])


def predictions(corpus: Corpus, bundle: Path, prefix: str = "") -> pd.DataFrame:
    """What the bundle says of the corpus, as a run keeps it."""
    scorer = BundleScorer(Bundle.load(str(bundle)).targets)
    rows = []
    for row in corpus.utterances.itertuples():
        item = Item(row.id, AudioPart(str(corpus.path_of(row.file))), (), str(bundle))
        names = {"id": prefix + row.id, "corpus": corpus.name, "speaker": prefix + row.speaker}
        truth = {"true_arousal": row.arousal, "true_emotion": row.emotion}
        rows.append(names | truth | (scorer(item, [item.audio.load()])[0] or {}))
    return pd.DataFrame(rows).assign(repeat=0, fold=0)


def wanted(bundle: Path) -> list[Target]:
    return [target for target in Bundle.load(str(bundle)).targets if target.name in ("arousal", "emotion")]


def on_corpus(corpus: Corpus, bundle: Path, targets: list[Target]) -> Run:
    result = {"corpora": {corpus.name: corpus.fingerprint}}
    table = predictions(corpus, bundle)
    return Run(bundle, {"name": "tiny"}, result, targets, table.assign(own_id=table["id"]), pd.DataFrame())


def test_a_bundle_on_a_corpus(corpus: Corpus, tiny_bundle: Path, shared: Path) -> None:
    run = on_corpus(corpus, tiny_bundle, wanted(tiny_bundle))
    found = robustness(run, shared / "data/esc10", quiet=True, num_utterances=4)
    assert found["num_utterances"] == 4 and "recordings of esc10" in found["curves"]["noise"]["title"]
    assert not found["notes"]
    kept = run.test[run.test["id"].isin(choose_utterances(run.test, 4, 0)["id"])]
    clean = found["curves"]["noise"]["points"][0]["metrics"]["arousal"]["value"]
    assert clean == pytest.approx(metrics.ccc(kept["predicted_arousal"], kept["true_arousal"]), abs=1e-9)


def test_descriptors_are_those_of_whom_the_run_says(corpus: Corpus, pull_once: Callable[[str], Path]) -> None:
    folder, halved = str(pull_once("chunk-attention-self")), {}
    for lld in ("own", "opensmile"):
        run, bundle = evaluate_model(folder, "emodb", quiet=True, lld=lld), Bundle.load(folder, lld=lld)
        tables = score_robustness(run, quiet=True, only=["shortening"]).tables["shortening"]
        pd.testing.assert_series_equal(tables["all"]["predicted_arousal"], run.test["predicted_arousal"], rtol=1e-5)
        part = load_audio(corpus.path_of(corpus.utterances["file"].iloc[0]))[:RATE_HZ]
        expected = bundle.score_samples([part]).attributes["arousal"][0]
        halved[lld] = tables[1.0].set_index("id")["predicted_arousal"][corpus.utterances["id"].iloc[0]]
        assert 1 + (expected - 1) * 4 / 6 == pytest.approx(halved[lld], abs=1e-5)
    assert halved["own"] != halved["opensmile"]


def test_scores_are_on_the_range_of_the_target(corpus: Corpus, tiny_bundle: Path) -> None:
    item = replace(about(corpus)[0][0], bundle=str(tiny_bundle))
    own, narrow = wanted(tiny_bundle)[0], replace(wanted(tiny_bundle)[0], range=(0.0, 1.0))
    (one,), (two,) = (BundleScorer([target])(item, [item.audio.load()]) for target in (own, narrow))
    assert one and two and two["predicted_arousal"] == pytest.approx((one["predicted_arousal"] - 1) / 6)


@pytest.mark.parametrize("corpora", [["emodb"], ["emodb", "emodb2"]])
def test_each_utterance_is_scored_by_the_bundle_of_its_fold(
    corpus: Corpus, tiny_bundle: Path, tmp_path: Path, corpora: list[str]
) -> None:
    Corpus("emodb2", corpus.root, corpus.utterances, None, corpus.meta).save()
    targets = wanted(tiny_bundle)
    for number, name in enumerate(corpora * (2 // len(corpora))):
        place = tmp_path / f"fold-{number}"
        shutil.copytree(tiny_bundle, place / "bundle")
        (place / "done.json").write_text("{}")
        table = predictions(Corpus.load(name), tiny_bundle, f"{name}/" if len(corpora) > 1 else "")
        half = table[table.index % 2 == number] if len(corpora) == 1 else table
        half.assign(fold=number).to_parquet(place / "predictions.parquet")
    fingerprints = {name: Corpus.load(name).fingerprint for name in corpora}
    (tmp_path / "recipe.yaml").write_text(json.dumps({"name": "mine", "corpora": corpora, "seed": 0}))
    (tmp_path / "test.json").write_text(
        json.dumps(
            {
                "hash": "x",
                "metrics": {},
                "protocol": "mine",
                "corpora": fingerprints,
                "num_utterances": 1,
                "num_speakers": 1,
            }
        )
    )
    run = replace(load_run(tmp_path), targets=targets)
    found = robustness(run, quiet=True, num_utterances=5)
    assert "pink noise, not recorded" in found["curves"]["noise"]["title"] and found["num_utterances"] == 5
    kept = run.test[run.test["id"].isin(choose_utterances(run.test, 5, 0)["id"])]
    clean = found["curves"]["gain"]["points"][3]["metrics"]["arousal"]["value"]
    assert clean == pytest.approx(metrics.ccc(kept["predicted_arousal"], kept["true_arousal"]), abs=1e-9)


def spoil_bundle(run: Run, tmp_path: Path) -> Run:
    shutil.copytree(run.folder, tmp_path / "spoilt")
    text = json.loads((tmp_path / "spoilt/bundle.json").read_text())
    text["normalise"]["by"] = "speaker"
    (tmp_path / "spoilt/bundle.json").write_text(json.dumps(text))
    return replace(run, folder=tmp_path / "spoilt")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_bundle, "normalises by speaker"),
        (lambda run, path: replace(run, result={"corpora": {"emodb": "0"}}), "has changed since"),
        (lambda run, path: replace(run, result={"corpora": {"emodb9": "0"}}), "is not prepared"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    corpus: Corpus, tiny_bundle: Path, tmp_path: Path, spoil: Callable[[Run, Path], Run], message: str
) -> None:
    run = spoil(on_corpus(corpus, tiny_bundle, wanted(tiny_bundle)), tmp_path)
    with pytest.raises(EmotoneError, match=message):
        robustness(run, quiet=True)


def test_noise_that_is_none(corpus: Corpus, tiny_bundle: Path, tmp_path: Path) -> None:
    import soundfile

    run = on_corpus(corpus, tiny_bundle, wanted(tiny_bundle))
    with pytest.raises(EmotoneError, match="no such folder"):
        robustness(run, tmp_path / "nowhere", quiet=True)
    soundfile.write(tmp_path / "empty.wav", np.zeros(16_000), 16_000)
    with pytest.raises(EmotoneError, match=r"empty\.wav: holds only silence"):
        robustness(run, tmp_path, quiet=True)


def test_robustness_is_given_the_transcript(build_run: Callable[..., Path]) -> None:
    run = load_run(build_run("lexical", alignment="whisper", strategy="lexical"))
    found = robustness(run, quiet=True, num_utterances=4)["curves"]
    few = run.test[run.test["id"].isin(choose_utterances(run.test, 4, 0)["id"])]
    clean = found["gain"]["points"][3]["metrics"]["arousal"]["value"]
    assert clean == pytest.approx(metrics.ccc(few["predicted_arousal"], few["true_arousal"]), abs=1e-4)
    assert [point["num_failed"] for point in found["shortening"]["points"]] == [0] * 5
